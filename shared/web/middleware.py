"""The outermost ASGI middleware of every service.

Request id, body limit, one log line, metrics, and errors as RFC 9457 problem documents in the
caller's language. Being pure ASGI it sees streams piece by piece and the client's disconnection.
"""

import random
import re
import time
from collections.abc import Mapping
from types import MappingProxyType

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import AppError
from shared.languages import preferred_language
from shared.texts import Texts
from shared.web.http_metrics import HttpMetrics, route_template
from shared.web.problems import CLIENT_LEFT, ErrorFormat, error_format_of
from shared.web.request_body import BodyLimits, RequestBody

log = structlog.get_logger()

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
CLOSE = ((b"connection", b"close"),)
"""After a body that comes too slowly. After one too large the rest is read and dropped: who still
sends when the connection ends never learns why."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header"""


def header_value(scope: Scope, name: bytes) -> str | None:
    """Return the first value of the header `name` (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def new_request_id() -> str:
    """Return 32 hexadecimal digits; not secret, so a fast generator is enough."""
    return f"{random.getrandbits(128):032x}"


class RequestMiddleware:
    """The outermost layer of a service; see the module's docstring.

    A body larger than `max_body_bytes` is a 413 before it is read whole, one that comes too slowly
    a 408 (shared/web/request_body.py). An unexpected error is a
    500 with the request id, logged with its trace.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: HttpMetrics,
        texts: Texts,
        max_body_bytes: int,
        error_formats: Mapping[str, ErrorFormat] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._error_formats = error_formats
        self._metrics = metrics
        self._texts = texts
        self._body_limits = BodyLimits(max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; only HTTP requests are processed, others pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s = time.perf_counter()
        sent = header_value(scope, b"x-request-id")
        request_id = sent if sent and REQUEST_ID.fullmatch(sent) else new_request_id()
        state = scope["state"] = dict(scope.get("state", ()))  # a server may share it
        state["request_id"] = request_id
        ids = {"request_id": request_id, **_trace_id(scope)}
        structlog.contextvars.bind_contextvars(**ids)
        status = 0
        body = scope["body"] = RequestBody(self._body_limits, scope, receive)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *state.get("headers", ()),
                    *(CLOSE if body.too_slow else ()),
                ]
            await send(message)

        self._metrics.open.inc()
        try:
            await self._app(scope, body.receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the HTTP edge: every bug becomes a 500 here
            await self._answer(error, scope, receive, send_with_id, started=status != 0)
        finally:
            body.close()
            self._metrics.open.dec()
            self._record(scope, status or CLIENT_LEFT, time.perf_counter() - started_s)
            structlog.contextvars.unbind_contextvars(*ids)

    async def _answer(
        self, error: Exception, scope: Scope, receive: Receive, send: Send, *, started: bool
    ) -> None:
        if isinstance(error, ClientDisconnect):
            return  # with half its body sent: nobody waits for an answer
        known = error if isinstance(error, AppError) else AppError()
        if known is not error:
            log.error("unexpected error", exc_info=error)
        if not started:
            language = preferred_language(header_value(scope, b"accept-language"))
            document = error_format_of(scope["path"], self._error_formats)
            response = document(known, self._texts, language, scope["state"]["request_id"])
            await response(scope, receive, send)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_template(scope)
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


def _trace_id(scope: Scope) -> dict[str, str]:
    """Return the field of the log line that names the caller's trace, if there is one."""
    trace = TRACEPARENT.fullmatch(header_value(scope, b"traceparent") or "")
    return {"trace_id": trace.group(1)} if trace else {}
