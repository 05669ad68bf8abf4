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
    """Fields of the request are wrong; `faults` names each, never its value."""

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.faults = [_fault(fault) for fault in faults]


def validation_error(faults: Sequence[Mapping[str, Any]]) -> BadInput:
    """Return the error for pydantic's errors: MalformedBody when the body is not JSON."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedBody()
    return InvalidFields(faults)


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
        "detail": texts.say(error.sentence, language, **facts),
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
        return respond(request, validation_error(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it only
        response = respond(request, _named(error))
        response.headers.update(error.headers or {})
        return response

    async def bug(request: Request, _error: Exception) -> Response:
        return respond(request, AppError())

    app.add_exception_handler(Exception, bug)  # Starlette raises it again: it is logged
    app.add_exception_handler(AppError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _named(error: HTTPException) -> AppError:
    if isinstance(error.__cause__, AppError):  # FastAPI wraps what reading the body raises
        return error.__cause__
    kinds: Mapping[int, type[AppError]] = {400: MalformedBody, 404: NotFound, 405: MethodNotAllowed}
    return kinds.get(error.status_code, AppError)()


def _fault(fault: Mapping[str, Any]) -> dict[str, str]:
    """Name the field and the fault; never the value, which may be personal."""
    where = ".".join(str(part) for part in fault["loc"] if part not in {"body", "query", "path"})
    return {"field": where, "reason": str(fault["type"])}
