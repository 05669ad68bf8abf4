"""How an answer is told on the wire: as `/api/v1` tells it, or as OpenAI does."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Protocol

import orjson
from starlette.responses import Response

from ai_core.answering.request import Inquiry
from ai_core.api.openai_schemas import ASSISTANT
from ai_core.errors import UnknownModel
from ai_core.models.scheduler import WaitEstimate
from shared.ai.contract import GenerateReply, WrittenToken
from shared.errors import AppError
from shared.languages import Language
from shared.texts import Texts
from shared.web.problems import DEFAULT_RETRY_AFTER_S, problem_response

DONE = b"data: [DONE]\n\n"
APART = {"response", "citations"}
OPENAI = "/v1/"
"""What the addresses of OpenAI's surface begin with."""


def event(data: object, name: str | None = None) -> bytes:
    """Return one server-sent event."""
    head = b"event: %b\n" % name.encode() if name else b""
    return b"%bdata: %b\n\n" % (head, orjson.dumps(data))


class Dialect(Protocol):
    """Writes one answer."""

    def whole(self, body: bytes) -> bytes:
        """Return the body to send, from that of a GenerateReply or ChatReply."""
        ...

    def waiting(self, queue: WaitEstimate) -> bytes:
        """Return what tells that others are before this answer."""
        ...

    def delta(self, text: str) -> bytes:
        """Return the next piece of the text."""
        ...

    def end(self, reply: GenerateReply, inquiry: Inquiry) -> bytes:
        """Return everything that follows the text."""
        ...

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return what ends a stream that goes wrong."""
        ...


class OwnDialect:
    """As `/api/v1` tells it; see streams.py."""

    def whole(self, body: bytes) -> bytes:
        """Return the body as it is."""
        return body

    def waiting(self, queue: WaitEstimate) -> bytes:
        """Return an event named queue."""
        return event({"position": queue.position, "wait_s": queue.wait_s}, "queue")

    def delta(self, text: str) -> bytes:
        """Return an event without a name."""
        return event({"delta": text})

    def end(self, reply: GenerateReply, inquiry: Inquiry) -> bytes:
        """Return the citations, the usage and the end."""
        usage = reply.model_dump(mode="json", exclude=APART)
        if inquiry.conversation:
            usage["conversation_id"] = inquiry.conversation.id
        citations = [citation.model_dump(mode="json") for citation in reply.citations]
        return event(citations, "citations") + event(usage, "usage") + DONE

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return an event named error that holds the problem document."""
        document = bytes(problem_response(error, texts, language, request_id).body)
        return event(orjson.Fragment(document), "error")


class ChatDialect:
    """As `POST /v1/chat/completions` tells it.

    The text of the assistant ends with its sources; `citations` and `answered_by` are ours.
    """

    kind = "chat.completion"
    chunk = "chat.completion.chunk"
    prefix = "chatcmpl-"

    def __init__(
        self, request_id: str, model: str, created_s: int, sources: str, *, with_usage: bool
    ) -> None:
        self._head = {"id": f"{self.prefix}{request_id}", "created": created_s, "model": model}
        self._grounded = model == ASSISTANT
        self._sources = sources
        self._with_usage = with_usage
        self._begun = False

    def whole(self, body: bytes) -> bytes:
        """Return a completion."""
        reply = GenerateReply.model_validate_json(body)
        choice = self.choice(reply.response + self._listed(reply), reply)
        return orjson.dumps(
            self._head
            | {"object": self.kind, "choices": [choice], "usage": usage(reply)}
            | self._ours(reply)
        )

    def waiting(self, queue: WaitEstimate) -> bytes:
        """Return a comment, which every client of OpenAI's skips."""
        return b": %d before this one\n\n" % queue.position

    def delta(self, text: str) -> bytes:
        """Return a chunk; the first one names the role."""
        role = {} if self._begun else {"role": "assistant"}
        self._begun = True
        return self._chunk({"delta": {**role, "content": text}, "logprobs": None})

    def end(self, reply: GenerateReply, inquiry: Inquiry) -> bytes:
        """Return the sources, why the answer ended, what it took if that was asked, the end."""
        listed = self._listed(reply)
        last = {"delta": {}, "logprobs": self.logprobs(reply.logprobs)}
        chunks = [self.delta(listed)] if listed else []
        chunks.append(self._chunk(last, reply.finish_reason, **self._ours(reply)))
        if self._with_usage:
            taken = {"object": self.chunk, "choices": [], "usage": usage(reply)}
            chunks.append(event(self._head | taken))
        return b"".join([*chunks, DONE])

    def error(self, error: AppError, texts: Texts, language: Language, request_id: str) -> bytes:
        """Return OpenAI's error object as an event."""
        return event(error_object(error, texts, language, request_id))

    def choice(self, text: str, reply: GenerateReply) -> dict[str, object]:
        """Return the one answer there is."""
        return {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": self.logprobs(reply.logprobs),
            "finish_reason": reply.finish_reason,
        }

    def logprobs(self, tokens: list[WrittenToken] | None) -> dict[str, object] | None:
        """Return the tokens' probabilities."""
        if tokens is None:
            return None
        return {
            "content": [
                _likely(token.token, token.logprob)
                | {"top_logprobs": [_likely(other.token, other.logprob) for other in token.top]}
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

    def _listed(self, reply: GenerateReply) -> str:
        """Return the sources as lines at the end of the text."""
        if not (self._grounded and reply.citations and self._sources):
            return ""
        lines = [
            f"[{n}] {source.number or source.title} — {source.url}"
            for n, source in enumerate(reply.citations, start=1)
        ]
        return "\n\n" + "\n".join([self._sources, *lines])

    def _ours(self, reply: GenerateReply) -> dict[str, object]:
        if not self._grounded:
            return {}
        told = reply.model_dump(
            mode="json", include={"citations", "abstained", "corpus_date", "notice"}
        )
        return {"answered_by": reply.model, **told}


class CompletionDialect(ChatDialect):
    """As `POST /v1/completions` tells it."""

    kind = chunk = "text_completion"
    prefix = "cmpl-"

    def delta(self, text: str) -> bytes:
        """Return a chunk."""
        return self._chunk({"text": text, "logprobs": None})

    def end(self, reply: GenerateReply, inquiry: Inquiry) -> bytes:
        """Return why the text ended, what it took if that was asked, and the end."""
        last = {"text": self._listed(reply), "logprobs": self.logprobs(reply.logprobs)}
        chunks = [self._chunk(last, reply.finish_reason, **self._ours(reply))]
        if self._with_usage:
            taken = {"object": self.kind, "choices": [], "usage": usage(reply)}
            chunks.append(event(self._head | taken))
        return b"".join([*chunks, DONE])

    def choice(self, text: str, reply: GenerateReply) -> dict[str, object]:
        """Return the one answer there is."""
        return {
            "index": 0,
            "text": text,
            "logprobs": self.logprobs(reply.logprobs),
            "finish_reason": reply.finish_reason,
        }

    def logprobs(self, tokens: list[WrittenToken] | None) -> dict[str, object] | None:
        """Return the tokens' probabilities, in the older form of this route."""
        if tokens is None:
            return None
        ends = [0]
        for token in tokens:
            ends.append(ends[-1] + len(token.token))
        return {
            "tokens": [token.token for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [{t.token: t.logprob for t in token.top} for token in tokens],
            "text_offset": ends[:-1],
        }


def usage(reply: GenerateReply) -> dict[str, int]:
    """Return what an answer took, in tokens."""
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }


def error_document(error: AppError, texts: Texts, language: Language, request_id: str) -> Response:
    """Return OpenAI's error object; what is wrong with a request is always a 400."""
    status = _status(error)
    headers: dict[str, str] = {"Content-Language": language}
    if error.retryable:
        headers["Retry-After"] = str(_wait_s(error))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(error_object(error, texts, language, request_id))
    return Response(body, status, headers, "application/json")


def error_object(
    error: AppError, texts: Texts, language: Language, request_id: str
) -> dict[str, object]:
    """Return `{"error": {message, type, param, code}}`, with the request's id."""
    facts = dict(error.facts)
    if error.retryable:
        facts["retry_after_s"] = _wait_s(error)
    param = next((fault["field"] for fault in error.faults), None)
    return {
        "error": {
            "message": texts.say(error.code, language, **facts),
            "type": KINDS.get(_status(error), "server_error"),
            "param": "model" if isinstance(error, UnknownModel) else param,
            "code": "model_not_found" if isinstance(error, UnknownModel) else error.code,
            "request_id": request_id,
        }
    }


KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


def _status(error: AppError) -> int:
    unclear = error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.BAD_REQUEST if unclear else error.status


def _wait_s(error: AppError) -> int:
    return max(1, ceil(error.retry_after_s or DEFAULT_RETRY_AFTER_S))


def _likely(token: str, logprob: float) -> dict[str, object]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


OWN = OwnDialect()
