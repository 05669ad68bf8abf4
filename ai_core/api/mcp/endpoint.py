"""POST /mcp: the key, the page it comes from, the limits and the body, before the SDK reads any."""

from typing import cast

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ai_core.access.gate import Permit
from ai_core.access.keys import Scope as KeyScope
from ai_core.answering.prompts import CHARS_A_TOKEN
from ai_core.answering.question import DEFAULT_NEW_TOKENS
from ai_core.api.dependencies import gate_of
from ai_core.api.direct_routes import DirectRoute, read_body
from ai_core.api.mcp.opening import McpServer
from ai_core.api.mcp.tools import Admission

direct = APIRouter(route_class=DirectRoute, include_in_schema=False)
PATH = "/mcp"
MAX_BODY_BYTES = 256 * 1024
"""A question of 32,000 characters, each escaped in JSON, and what is around it."""


@direct.post(PATH)
async def mcp(request: Request) -> Response:
    """Answer one JSON-RPC message. Key: inference.

    Every message counts as one request; one that asks a question also reserves tokens. A page of
    another site is refused, whatever key it has: it would be one that reached us under a name of
    its own.
    """
    gate = gate_of(request)
    caller = await gate.identify(request, KeyScope.INFERENCE)
    gate.require_own_page(request, caller)
    gate.raise_if_refused(request, caller)
    content = await read_body(request, MAX_BODY_BYTES)
    permit = gate.admit(request, caller, cost_tokens=_cost_tokens(content))
    await permit.enter()
    permit.spend(0)
    request.scope["state"]["mcp"] = Admission(caller, permit, content)
    return _Exchange(cast(McpServer, request.scope["state"]["mcp_server"]), permit, content)


class _Exchange(Response):
    """A response that the SDK writes, while the request's permit is held."""

    def __init__(self, server: McpServer, permit: Permit, content: bytes) -> None:
        super().__init__()
        self._server = server
        self._permit = permit
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request to the SDK, its body again first."""
        unread = [self._content]

        async def receive_again() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        try:
            await self._server.handle(scope, receive_again, send)
        finally:
            await self._permit.leave()


def _cost_tokens(content: bytes) -> int:
    """Return the tokens to reserve for a message: only a question takes any."""
    try:
        message = orjson.loads(content)
    except orjson.JSONDecodeError:
        return 0
    match message:
        case {"method": "tools/call", "params": {"name": "ask"}}:
            return len(content) // CHARS_A_TOKEN + DEFAULT_NEW_TOKENS
    return 0
