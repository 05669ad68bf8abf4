"""Errors as RFC 9457 problem documents, and how FastAPI's own errors become them."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from shared.errors import AppError, BadInput, MalformedBody, NotFound
from shared.languages import Language, preferred_language
from shared.texts import Texts

PROBLEM_TYPE = "application/problem+json"
DEFAULT_RETRY_AFTER_S = 5.0


class MethodNotAllowed(AppError):
    """The path exists with other methods."""

    status = 405
    code = "method_not_allowed"


class InvalidFields(BadInput):
    """Fields of the request are wrong; `faults` names each, never its value.

    `faults` are pydantic's errors, or ours of the same shape; `body` is the JSON they are about.
    The sentence is about the innermost field, with the limit it goes beyond: pydantic also tells
    why the other members of a union around it do not match.
    """

    _reason = ""

    def __init__(self, faults: Sequence[Mapping[str, Any]], body: object = None) -> None:
        super().__init__()
        by_field: dict[str, dict[str, str]] = {}
        limits: dict[str, str] = {}
        for fault in faults:
            field = _field(fault, body)
            by_field.setdefault(field, {"field": field, "reason": str(fault["type"])})
            limits.setdefault(field, _limit(fault))
        innermost_first = sorted(by_field, key=lambda field: -field.count("."))
        self.faults = [by_field[field] for field in innermost_first]
        told = innermost_first[0]
        self._reason = by_field[told]["reason"]
        self.facts = {"field": told, "limit": limits.get(told, "")}

    @property
    def sentence(self) -> str:
        """The key of the caller's sentence."""
        if not self.facts["field"] and self._reason != "media_type":
            return "body_wrong"
        return SENTENCES.get(self._reason, "field_wrong")


_WRONG_TYPES = (
    *("string_type", "int_type", "int_parsing", "int_from_float", "float_type", "float_parsing"),
    *("bool_type", "bool_parsing", "list_type", "tuple_type", "dict_type", "model_type"),
    *("model_attributes_type", "string_unicode"),
)
SENTENCES = {
    **dict.fromkeys(_WRONG_TYPES, "field_wrong_type"),
    "missing": "field_missing",
    "extra_forbidden": "field_unknown",
    "greater_than_equal": "field_at_least",
    "greater_than": "field_above",
    "less_than_equal": "field_at_most",
    "less_than": "field_below",
    "string_too_long": "field_too_long",
    "string_too_short": "field_too_short",
    "too_long": "field_too_many",
    "too_short": "field_too_few",
    "literal_error": "field_not_among",
    "enum": "field_not_among",
    "string_pattern_mismatch": "field_wrong_form",
    "blank": "field_blank",
    "too_nested": "field_too_nested",
    "media_type": "media_type",
    "last_must_be_user": "last_must_be_user",
    "one_prompt_only": "one_prompt_only",
    "prompt_or_messages": "prompt_or_messages",
    "texts_wanted": "texts_wanted",
    "deadline": "field_deadline",
    "not_with_stream": "not_with_stream",
    "idempotency_key": "idempotency_key",
}
"""The key of the sentence for a reason: pydantic's types of errors, and ours."""
_LIMITS = ("le", "lt", "ge", "gt", "max_length", "min_length", "expected", "limit")
_MAX_FIELD_CHARS = 120


def validation_error(faults: Sequence[Mapping[str, Any]], body: object = None) -> BadInput:
    """Return the error for pydantic's errors: MalformedBody when the body is not JSON."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedBody()
    return InvalidFields(faults, body)


def problem_response(
    error: AppError, texts: Texts, language: Language, request_id: str
) -> Response:
    """Return the RFC 9457 document for `error`, its sentence in `language`.

    A 429 or 503 always has Retry-After. The text of an unexpected error is never sent.
    """
    headers: dict[str, str] = {"Content-Language": language}
    facts: dict[str, str | int] = dict(error.facts)
    if error.retryable:
        wait_s = max(1, ceil(error.retry_after_s or DEFAULT_RETRY_AFTER_S))
        headers["Retry-After"] = str(wait_s)
        facts["retry_after_s"] = wait_s
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, Any] = {
        "type": f"urn:code-du-travail-neo:error:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": f"{error.said_first} {texts.say(error.sentence, language, **facts)}".lstrip(),
        "code": error.code,
        "request_id": request_id,
    }
    if error.faults:
        body["errors"] = error.faults
    return Response(orjson.dumps(body), error.status, headers, PROBLEM_TYPE)


ErrorFormat = Callable[[AppError, Texts, Language, str], Response]
"""Writes an error for a caller, in a language, with the request's id."""


def error_format_of(path: str, error_formats: Mapping[str, ErrorFormat]) -> ErrorFormat:
    """Return the error format of a path: by its prefix, else `problem_response`."""
    for prefix, error_format in error_formats.items():
        if path.startswith(prefix):
            return error_format
    return problem_response


CLIENT_LEFT = 499
"""What is recorded of a caller who left before its request was whole; nginx's number for it."""


def add_error_handlers(
    app: FastAPI, texts: Texts, error_formats: Mapping[str, ErrorFormat] = MappingProxyType({})
) -> None:
    """Register handlers that answer every error with a document in the caller's language.

    `error_formats` are by prefix of the path; the others are answered by `problem_response`.
    """

    def respond(request: Request, error: AppError) -> Response:
        language = preferred_language(request.headers.get("accept-language"))
        document = error_format_of(request.url.path, error_formats)
        return document(error, texts, language, request.state.request_id)

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, AppError)  # noqa: S101 - registered for AppError only
        return respond(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it only
        return respond(request, validation_error(error.errors(), error.body))

    async def left(_request: Request, _error: Exception) -> Response:
        return Response(status_code=CLIENT_LEFT)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it only
        response = respond(request, _named(error))
        response.headers.update(error.headers or {})
        return response

    async def bug(request: Request, _error: Exception) -> Response:
        return respond(request, AppError())

    app.add_exception_handler(ClientDisconnect, left)
    app.add_exception_handler(Exception, bug)  # Starlette raises it again: it is logged
    app.add_exception_handler(AppError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _named(error: HTTPException) -> AppError:
    if isinstance(error.__cause__, AppError):  # FastAPI wraps what reading the body raises
        return error.__cause__
    kinds: Mapping[int, type[AppError]] = {400: MalformedBody, 404: NotFound, 405: MethodNotAllowed}
    return kinds.get(error.status_code, AppError)()


def _field(fault: Mapping[str, Any], body: object) -> str:
    """Return the path of a field in the body.

    Pydantic's locations also name the member of a union it tried: what the body has no place for is
    left out, except a field that is missing.
    """
    loc = [part for at, part in enumerate(fault["loc"]) if at or part not in PARTS_OF_REQUESTS]
    if body is None or tuple(fault["loc"][:1]) in OUTSIDE_BODY:
        return ".".join(map(str, loc))[:_MAX_FIELD_CHARS]
    path: list[str] = []
    inside = body
    for at, part in enumerate(loc):
        found = _inside(inside, part)
        if found is not _NOTHING:
            inside = found
            path.append(str(part))
        elif fault["type"] == "missing" and at == len(loc) - 1:
            path.append(str(part))
    return ".".join(path)[:_MAX_FIELD_CHARS]


_NOTHING = object()


def _inside(value: object, part: str | int) -> object:
    """Return a part of a JSON value, _NOTHING where it has none."""
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _NOTHING


OUTSIDE_BODY = {("query",), ("path",), ("header",)}
PARTS_OF_REQUESTS = {"body", "query", "path", "header"}
"""How FastAPI's locations begin."""


def _limit(fault: Mapping[str, Any]) -> str:
    """Return the limit of a fault as a caller reads it; "" for one without."""
    context = fault.get("ctx") or {}
    limit = next((context[name] for name in _LIMITS if name in context), "")
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)
    if isinstance(limit, int):
        return f"{limit:,}".replace(",", "\u00a0")
    return str(limit)
