"""Keeps data from reading as structure: our tags in a prompt, the markers of chat templates.

A passage, a question or an earlier turn is data (OWASP LLM01:2025). What it could close or open is
whatever a model reads as a tag, however it is spelled, so every bracket before a name goes, not
only those before the names we use.
"""

import re

from shared.privacy.plain_text import without_invisible

_SOME = re.compile(r"[<＜﹤⟨〈&\[［]")
_TAG = re.compile(
    r"""[<＜﹤⟨〈](?=[\s/／∕\\|｜!?<＜_-]*[^\W\d_] | [|｜])
    | &(?:lt|\#0*60|\#x0*3c);?(?=[\s/|&<]*[^\W\d_] | \|)""",
    re.VERBOSE | re.IGNORECASE,
)
_INSTRUCTION = re.compile(
    r"[\[［](?=\s*[|｜]|[\s/／]*(?:INST|SYS|SYSTEM|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT"
    r"|AVAILABLE_TOOLS|ARGS|CALL_ID|PREFIX|SUFFIX|MIDDLE|THINK|IMG|[GS]?MASK)[\s]*[\]］])",
    re.IGNORECASE,
)


def enclosed(text: str) -> str:
    """Return `text` as it may stand between two of our tags: it opens and closes none.

    Only the bracket that would open a tag or a marker changes (to "‹" or "("): "<" before a figure
    stays.
    """
    text = without_invisible(text)
    if not _SOME.search(text):
        return text
    return _INSTRUCTION.sub("(", _TAG.sub("‹", text))
