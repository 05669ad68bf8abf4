"""Response serialization formats: that of `/api/v1`, and OpenAI's two."""

import codecs
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

import orjson

from ai_core.answering.cache import add_request_fields
from ai_core.answering.events import Done, Queued
from ai_core.answering.request import ResolvedRequest
from ai_core.api.openai_errors import error_object
from ai_core.api.openai_fields import ASSISTANT
from shared.ai.contract import GenerateReply, LikelyToken, WrittenToken
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

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return all events that follow the text."""
        ...

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return the event that ends a failed stream."""
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

    def body(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return a completion."""
        reply = done.reply
        choice = self.choice(reply.response + self._sources(reply), reply)
        return orjson.dumps(
            self._head
            | {"object": self.kind, "choices": [choice], "usage": usage(reply)}
            | self._extensions(reply)
        )

    def queued(self, queued: Queued) -> bytes:
        """Return a comment, which every client of OpenAI's skips."""
        return b": %d before this one\n\n" % queued.position

    def text(self, text: str) -> bytes:
        """Return a chunk; the first one names the role."""
        return self._delta("content", text)

    def thought(self, text: str) -> bytes:
        """Return a chunk of reasoning, named as vLLM and DeepSeek name it."""
        return self._delta("reasoning_content", text)

    def _delta(self, field: str, text: str) -> bytes:
        role = {} if self._started else {"role": "assistant"}
        self._started = True
        return self._chunk({"delta": {**role, field: text}, "logprobs": None})

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return the sources, the finish reason, the usage if it was asked for, and the end."""
        reply = done.reply
        sources = self._sources(reply)
        last = {"delta": {}, "logprobs": self.logprobs(reply.logprobs)}
        chunks = [self.text(sources)] if sources else []
        chunks.append(self._chunk(last, finish_reason(reply), **self._extensions(reply)))
        return b"".join([*chunks, self._usage_chunk(reply), END])

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return OpenAI's error object as an event."""
        return event(error_object(error, texts, language, request_id, self.text_field))

    def choice(self, text: str, reply: GenerateReply) -> dict[str, object]:
        """Return the completion's only choice."""
        reasoning = {"reasoning_content": reply.reasoning} if reply.reasoning else {}
        return {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None} | reasoning,
            "logprobs": self.logprobs(reply.logprobs),
            "finish_reason": finish_reason(reply),
        }

    def logprobs(self, tokens: list[WrittenToken] | None) -> dict[str, object] | None:
        """Return the tokens' probabilities."""
        if tokens is None:
            return None
        return {
            "content": [
                _token_logprob(token)
                | {"top_logprobs": [_token_logprob(other) for other in token.top]}
                for token in tokens
            ],
            "refusal": None,
        }

    def _chunk(
        self, choice: Mapping[str, object], finish_reason: str | None = None, **more: object
    ) -> bytes:
        own = {"index": 0, "finish_reason": finish_reason, **choice}
        usage_key = {"usage": None} if self._with_usage else {}
        return event(self._head | {"object": self.chunk, "choices": [own]} | usage_key | more)

    def _usage_chunk(self, reply: GenerateReply) -> bytes:
        if not self._with_usage:
            return b""
        return event(self._head | {"object": self.chunk, "choices": [], "usage": usage(reply)})

    def _sources(self, reply: GenerateReply) -> str:
        """Return the sources as lines at the end of the text."""
        if not (self._grounded and reply.citations and self._sources_heading):
            return ""
        lines = [
            f"[{n}] {source.number or source.title} — {source.url}"
            for n, source in enumerate(reply.citations, start=1)
        ]
        return "\n\n" + "\n".join([self._sources_heading, *lines])

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

    def done(self, done: Done, resolved: ResolvedRequest) -> bytes:
        """Return the sources, the finish reason, the usage if it was asked for, and the end."""
        reply = done.reply
        last = {"text": self._sources(reply), "logprobs": self.logprobs(reply.logprobs)}
        chunk = self._chunk(last, finish_reason(reply), **self._extensions(reply))
        return chunk + self._usage_chunk(reply) + END

    def choice(self, text: str, reply: GenerateReply) -> dict[str, object]:
        """Return the one answer there is."""
        return {
            "index": 0,
            "text": text,
            "logprobs": self.logprobs(reply.logprobs),
            "finish_reason": finish_reason(reply),
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
            "tokens": [_legacy_token(token) for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [
                {_legacy_token(other): other.logprob for other in token.top} for token in tokens
            ],
            "text_offset": offsets[:-1],
        }


def finish_reason(reply: GenerateReply) -> str:
    """Return OpenAI's reason; an answer stopped because it repeated itself is one cut short."""
    return "length" if reply.finish_reason == "repetition" else reply.finish_reason


def usage(reply: GenerateReply) -> dict[str, int]:
    """Return the token counts of an answer."""
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }


def _token_logprob(token: LikelyToken) -> dict[str, object]:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def _legacy_token(token: LikelyToken) -> str:
    """Return a token as this route of OpenAI's writes it: its escaped bytes if it is no text."""
    try:
        return bytes(token.bytes).decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.bytes)


API_SERIALIZER = ApiSerializer()
