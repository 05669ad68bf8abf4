"""The body and the events of `POST /v1/responses`, as the `openai` package reads them."""

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from pydantic import JsonValue

from ai_core.answering.events import Called, Done, Queued
from ai_core.answering.request import ResolvedRequest
from ai_core.api.openai_errors import error_object
from ai_core.api.openai_fields import ASSISTANT
from ai_core.api.openai_parts import finish_reason, sources_text, token_logprobs
from ai_core.api.response_formats import event
from ai_core.engines.base import ToolCall
from shared.ai import examples
from shared.ai.contract import Abstention, Citation, GenerateReply, Reply
from shared.errors import AppError
from shared.languages import Language
from shared.texts import Texts


class InputTokens(Reply):
    """What of the prompt was cached."""

    cached_tokens: int
    """Always 0: what callers share is not told."""
    cache_write_tokens: int
    """Always 0."""


class OutputTokens(Reply):
    """What of the answer was reasoning."""

    reasoning_tokens: int
    """Always 0: reasoning is not counted apart."""


class ResponseUsage(Reply):
    """Tokens of a response."""

    input_tokens: int
    """Tokens of the prompt."""
    input_tokens_details: InputTokens
    """What of them was cached."""
    output_tokens: int
    """Tokens of the answer."""
    output_tokens_details: OutputTokens
    """What of them was reasoning."""
    total_tokens: int
    """Both together."""


class IncompleteDetails(Reply):
    """Why an answer is not whole."""

    reason: Literal["max_output_tokens", "content_filter"]
    """Its limit, or what the server of a remote model withheld."""


class ResponseObject(Reply):
    """A response."""

    id: str
    """Its id; nothing is stored under it."""
    object: Literal["response"]
    """Always `response`."""
    created_at: int
    """When, in seconds since 1970."""
    status: Literal["in_progress", "completed", "incomplete"]
    """Whether the answer is whole."""
    error: None
    """Always null: errors have bodies of their own."""
    incomplete_details: IncompleteDetails | None
    """Why the answer is not whole; null when it is."""
    instructions: JsonValue
    """As sent."""
    max_output_tokens: int | None
    """As sent."""
    metadata: JsonValue
    """As sent."""
    model: str
    """The model asked for."""
    output: list[dict[str, JsonValue]]
    """Items: `reasoning` where a model thought aloud, a `message` with `output_text`, which ends
    with the sources of `cdt-assistant` and has a `url_citation` for each, `function_call`s."""
    parallel_tool_calls: bool
    """As sent."""
    previous_response_id: None
    """Always null."""
    store: bool
    """Always false."""
    temperature: float | None
    """As sent; null: 0."""
    text: JsonValue
    """As sent."""
    tool_choice: JsonValue
    """As sent."""
    tools: list[dict[str, JsonValue]]
    """As sent."""
    top_p: float | None
    """As sent; null: 1."""
    truncation: Literal["disabled"]
    """Always `disabled`."""
    usage: ResponseUsage | None
    """Tokens used; null while the answer is in progress."""
    answered_by: str | None = None
    """With `cdt-assistant`: the model that answered. Not in OpenAI's API."""
    citations: list[Citation] | None = None
    """With `cdt-assistant`: its sources. Not in OpenAI's API."""
    abstained: Abstention | None = None
    """With `cdt-assistant`: why there is no answer. Not in OpenAI's API."""
    notice: str | None = None
    """With `cdt-assistant`: what to tell whoever reads the answer. Not in OpenAI's API."""


class ResponsesSerializer:
    """The format of `POST /v1/responses`; `sent` is the request's body."""

    def __init__(
        self, request_id: str, created_s: int, sent: Mapping[str, Any], model: str, heading: str
    ) -> None:
        self._id = request_id
        self._grounded = model == ASSISTANT
        self._heading = heading
        self._head: dict[str, Any] = {
            "id": f"resp_{request_id}",
            "object": "response",
            "created_at": created_s,
            "model": model,
            "error": None,
            "previous_response_id": None,
            "store": False,
            "truncation": "disabled",
            "instructions": sent.get("instructions"),
            "max_output_tokens": sent.get("max_output_tokens"),
            "metadata": sent.get("metadata") or {},
            "parallel_tool_calls": sent.get("parallel_tool_calls") is not False,
            "temperature": sent.get("temperature"),
            "text": sent.get("text") or {"format": {"type": "text"}},
            "tool_choice": sent.get("tool_choice") or "auto",
            "tools": sent.get("tools") or [],
            "top_p": sent.get("top_p"),
        }
        self._events = 0
        self._items = 0
        self._open: str | None = None
        self._written = ""
        self._item_id = ""

    def body(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return a whole response."""
        return orjson.dumps(self._whole(done))

    def queued(self, queued: Queued) -> bytes:
        """Return a comment, which every client skips."""
        return b": %d before this one\n\n" % queued.position

    def text(self, text: str) -> bytes:
        """Return the event of the next piece of text."""
        return self._piece("message", text)

    def thought(self, text: str) -> bytes:
        """Return the event of the next piece of reasoning."""
        return self._piece("reasoning", text)

    def called(self, called: Called) -> bytes:
        """Return the events of a call, from its beginning to its end."""
        before = self._start() + self._close()
        at = self._items
        self._items += 1
        item = _call_item(called.call, "completed")
        place = {"item_id": item["id"], "output_index": at}
        arguments = called.call.arguments
        kind = "response.function_call_arguments"
        return b"".join(
            [
                before,
                self._event(
                    "response.output_item.added",
                    output_index=at,
                    item=item | {"arguments": "", "status": "in_progress"},
                ),
                self._event(f"{kind}.delta", **place, delta=arguments),
                self._event(f"{kind}.done", **place, name=called.call.name, arguments=arguments),
                self._event("response.output_item.done", output_index=at, item=item),
            ]
        )

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return the sources, the ends of what is open, and the whole response."""
        sources = sources_text(done.reply, self._heading) if self._grounded else ""
        pieces = [self._start(), self.text(sources) if sources else b"", self._close()]
        whole = self._whole(done)
        kind = "completed" if whole["status"] == "completed" else "incomplete"
        return b"".join([*pieces, self._event(f"response.{kind}", response=whole)])

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return an error event, which also holds OpenAI's error object."""
        told: Any = error_object(error, texts, language, request_id, "input")
        fields = {name: told["error"][name] for name in ("code", "message", "param")}
        return self._event("error", **fields, **told)

    def _start(self) -> bytes:
        if self._events:
            return b""
        begun = self._head | _IN_PROGRESS
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def _piece(self, kind: Literal["message", "reasoning"], text: str) -> bytes:
        """Return the event of a piece, after those that begin its item where it is the first."""
        before = self._start()
        if self._open != kind:
            before += self._close() + self._begin(kind)
        self._written += text
        told = {"delta": text, **self._place()}
        if kind == "message":
            return before + self._event("response.output_text.delta", **told, logprobs=[])
        return before + self._event("response.reasoning_text.delta", **told)

    def _begin(self, kind: Literal["message", "reasoning"]) -> bytes:
        self._open, self._written = kind, ""
        self._item_id = self._id_of(kind)
        item = _item(kind, self._item_id, [], "in_progress")
        return self._event(
            "response.output_item.added", output_index=self._items, item=item
        ) + self._event("response.content_part.added", **self._place(), part=_part(kind, ""))

    def _close(self) -> bytes:
        """Return the events that end the item that is open."""
        kind, self._open = self._open, None
        if kind not in {"message", "reasoning"}:
            return b""
        part = _part(kind, self._written)
        name = "output_text" if kind == "message" else "reasoning_text"
        more: dict[str, Any] = {"logprobs": []} if kind == "message" else {}
        item = _item(kind, self._item_id, [part], "completed")
        events = [
            self._event(f"response.{name}.done", **self._place(), text=self._written, **more),
            self._event("response.content_part.done", **self._place(), part=part),
            self._event("response.output_item.done", output_index=self._items, item=item),
        ]
        self._items += 1
        return b"".join(events)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._item_id, "output_index": self._items, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> bytes:
        told = {"type": kind, "sequence_number": self._events, **fields}
        self._events += 1
        return event(told, kind)

    def _id_of(self, kind: str) -> str:
        return f"{'msg' if kind == 'message' else 'rs'}_{self._id}"

    def _whole(self, done: Done) -> dict[str, Any]:
        reply = done.reply
        reason = {"length": "max_output_tokens"}.get(finish_reason(done), finish_reason(done))
        whole = reason in {"stop", "tool_calls"}
        return self._head | {
            "status": "completed" if whole else "incomplete",
            "incomplete_details": None if whole else {"reason": reason},
            "output": self._output(done, "completed" if whole else "incomplete"),
            "usage": {
                "input_tokens": reply.prompt_tokens,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": reply.completion_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": reply.prompt_tokens + reply.completion_tokens,
            },
            **self._extensions(reply),
        }

    def _output(self, done: Done, status: str) -> list[dict[str, Any]]:
        reply = done.reply
        items = []
        if reply.reasoning:
            part = _part("reasoning", reply.reasoning)
            items.append(_item("reasoning", self._id_of("reasoning"), [part], "completed"))
        sources = sources_text(reply, self._heading) if self._grounded else ""
        text = reply.response + sources
        if text or not done.calls:
            part = _part("message", text) | {"annotations": _annotations(text, reply.citations)}
            if reply.logprobs is not None:
                part["logprobs"] = token_logprobs(reply.logprobs)
            items.append(_item("message", self._id_of("message"), [part], status))
        return items + [_call_item(call, "completed") for call in done.calls]

    def _extensions(self, reply: GenerateReply) -> dict[str, Any]:
        if not self._grounded:
            return {}
        own = reply.model_dump(mode="json", include={"citations", "abstained", "notice"})
        return {"answered_by": reply.model, **own}


_IN_PROGRESS: dict[str, Any] = {
    "status": "in_progress",
    "incomplete_details": None,
    "output": [],
    "usage": None,
}


def _item(kind: str, id: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    if kind == "reasoning":
        return {"id": id, "type": kind, "summary": [], "content": content, "status": status}
    return {"id": id, "type": kind, "role": "assistant", "content": content, "status": status}


def _part(kind: str, text: str) -> dict[str, Any]:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(call: ToolCall, status: str) -> dict[str, Any]:
    return {
        "id": f"fc_{call.id.removeprefix('call_')}",
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    }


def _annotations(text: str, citations: list[Citation]) -> list[dict[str, Any]]:
    """Return a citation for the last place of each source's address in the text."""
    places = [(text.rfind(source.url), source) for source in citations]
    return [
        {
            "type": "url_citation",
            "url": source.url,
            "title": source.title,
            "start_index": at,
            "end_index": at + len(source.url),
        }
        for at, source in places
        if at >= 0
    ]


EXAMPLES: dict[str, dict[str, Any]] = {
    "ResponseObject": {
        "id": "resp_5f1c",
        "object": "response",
        "created_at": 1_795_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": ASSISTANT,
        "output": [_item("message", "msg_5f1c", [_part("message", examples.QUOTE)], "completed")],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 12,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 40,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 52,
        },
        "answered_by": "extractive",
        "citations": [examples.SOURCE],
        "abstained": None,
        "notice": examples.NOTICE,
    }
}
