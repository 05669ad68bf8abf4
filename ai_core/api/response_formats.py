"""Response serialization formats: that of `/api/v1`, and OpenAI's two."""

import codecs
import copy
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, Self

import orjson

from ai_core.answering.cache import add_request_fields
from ai_core.answering.events import Called, Done, Queued
from ai_core.answering.request import ResolvedRequest
from ai_core.api.openai_errors import error_object
from ai_core.api.openai_fields import ASSISTANT
from ai_core.api.openai_parts import (
    finish_reason,
    legacy_token,
    sources_text,
    token_logprobs,
    tool_call,
    usage,
)
from shared.ai.contract import GenerateReply, WrittenToken
from shared.errors import AppError
from shared.languages import Language
from shared.texts import Texts
from shared.web.problems import problem_response

END = b"data: [DONE]\n\n"
SENT_BEFORE = {"response", "citations"}
"""Fields of a reply that have events of their own."""


def event(data: object, name: str | None = None) -> bytes:
    """Return one server-sent event."""
    head = b"event: %b\n" % name.encode() if name else b""
    return b"%bdata: %b\n\n" % (head, orjson.dumps(data))


class ResponseSerializer(Protocol):
    """Writes one answer, as a whole body or as server-sent events."""

    def body(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return the body of a whole answer."""
        ...

    def queued(self, queued: Queued) -> bytes:
        """Return the event of an answer in the queue."""
        ...

    def text(self, text: str) -> bytes:
        """Return the event of the next piece of text."""
        ...

    def thought(self, text: str) -> bytes:
        """Return the event of the next piece of reasoning; b"" where there is none."""
        ...

    def called(self, called: Called) -> bytes:
        """Return the events of a call of a function; b"" where the format has none."""
        ...

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return all events that follow the text."""
        ...

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return the event that ends a failed stream."""
        ...


class ChoicesSerializer(ResponseSerializer, Protocol):
    """Writes several answers to one question."""

    def at(self, index: int) -> "ChoicesSerializer":
        """Return a serializer of one of the choices."""
        ...

    def choices_body(self, done: Sequence[Done]) -> bytes:
        """Return the body of all answers."""
        ...

    def ending(self, done: Done) -> bytes:
        """Return the events that end one choice."""
        ...

    def end(self, done: Sequence[Done]) -> bytes:
        """Return the events after all of them."""
        ...


class ApiSerializer:
    """The format of `/api/v1`; its events are listed in sse.py."""

    def body(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return a GenerateReply or ChatReply, without serializing the answer again."""
        return add_request_fields(
            done.body,
            cached=done.reply.cached,
            processing_time_s=done.reply.processing_time,
            timestamp=done.reply.timestamp,
            answer_id=done.reply.answer_id,
            conversation_id=resolved.conversation.id if resolved.conversation else None,
        )

    def queued(self, queued: Queued) -> bytes:
        """Return an event named queue."""
        return event({"position": queued.position, "wait_s": queued.wait_s}, "queue")

    def text(self, text: str) -> bytes:
        """Return an event without a name."""
        return event({"delta": text})

    def thought(self, text: str) -> bytes:
        """Return nothing: the reasoning is in the usage event."""
        return b""

    def called(self, called: Called) -> bytes:
        """Return nothing: no functions are offered here."""
        return b""

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return the citations, the usage and the end."""
        usage = done.reply.model_dump(mode="json", exclude=SENT_BEFORE)
        if resolved.conversation:
            usage["conversation_id"] = resolved.conversation.id
        citations = [citation.model_dump(mode="json") for citation in done.reply.citations]
        return event(citations, "citations") + event(usage, "usage") + END

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return an event named error that holds the problem document."""
        document = bytes(problem_response(error, texts, language, request_id).body)
        return event(orjson.Fragment(document), "error")


def cached_body(
    cached_reply: bytes, timestamp: datetime, processing_time_s: float, answer_id: str
) -> bytes:
    """Return a GenerateReply from the cache, without parsing it."""
    return add_request_fields(
        cached_reply,
        cached=True,
        processing_time_s=processing_time_s,
        timestamp=timestamp,
        answer_id=answer_id,
    )


def uncached_body(cached_reply: bytes, timestamp: datetime, answer_id: str) -> bytes:
    """Return the same without a word about the cache, for a caller who must not learn of it."""
    return add_request_fields(
        cached_reply, cached=False, processing_time_s=0, timestamp=timestamp, answer_id=answer_id
    )


class CompletionFields(NamedTuple):
    """Fields every body and chunk of one completion repeats, and options of its format."""

    request_id: str
    model: str
    created_s: int
    sources_heading: str
    with_usage: bool


class ChatCompletionSerializer:
    """The format of `POST /v1/chat/completions`.

    The text of the assistant ends with its sources; `citations` and `answered_by` are ours.
    """

    kind = "chat.completion"
    chunk = "chat.completion.chunk"
    prefix = "chatcmpl-"
    text_field = "messages"

    def __init__(self, fields: CompletionFields) -> None:
        id_ = f"{self.prefix}{fields.request_id}"
        self._head = {"id": id_, "created": fields.created_s, "model": fields.model}
        self._grounded = fields.model == ASSISTANT
        self._sources_heading = fields.sources_heading
        self._with_usage = fields.with_usage
        self._started = False
        self._index = 0

    def at(self, index: int) -> Self:
        """Return a serializer of one of several choices."""
        one = copy.copy(self)
        one._index, one._started = index, False
        return one

    def body(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return a completion."""
        return self.choices_body([done])

    def choices_body(self, done: Sequence[Done]) -> bytes:
        """Return a completion of one or several choices."""
        choices = [
            self.at(at).choice(one.reply.response + self._sources(one.reply), one)
            for at, one in enumerate(done)
        ]
        first = done[0].reply
        told = {"object": self.kind, "choices": choices, "usage": usage(done)}
        return orjson.dumps(self._head | told | self._extensions(first))

    def queued(self, queued: Queued) -> bytes:
        """Return a comment, which every client of OpenAI's skips."""
        return b": %d before this one\n\n" % queued.position

    def text(self, text: str) -> bytes:
        """Return a chunk; the first one names the role."""
        return self._delta("content", text)

    def thought(self, text: str) -> bytes:
        """Return a chunk of reasoning, named as vLLM and DeepSeek name it."""
        return self._delta("reasoning_content", text)

    def called(self, called: Called) -> bytes:
        """Return two chunks, as OpenAI begins a call with its name: the name, the arguments."""
        call = tool_call(called.call)
        named = call | {"function": {"name": called.call.name, "arguments": ""}}
        written = {"function": {"arguments": called.call.arguments}}
        at = {"index": called.index}
        return self._delta("tool_calls", [at | named]) + self._delta("tool_calls", [at | written])

    def _delta(self, field: str, value: object) -> bytes:
        role = {} if self._started else {"role": "assistant"}
        self._started = True
        return self._chunk({"delta": {**role, field: value}, "logprobs": None})

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return the sources, the finish reason, the usage if it was asked for, and the end."""
        return self.ending(done) + self.end([done])

    def ending(self, done: Done) -> bytes:
        """Return the sources and the finish reason of a choice."""
        reply = done.reply
        sources = self._sources(reply)
        last = {"delta": {}, "logprobs": self.logprobs(reply.logprobs)}
        chunks = [self.text(sources)] if sources else []
        chunks.append(self._chunk(last, finish_reason(done), **self._extensions(reply)))
        return b"".join(chunks)

    def end(self, done: Sequence[Done]) -> bytes:
        """Return the usage, if it was asked for, and the end."""
        return self._usage_chunk(done) + END

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return OpenAI's error object as an event."""
        return event(error_object(error, texts, language, request_id, self.text_field))

    def choice(self, text: str, done: Done) -> dict[str, object]:
        """Return a choice of the completion."""
        reply = done.reply
        message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None}
        if reply.reasoning:
            message["reasoning_content"] = reply.reasoning
        if done.calls:
            message["content"] = text or None
            message["tool_calls"] = [tool_call(call) for call in done.calls]
        return {
            "index": self._index,
            "message": message,
            "logprobs": self.logprobs(reply.logprobs),
            "finish_reason": finish_reason(done),
        }

    def logprobs(self, tokens: list[WrittenToken] | None) -> dict[str, object] | None:
        """Return the tokens' probabilities."""
        if tokens is None:
            return None
        return {"content": token_logprobs(tokens), "refusal": None}

    def _chunk(
        self, choice: Mapping[str, object], finish_reason: str | None = None, **more: object
    ) -> bytes:
        own = {"index": self._index, "finish_reason": finish_reason, **choice}
        usage_key = {"usage": None} if self._with_usage else {}
        return event(self._head | {"object": self.chunk, "choices": [own]} | usage_key | more)

    def _usage_chunk(self, done: Sequence[Done]) -> bytes:
        if not self._with_usage:
            return b""
        return event(self._head | {"object": self.chunk, "choices": [], "usage": usage(done)})

    def _sources(self, reply: GenerateReply) -> str:
        return sources_text(reply, self._sources_heading) if self._grounded else ""

    def _extensions(self, reply: GenerateReply) -> dict[str, object]:
        masked = {"masked": reply.masked, "masked_notice": reply.masked_notice}
        told: dict[str, object] = {**masked} if reply.masked else {}
        if not self._grounded:
            return told
        fields = {"citations", "abstained", "corpus_date", "notice", "answer_id"}
        own = reply.model_dump(mode="json", include=fields)
        return {"answered_by": reply.model, **own, **told}


class CompletionSerializer(ChatCompletionSerializer):
    """The format of `POST /v1/completions`."""

    kind = chunk = "text_completion"
    prefix = "cmpl-"
    text_field = "prompt"

    def text(self, text: str) -> bytes:
        """Return a chunk."""
        return self._chunk({"text": text, "logprobs": None})

    def thought(self, text: str) -> bytes:
        """Return nothing: this route has no place for it."""
        return b""

    def called(self, called: Called) -> bytes:
        """Return nothing: no functions are offered here."""
        return b""

    def ending(self, done: Done) -> bytes:
        """Return the sources and the finish reason of a choice."""
        reply = done.reply
        last = {"text": self._sources(reply), "logprobs": self.logprobs(reply.logprobs)}
        return self._chunk(last, finish_reason(done), **self._extensions(reply))

    def choice(self, text: str, done: Done) -> dict[str, object]:
        """Return a choice of the completion."""
        return {
            "index": self._index,
            "text": text,
            "logprobs": self.logprobs(done.reply.logprobs),
            "finish_reason": finish_reason(done),
        }

    def logprobs(self, tokens: list[WrittenToken] | None) -> dict[str, object] | None:
        """Return the tokens' probabilities, in the older form of this route."""
        if tokens is None:
            return None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        offsets = [0]
        for token in tokens:
            offsets.append(offsets[-1] + len(decoder.decode(bytes(token.bytes))))
        return {
            "tokens": [legacy_token(token) for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [
                {legacy_token(other): other.logprob for other in token.top} for token in tokens
            ],
            "text_offset": offsets[:-1],
        }


API_SERIALIZER = ApiSerializer()
