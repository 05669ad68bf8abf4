"""Distributed tracing with OpenTelemetry's API: a service's tracer, and ASGI middleware.

Off, which is the default, the tracer is the API's no-op one and the application is not wrapped; the
SDK and the exporter are not even imported. On, spans go to a collector by OTLP over HTTP, joined by
W3C trace context (https://www.w3.org/TR/trace-context/) from nginx to the engine. Span attributes
are numbers and names of ours, never a text, an address or a person's id.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple

from opentelemetry.trace import NoOpTracer, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.settings import TracingSettings, WrongSettings
from shared.web.http_metrics import route_template
from shared.web.middleware import header_value

PROPAGATOR = TraceContextTextMapPropagator()
NO_TRACER: Tracer = NoOpTracer()
SERVER_ERROR = 500


class Tracing(NamedTuple):
    """A service's tracer, and the function that flushes its spans (before it stops)."""

    tracer: Tracer
    flush: Callable[[], Awaitable[object]]


async def nothing_to_flush() -> None:
    """Return at once: there are no spans."""


@lru_cache
def tracing_of(service: str, settings: TracingSettings) -> Tracing:
    """Return the tracing of a service in this process, created once.

    Raises WrongSettings when traces are wanted and their packages are missing.
    """
    if not settings.url:
        return Tracing(NO_TRACER, nothing_to_flush)
    try:
        from shared.web.span_export import Exporting  # only here: its packages may be absent
    except ModuleNotFoundError as missing:
        raise WrongSettings(
            f"traces need the extra [tracing]: {missing.name} is missing"
        ) from missing
    exporting = Exporting(service, settings)
    return Tracing(exporting.tracer, exporting.flush)


def traced(app: ASGIApp, tracer: Tracer) -> ASGIApp:
    """Return `app` with a server span around each HTTP request; unchanged when tracing is off.

    The application sees the span as its caller (`traceparent`), so log lines carry the trace.
    """
    if isinstance(tracer, NoOpTracer):
        return app

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        sent = {name: header_value(scope, name.encode()) for name in PROPAGATOR.fields}
        caller = PROPAGATOR.extract({name: value for name, value in sent.items() if value})
        facts = {"http.request.method": scope["method"]}
        with tracer.start_as_current_span("request", caller, SpanKind.SERVER, facts) as span:
            replace_trace_headers(scope)
            await app(scope, receive, recording(span, scope, send))

    return serve


def replace_trace_headers(scope: Scope) -> None:
    """Make the current span the parent that the request's headers name."""
    ours: dict[str, str] = {}
    PROPAGATOR.inject(ours)
    others = [pair for pair in scope["headers"] if pair[0].decode("latin-1") not in ours]
    scope["headers"] = [*others, *((name.encode(), value.encode()) for name, value in ours.items())]


def recording(span: Span, scope: Scope, send: Send) -> Send:
    """Return a `send` that records the route and the status of the response on `span`."""

    async def record(message: Message) -> None:
        if message["type"] == "http.response.start":
            route = route_template(scope)
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("request_id", str(scope["state"]["request_id"]))
            record_status(span, message["status"])
        await send(message)

    return record


def record_status(span: Span, status: int) -> None:
    """Record the HTTP status of a response; one of the server's own errors is the span's."""
    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
