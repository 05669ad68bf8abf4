"""The OpenAPI document of ai_core besides its routes: headers, errors, streams, introduction."""

import orjson

from ai_core.errors import (
    AddressNotAllowed,
    ContextOverflow,
    CorpusMissing,
    DeadlineMissed,
    DeadlineTooShort,
    EngineFailed,
    EngineStarting,
    HostNotAllowed,
    IdempotencyMismatch,
    KeysUnreadable,
    ModelUnusable,
    NoMemory,
    OriginNotAllowed,
    OverQuota,
    QueueFull,
    StillAnswering,
    TextTooLong,
    TextUnreadable,
    UnknownModel,
    Unsupported,
    UpstreamFailed,
    UpstreamRefused,
)
from shared.ai import examples
from shared.errors import AppError, NotAllowed, NotAuthenticated, Unavailable
from shared.web.openapi import BODY_ERRORS, JsonObject, header_object

DESCRIPTION = """\
Each answer quotes its sources, which are checked against the law in force on the day asked about.

Bodies are JSON in UTF-8. Unknown fields and unknown query parameters are refused. A key has one of
three scopes: `publishable` (a web page), `inference`, `admin`; each opens everything the one before
opens. Errors under `/api/v1` are problem documents (RFC 9457) with a stable `code`, in French,
English, Thai or Chinese as `Accept-Language` asks; under `/v1` they are OpenAI's error object. A
W3C `traceparent` is continued when the operator records traces.
"""
TAGS: list[JsonObject] = [
    {"name": "answers", "description": "Questions and conversations."},
    {"name": "law", "description": "The law itself: search and articles."},
    {"name": "entries", "description": "Written answers to what is asked most, with their law."},
    {"name": "calculators", "description": "Sums and durations, worked out from the law."},
    {"name": "models", "description": "The models, and which of them are in memory."},
    {"name": "OpenAI", "description": "The same answers for clients of OpenAI's API."},
    {"name": "health", "description": "Probes and metrics."},
]

KEY_ERRORS = (NotAuthenticated, NotAllowed, AddressNotAllowed, OverQuota, KeysUnreadable)
"""What every route that needs a key may answer."""
PAGE_KEY_ERRORS = (*KEY_ERRORS, HostNotAllowed, OriginNotAllowed)
"""The same for routes that a publishable key opens."""
MODEL_ERRORS: tuple[type[AppError], ...] = (
    UnknownModel,
    Unsupported,
    ContextOverflow,
    EngineFailed,
    QueueFull,
    DeadlineMissed,
    DeadlineTooShort,
    EngineStarting,
    ModelUnusable,
    NoMemory,
    UpstreamFailed,
    UpstreamRefused,
    Unavailable,
)
"""What every route that runs a model may answer."""
ANSWER_ERRORS: tuple[type[AppError], ...] = (
    *BODY_ERRORS,
    *MODEL_ERRORS,
    CorpusMissing,
    TextTooLong,
    TextUnreadable,
    StillAnswering,
    IdempotencyMismatch,
)
"""What every route that answers a question may answer instead."""

REQUEST_HEADERS = {
    "X-Deadline-Ms": header_object(
        "For how many milliseconds the answer is of use, 1 to 86,400,000. A request that cannot be "
        "answered in time is refused as soon as that is plain: 503 `deadline_missed` when others "
        "are before it, 400 `deadline_too_short` when the model is slower than that.",
        8000,
    ),
    "Idempotency-Key": header_object(
        "1 to 255 printable characters: for a day, the same request under the same key gets the "
        "same answer. Not with `stream`.",
        "7f9c24e8-question-1",
    ),
    "X-Channel": header_object(
        "Where the question comes from, for statistics: `telegram`, `line`, `whatsapp`, `mail`, "
        "`mcp`; others count as `api`. With a publishable key: `widget`; others count as `page`.",
        "api",
    ),
}
RESPONSE_HEADERS = {
    "X-Should-Retry": header_object(
        "`false` when the same request will fail again; OpenAI's clients then do not repeat it.",
        "true",
    ),
    "Idempotent-Replayed": header_object(
        "`true` when the answer is that of an earlier request with the same `Idempotency-Key`.",
        "true",
    ),
    "RateLimit-Policy": header_object(
        "The limits of the key (draft-ietf-httpapi-ratelimit-headers): quota `q` in a window of "
        "`w` seconds.",
        '"requests";q=60;w=60',
    ),
    "RateLimit": header_object(
        "What is left of each limit: `r`; after a refusal, `t` is the wait in seconds.",
        '"requests";r=59',
    ),
    "X-RateLimit-Limit": header_object("Quota of the first limit.", 60),
    "X-RateLimit-Remaining": header_object("What is left of it.", 59),
    "X-RateLimit-Reset": header_object("Seconds until all of it is free again.", 60),
}
KEYED_HEADERS = tuple(name for name in RESPONSE_HEADERS if "RateLimit" in name)
ANSWER_HEADERS = ("X-Deadline-Ms", "Idempotency-Key", "X-Channel")
"""Request headers of every route that answers a question."""


def _event(data: object, name: str = "") -> str:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {orjson.dumps(data).decode()}\n\n"


def _stream(
    description: str, *events: str, end: str = "data: [DONE]\n\n"
) -> dict[int | str, JsonObject]:
    """Return the `responses` of an answer that may be a stream of events."""
    content = {
        "schema": {"type": "string", "description": description},
        "example": "".join([*events, end]),
    }
    return {
        200: {
            "description": "The answer; server-sent events when `stream` is true.",
            "content": {"text/event-stream": content},
            "headers": {
                "Idempotent-Replayed": {"$ref": "#/components/headers/Idempotent-Replayed"}
            },
        }
    }


ANSWER_STREAM = _stream(
    "Events without a name carry the next piece of the text, `{delta}`. `queue`, every 2 s while "
    "others are before the request: `{position, wait_s}`, the wait in seconds or null. "
    "`citations`: the sources. `usage`: every other field of the reply. The last line is `[DONE]`; "
    "after an error the last event is `error`, with a problem document. A comment every 15 s keeps "
    "the connection open.",
    _event({"position": 3, "wait_s": 4.2}, "queue"),
    _event({"delta": f"Article {examples.NUMBER} [1]"}),
    _event([examples.SOURCE], "citations"),
    _event(examples.USAGE, "usage"),
)
_CHUNK = {"id": "chatcmpl-4f0c2a9d", "created": 1775117730, "model": "cdt-assistant"}
CHAT_STREAM = _stream(
    "Chunks as OpenAI writes them (`chat.completion.chunk`); the last one of `cdt-assistant` holds "
    "`citations` and `answered_by` too. While others are before the request, comments tell how "
    "many. The last line is `[DONE]`; after an error the last event is OpenAI's error object.",
    _event(
        _CHUNK
        | {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "finish_reason": None, "delta": {"content": "Un mois"}}],
        }
    ),
)
TEXT_STREAM = _stream(
    "Chunks as OpenAI writes them (`text_completion`). The last line is `[DONE]`; after an error "
    "the last event is OpenAI's error object.",
    _event(
        _CHUNK
        | {
            "object": "text_completion",
            "choices": [{"index": 0, "finish_reason": None, "text": "Un mois"}],
        }
    ),
)
RESPONSE_STREAM = _stream(
    "OpenAI's events: `response.created`, `response.in_progress`, for each item what begins it, "
    "its deltas and what ends it, and last `response.completed` or `response.incomplete` with the "
    "whole response; `error` after a failure. While others are before the request, comments tell "
    "how many.",
    _event(
        {
            "type": "response.output_text.delta",
            "sequence_number": 4,
            "item_id": "msg_4f0c2a9d",
            "output_index": 0,
            "content_index": 0,
            "delta": "Un mois",
            "logprobs": [],
        },
        "response.output_text.delta",
    ),
    end="",
)
METRICS_TEXT: dict[int | str, JsonObject] = {
    200: {
        "content": {
            "text/plain": {
                "example": "# TYPE http_requests_open gauge\nhttp_requests_open 1.0\n",
            }
        }
    }
}
