"""Parts of OpenAI's bodies that its routes share."""

from collections.abc import Sequence

from ai_core.answering.events import Done
from ai_core.engines.base import ToolCall
from shared.ai.contract import GenerateReply, LikelyToken, WrittenToken


def finish_reason(done: Done) -> str:
    """Return OpenAI's reason; an answer stopped because it repeated itself is one cut short."""
    if done.calls:
        return "tool_calls"
    reason = done.reply.finish_reason
    return "length" if reason == "repetition" else reason


def tool_call(call: ToolCall) -> dict[str, object]:
    """Return a call as OpenAI writes one."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def usage(done: Sequence[Done]) -> dict[str, int]:
    """Return the token counts of answers to one prompt."""
    prompt_tokens = done[0].reply.prompt_tokens
    completion_tokens = sum(one.reply.completion_tokens for one in done)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def sources_text(reply: GenerateReply, heading: str) -> str:
    """Return the sources as lines at the end of a text; "" for none, or without a heading."""
    if not (reply.citations and heading):
        return ""
    lines = [
        f"[{n}] {source.number or source.title} — {source.url}"
        for n, source in enumerate(reply.citations, start=1)
    ]
    return "\n\n" + "\n".join([heading, *lines])


def token_logprobs(tokens: Sequence[WrittenToken]) -> list[dict[str, object]]:
    """Return the tokens' probabilities as OpenAI writes them."""
    return [
        token_logprob(token) | {"top_logprobs": [token_logprob(other) for other in token.top]}
        for token in tokens
    ]


def token_logprob(token: LikelyToken) -> dict[str, object]:
    """Return a token and its probability as OpenAI writes them."""
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def legacy_token(token: LikelyToken) -> str:
    """Return a token as this route of OpenAI's writes it: its escaped bytes if it is no text."""
    try:
        return bytes(token.bytes).decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.bytes)
