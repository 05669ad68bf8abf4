"""`/mcp`: the law as tools of other assistants, by the Model Context Protocol.

https://modelcontextprotocol.io/specification/2026-07-28 and the revisions before it, over
streamable HTTP without sessions: `endpoint` admits a request, `server` hands it to the official
SDK, `tools` are what a model may call (decision 0144).
"""
