"""What every HTTP service of the house does the same way.

`Edge` is the outermost ASGI layer: request id, body limit, one log line, metrics, and errors as
RFC 9457 problem documents in the caller's language. Being pure ASGI it sees streams piece by
piece and the client's disconnection.
"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import AppError, BadInput, MalformedBody, NotFound, TooLarge
from shared.languages import Language, preferred_language
from shared.texts import Texts

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""
PROBLEM = "application/problem+json"
DEFAULT_RETRY_AFTER_S = 5.0


class MethodNotAllowed(AppError):
    """The address knows other methods than this one."""

    status = 405
    code = "method_not_allowed"


class WrongFields(BadInput):
    """Fields of the request are wrong; `faults` names each, never its value."""

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.faults = [_fault(fault) for fault in faults]


def wrong_body(faults: Sequence[Mapping[str, Any]]) -> BadInput:
    """Return what to raise for pydantic's faults: MalformedBody when it is not JSON at all."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return MalformedBody()
    return WrongFields(faults)


class HttpMetrics:
    """Requests counted and timed by route, never by caller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "From the request's first byte to the answer's last.",
            ["route"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.open = Gauge("http_requests_open", "Requests being answered now.", registry=registry)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def record(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; finding the labels' children anew would cost more than counting."""
        children = self._children.get((route, method, status))
        if children is None:
            counted = self.requests.labels(route, method, str(status))
            children = self._children[route, method, status] = counted, self.seconds.labels(route)
        children[0].inc()
        children[1].observe(seconds)


def header(scope: Scope, name: bytes) -> str | None:
    """Return the first value of the header `name` (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def route_of(scope: Scope) -> str:
    """Return the route that answered a request, "unmatched" for none.

    FastAPI names its routes in the scope, Starlette only their endpoints: a route without
    parameters is its own path.
    """
    route = getattr(scope.get("route"), "path", None)
    if route is None and scope.get("endpoint") and not scope.get("path_params"):
        route = scope["path"]
    return route or "unmatched"


def problem(error: AppError, texts: Texts, language: Language, request_id: str) -> Response:
    """Return the RFC 9457 document for `error`, its sentence in `language`.

    A 429 or 503 always carries Retry-After. Nothing of an unexpected error's own text leaves.
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
        "detail": texts.say(error.code, language, **facts),
        "code": error.code,
        "request_id": request_id,
    }
    if error.faults:
        body["errors"] = error.faults
    return Response(orjson.dumps(body), error.status, headers, PROBLEM)


Document = Callable[[AppError, Texts, Language, str], Response]
"""Writes an error for a caller, in a language, with the request's id."""


def document_of(path: str, documents: Mapping[str, Document]) -> Document:
    """Return how errors are written at an address: `problem`, but for some beginnings of it."""
    for beginning, document in documents.items():
        if path.startswith(beginning):
            return document
    return problem


def new_request_id() -> str:
    """Return 32 hexadecimal digits; no secret, so not the kernel's costly randomness."""
    return f"{random.getrandbits(128):032x}"


class Edge:
    """The outermost layer of a service; see the module's docstring.

    A body larger than `max_body_bytes` is a 413 before it is read whole. An unexpected error is a
    500 with the request id, logged with its trace.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: HttpMetrics,
        texts: Texts,
        max_body_bytes: int,
        documents: Mapping[str, Document] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._documents = documents
        self._metrics = metrics
        self._texts = texts
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; only HTTP requests get the full treatment."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        sent = header(scope, b"x-request-id")
        request_id = sent if sent and REQUEST_ID.fullmatch(sent) else new_request_id()
        trace = TRACEPARENT.fullmatch(header(scope, b"traceparent") or "")
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        ids = {"request_id": request_id}
        if trace:
            ids["trace_id"] = trace.group(1)
        structlog.contextvars.bind_contextvars(**ids)
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *state.get("headers", ()),
                ]
            await send(message)

        self._metrics.open.inc()
        try:
            await self._app(scope, self._limited(scope, receive), send_with_id)
        except Exception as error:  # noqa: BLE001 - the HTTP edge: every bug becomes a 500 here
            await self._answer(error, scope, receive, send_with_id, started=status != 0)
        finally:
            self._metrics.open.dec()
            self._record(scope, status or 499, time.perf_counter() - started_s)
            structlog.contextvars.unbind_contextvars(*ids)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        declared = header(scope, b"content-length")
        limit = self._max_body_bytes

        async def refuse() -> Message:
            raise TooLarge(f"body over {limit} bytes", limit=f"{limit // 1024} KiB")

        if declared and declared.isdecimal() and int(declared) > limit:
            return refuse
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    return await refuse()
            return message

        return counted

    async def _answer(
        self, error: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool
    ) -> None:
        known = error if isinstance(error, AppError) else AppError()
        if known is not error:
            log.error("unexpected error", exc_info=error)
        if not started:
            language = preferred_language(header(scope, b"accept-language"))
            document = document_of(scope["path"], self._documents)
            response = document(known, self._texts, language, scope["state"]["request_id"])
            await response(scope, receive, send)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.record(route, method, status, seconds)
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            **scope["state"].get("log_facts", {}),
        )


METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def speak_errors(
    app: FastAPI, texts: Texts, documents: Mapping[str, Document] = MappingProxyType({})
) -> None:
    """Answer every error FastAPI meets with a document in the caller's language.

    `documents` says how for addresses that begin in a certain way; for the others, `problem`.
    """

    def respond(request: Request, error: AppError) -> Response:
        language = preferred_language(request.headers.get("accept-language"))
        document = document_of(request.url.path, documents)
        return document(error, texts, language, request.state.request_id)

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, AppError)  # noqa: S101 - registered for AppError only
        return respond(request, error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it only
        return respond(request, wrong_body(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it only
        response = respond(request, _named(error))
        response.headers.update(error.headers or {})
        return response

    async def bug(request: Request, _error: Exception) -> Response:
        return respond(request, AppError())

    app.add_exception_handler(Exception, bug)  # Starlette raises it again, and Edge logs it
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
