"""Errors of `/v1`, as OpenAI's error object."""

from functools import partial
from http import HTTPStatus
from math import ceil

import orjson
from starlette.responses import Response

from ai_core.errors import ContextOverflow, KnowledgeRequired, ModelUnusable, UnknownModel
from shared.errors import AppError
from shared.languages import Language
from shared.texts import Texts
from shared.web.problems import DEFAULT_RETRY_AFTER_S, ErrorFormat

SCHEMA_FIELD = "response_format.json_schema.schema"
OPENAI = "/v1/"
"""The path prefix of the OpenAI-compatible routes."""


def error_document(
    error: AppError,
    texts: Texts,
    language: Language,
    request_id: str,
    text_field: str | None = None,
) -> Response:
    """Return OpenAI's error object; invalid requests are always a 400.

    `text_field` holds the text of a request to this route.
    """
    status = _status(error)
    headers: dict[str, str] = {"Content-Language": language}
    if error.retryable:
        headers["Retry-After"] = str(_retry_after_s(error))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        headers["X-Should-Retry"] = "false" if isinstance(error, ModelUnusable) else "true"
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(error_object(error, texts, language, request_id, text_field))
    return Response(body, status, headers, "application/json")


TEXT_FIELDS = {
    f"{OPENAI}chat/": "messages",
    f"{OPENAI}completions": "prompt",
    f"{OPENAI}embeddings": "input",
    f"{OPENAI}responses": "input",
}
"""The field that holds the text of a request, by the prefix of its path."""
ERROR_FORMATS: dict[str, ErrorFormat] = {
    **{path: partial(error_document, text_field=field) for path, field in TEXT_FIELDS.items()},
    OPENAI: error_document,
    "/tokenize": error_document,
    "/detokenize": error_document,
}
"""The formats of errors, by the prefix of a path."""


def error_object(
    error: AppError,
    texts: Texts,
    language: Language,
    request_id: str,
    text_field: str | None = None,
) -> dict[str, object]:
    """Return `{"error": {message, type, param, code}}`, with the request's id."""
    facts = dict(error.facts)
    if error.retryable:
        facts["retry_after_s"] = _retry_after_s(error)
    if "field" in facts:
        facts["field"] = _openai_field(str(facts["field"]))
    return {
        "error": {
            "message": texts.say(error.sentence, language, **facts),
            "type": ERROR_TYPES.get(_status(error), "server_error"),
            "param": _param(error, text_field),
            "code": "model_not_found" if isinstance(error, UnknownModel) else error.code,
            "request_id": request_id,
        }
    }


def _param(error: AppError, text_field: str | None) -> str | None:
    """Return the field at fault; None when it is none, or the body as a whole."""
    if isinstance(error, UnknownModel | KnowledgeRequired):
        return "model"
    if isinstance(error, ContextOverflow):
        return text_field
    return next((_openai_field(fault["field"]) for fault in error.faults if fault["field"]), None)


ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


def _openai_field(field: str) -> str:
    """Return where a request of `/v1` has a field of ours, such as `messages[3].content`."""
    name, *inside = field.split(".")
    if name == "json_schema":
        return ".".join([SCHEMA_FIELD, *inside])
    return name + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in inside)


def _status(error: AppError) -> int:
    invalid = error.status == HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.BAD_REQUEST if invalid else error.status


def _retry_after_s(error: AppError) -> int:
    return max(1, ceil(error.retry_after_s or DEFAULT_RETRY_AFTER_S))
