"""Reads what an upstream answers: streamed chunks, whole completions, vectors.

Nothing in it is trusted to be there, to have its documented type, or to be of a sane size. What can
be read is; what cannot is left out, and what makes the answer unusable is UpstreamFailed.
"""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ai_core.engines.base import Sampling, TextChunk, TokenLogprob, ToolCall, ToolUse
from ai_core.engines.remote.bodies import (
    json_list,
    json_object,
    number,
    parse_json,
    parse_object,
    whole_number,
)
from ai_core.engines.remote.control_tokens import SpellingRestorer, TurnEndFilter
from ai_core.engines.remote.refusals import raise_error
from ai_core.errors import UpstreamFailed

_ANSWER_BYTES = 1024 * 1024
_TOKEN_BYTES = 1024
_ALTERNATIVE_BYTES = 256
MAX_TOKEN_CHARS = 64
"""Text an upstream may send for each token it was asked for; beyond, it is cut."""
_MAX_NESTED_PARTS = 4
_CUT = {"length", "max_tokens", "max_length", "model_length", "max_output_tokens"}
_FILTERED = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"}
_TOOL = {"tool_calls", "tool_call", "tool_use", "function_call"}
MAX_CALLS = 64
_BROKEN = {"error", "abort", "aborted", "cancelled", "canceled", "network_error"}


def max_answer_bytes(sampling: Sampling) -> int:
    """Return how many decoded bytes an answer may have: an event a token, with alternatives."""
    alternatives = 0 if sampling.top_logprobs is None else sampling.top_logprobs + 1
    token_bytes = _TOKEN_BYTES + alternatives * _ALTERNATIVE_BYTES
    return _ANSWER_BYTES + sampling.max_tokens * token_bytes


def _text(value: object, depth: int = _MAX_NESTED_PARTS) -> str:
    """Return the text of a content: a text, a part, or a list of them; "" for anything else."""
    if isinstance(value, str):
        return value
    if not depth:
        return ""
    if isinstance(value, list):
        return "".join(_text(part, depth - 1) for part in value)
    part = json_object(value)
    if part.get("type") in {"thinking", "reasoning"}:
        return ""
    return _text(part.get("text") or part.get("refusal"), depth - 1)


def _thought(value: object, depth: int = _MAX_NESTED_PARTS) -> str:
    """Return the text of the parts of a content that are reasoning."""
    if isinstance(value, list) and depth:
        return "".join(_thought(part, depth - 1) for part in value)
    part = json_object(value)
    kind = part.get("type")
    return _text(part.get(kind), depth) if kind in {"thinking", "reasoning"} else ""


class _Characters:
    """Joins halves of surrogate pairs that came apart, and drops NUL, which Postgres refuses."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        text = self._half + text
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        whole = text[: len(text) - len(self._half)]
        return whole.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_logprobs(value: object) -> tuple[TokenLogprob, ...]:
    """Return the tokens of a choice's `logprobs`, in the form of either route."""
    logprobs = json_object(value)
    content = [json_object(token) for token in json_list(logprobs.get("content"))]
    if content:
        return tuple(
            TokenLogprob(
                _token_bytes(token),
                number(token.get("logprob")) or 0.0,
                tuple(
                    (
                        _token_bytes(json_object(other)),
                        number(json_object(other).get("logprob")) or 0.0,
                    )
                    for other in json_list(token.get("top_logprobs"))
                ),
            )
            for token in content
        )
    tokens = [token for token in json_list(logprobs.get("tokens")) if isinstance(token, str)]
    values, tops = (
        json_list(logprobs.get("token_logprobs")),
        json_list(logprobs.get("top_logprobs")),
    )
    return tuple(
        TokenLogprob(
            _encoded(token),
            (number(values[at]) if at < len(values) else None) or 0.0,
            tuple(
                (_encoded(other), number(logprob) or 0.0)
                for other, logprob in json_object(tops[at] if at < len(tops) else {}).items()
            ),
        )
        for at, token in enumerate(tokens)
    )


def _token_bytes(token: Mapping[str, Any]) -> bytes:
    """Return a token's bytes: those it says it has, else those of its text."""
    told = token.get("bytes")
    if isinstance(told, list) and all(type(byte) is int and 0 <= byte < 256 for byte in told):
        return bytes(told)
    text = token.get("token")
    return _encoded(text) if isinstance(text, str) else b""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


class CallReader:
    """Puts together the calls of functions that an upstream sends in pieces.

    Calls that nobody asked for are left out, as are those beyond what may be made.
    """

    def __init__(self, use: ToolUse | None, max_chars: int) -> None:
        self._names = {tool.name for tool in use.tools} if use else set()
        self._most = (MAX_CALLS if use.parallel else 1) if use else 0
        self._chars_left = max_chars
        self._calls: dict[int, list[str]] = {}

    @property
    def begun(self) -> bool:
        """Whether a call has come."""
        return bool(self._calls)

    def feed(self, value: object) -> None:
        """Take the `tool_calls` of a message or of a delta. Raises UpstreamFailed when too long."""
        for place, call in enumerate(map(json_object, json_list(value))):
            at = whole_number(call.get("index", place), MAX_CALLS)
            function = json_object(call.get("function"))
            if at >= self._most or not function:
                continue
            known = self._calls.setdefault(at, ["", ""])
            known[0] = known[0] or _text(function.get("name"))
            arguments = function.get("arguments")
            written = json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
            known[1] += written
            self._chars_left -= len(written)
            if self._chars_left < 0:
                raise UpstreamFailed("its call is longer than what was asked for")

    def finish(self, *, cut: bool) -> tuple[ToolCall, ...]:
        """Return the whole calls; of an answer that was `cut`, those that are whole.

        Raises UpstreamFailed for a call of no function that was offered, or with arguments that are
        no object.
        """
        read: list[ToolCall] = []
        for at, (name, written) in sorted(self._calls.items()):
            try:
                arguments = parse_object(written or "{}")
            except UpstreamFailed:
                arguments = None
            if name in self._names and arguments is not None:
                id = f"call_{random.getrandbits(96):024x}"
                read.append(ToolCall(id, name, json.dumps(arguments, ensure_ascii=False)))
            elif not cut:
                raise UpstreamFailed(f"its call {at} is none that can be made")
        return tuple(read)


class AnswerReader:
    """Turns the events of one answer into chunks.

    `complete` once the answer has ended; `overrun` when the server would write on and is not to be
    read any further. `read` takes the data of an event, or a whole body: a server may answer a
    request for a stream with one.
    """

    def __init__(
        self,
        sampling: Sampling,
        prompt_chars: int,
        *,
        raw: bool,
        tool_use: ToolUse | None = None,
    ) -> None:
        self.complete = self.overrun = False
        self._logprobs = sampling.top_logprobs is not None
        self._max_tokens = sampling.max_tokens
        self._prompt_chars = prompt_chars
        self._chars_left = MAX_TOKEN_CHARS * sampling.max_tokens
        self._characters = _Characters(), _Characters()
        self._turn_end = None if raw else TurnEndFilter()
        self._spelling = SpellingRestorer(sampling.json_schema)
        self._tokens = 0
        self._usage: Mapping[str, Any] = {}
        self._reason: Literal["stop", "length", "content_filter"] | None = None
        self._wrote = False
        self._calls = CallReader(tool_use, MAX_TOKEN_CHARS * sampling.max_tokens)

    def read(self, data: str | bytes) -> Iterator[TextChunk]:
        """Yield what an event adds. Raises UpstreamFailed for an error, and for what is no JSON."""
        for event in _objects(data):
            raise_error(event)
            self._usage = json_object(event.get("usage")) or self._usage
            for choice in map(json_object, json_list(event.get("choices"))):
                if not whole_number(choice.get("index"), 1):
                    yield from self._read_choice(choice)

    def end(self) -> None:
        """Take `[DONE]`: the answer is whole, whether or not a finish reason came."""
        self.complete = True

    def rest(self) -> TextChunk:
        """Return the text that was held back, and the calls. Raises UpstreamFailed for bad ones."""
        text = self._turn_end.finish() if self._turn_end else ""
        cut = self._reason is not None and self._reason != "stop"
        calls = self._calls.finish(cut=cut)
        return TextChunk(self._spelling.feed(text) + self._spelling.finish(), 0, tool_calls=calls)

    def last_chunk(self, context_tokens: int, chars_per_token: int) -> TextChunk:
        """Return the end of the answer: reason and counts. Raises UpstreamFailed if it was cut off.

        The upstream's counts are kept within what was asked for; without any, they are estimated.
        """
        if not self.complete:
            raise UpstreamFailed("its answer was cut off")
        details = json_object(self._usage.get("prompt_tokens_details"))
        written = whole_number(self._usage.get("completion_tokens"), 4 * self._max_tokens)
        read = whole_number(self._usage.get("prompt_tokens"), context_tokens)
        read = read or min(self._prompt_chars // chars_per_token + 1, context_tokens)
        return TextChunk(
            "",
            (written or self._tokens) - self._tokens,
            prompt_tokens=read,
            cached_tokens=whole_number(details.get("cached_tokens"), read),
            finish_reason=self._reason or "stop",
        )

    def _read_choice(self, choice: Mapping[str, Any]) -> Iterator[TextChunk]:
        message = json_object(choice.get("delta")) or json_object(choice.get("message"))
        self._calls.feed(message.get("tool_calls"))
        content = message.get("content")
        text = _text(content) or _text(message.get("refusal")) or _text(choice.get("text"))
        thought = (
            _text(message.get("reasoning_content"))
            or _text(message.get("reasoning"))
            or _thought(content)
        )
        text = self._limited(self._characters[0].feed(text))
        thought = self._limited(self._characters[1].feed(thought))
        logprobs = read_logprobs(choice.get("logprobs")) if self._logprobs else ()
        tokens = 1 if text or thought else 0
        self._tokens += tokens
        self._wrote = self._wrote or bool(text)
        if text and self._turn_end:
            text = self._turn_end.feed(text)
            if self._turn_end.ended:
                self.complete = self.overrun = True
        text = self._spelling.feed(text)
        if tokens or logprobs:
            yield TextChunk(text, tokens, logprobs=logprobs, reasoning=thought)
        self._read_reason(choice.get("finish_reason"))

    def _limited(self, text: str) -> str:
        """Cut text beyond what was asked for, and end the answer there."""
        if len(text) > self._chars_left:
            text = text[: self._chars_left]
            self._reason, self.complete, self.overrun = "length", True, True
        self._chars_left -= len(text)
        return text

    def _read_reason(self, value: object) -> None:
        reason = value.lower() if isinstance(value, str) else "stop" if value else ""
        if not reason or self.overrun:
            return
        if reason in _BROKEN or (reason in _TOOL and not (self._wrote or self._calls.begun)):
            raise UpstreamFailed(f"its answer ended with {reason}")
        self._reason = (
            "length" if reason in _CUT else "content_filter" if reason in _FILTERED else "stop"
        )
        self.complete = True


def _objects(data: str | bytes) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of an event: one, or one a line from servers without blank lines."""
    try:
        parsed = [parse_json(data)]
    except UpstreamFailed:
        lines = data.split("\n") if isinstance(data, str) else []
        if len(lines) < 2:
            raise
        parsed = [parse_json(line) for line in lines if line and line != "[DONE]"]
    return (event for event in parsed if isinstance(event, dict))


def read_embeddings(body: Mapping[str, Any], count: int) -> list[list[float]]:
    """Return the vectors of a body, in the order of the texts. Raises UpstreamFailed."""
    raise_error(body)
    rows = [json_object(row) for row in json_list(body.get("data"))]
    places = [whole_number(row.get("index", at), count) for at, row in enumerate(rows)]
    ordered = [row for _, row in sorted(zip(places, rows, strict=True), key=lambda pair: pair[0])]
    vectors = [[number(x) for x in json_list(row.get("embedding"))] for row in ordered]
    sizes = {len(vector) for vector in vectors}
    if len(vectors) != count or len(sizes) > 1 or 0 in sizes:
        raise UpstreamFailed("its vectors are not one for each text, all of a size")
    numbers = [[x for x in vector if x is not None] for vector in vectors]
    if sum(map(len, numbers)) != sum(map(len, vectors)):
        raise UpstreamFailed("its vectors are not numbers")
    return numbers
