"""Tracing with OpenTelemetry; imported only when an operator asks for traces."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from inspect import isasyncgenfunction
from typing import Any

import httpx2
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.settings import TracingSettings
from shared.web.middleware import header, route_of
from shared.web.tracing import Tracing

W3C = TraceContextTextMapPropagator()
SEND_TIMEOUT_S = 5.0
FLUSH_TIMEOUT_MS = 5_000
SENT_EVERY_MS = 2_000.0
SERVER_ERROR = 500
NAMED_PARTS = 4
"""Of a path, as many parts are told: what follows (a conversation's name, say) may be secret."""


class OpenTelemetry(Tracing):
    """Spans of one service, sent in the background; a collector that is down costs only them."""

    def __init__(self, service: str, settings: TracingSettings) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share)),
            resource=Resource({"service.name": service}),
        )
        exporter = OTLPSpanExporter(endpoint=settings.url, timeout=SEND_TIMEOUT_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=SENT_EVERY_MS)
        )
        self._tracer = self._provider.get_tracer("code-du-travail-neo")

    async def flush(self) -> None:
        """Send what was noted and not sent yet."""
        await asyncio.to_thread(self._provider.force_flush, FLUSH_TIMEOUT_MS)

    def span(self, name: str, **facts: str | int) -> AbstractContextManager[Span]:
        """Return a context whose duration is noted."""
        return self._current(self.begin(name, SpanKind.INTERNAL, None, facts))

    @contextmanager
    def _current(self, span: Span) -> Iterator[Span]:
        """Make a span the current one. Of an error only its kind is told: its text may quote."""
        token = attach(set_span_in_context(span))
        try:
            yield span
        except BaseException as error:
            fail(span, error)
            raise
        finally:
            detach(token)
            span.end()

    def begin(
        self, name: str, kind: SpanKind, parent: Context | None, facts: Mapping[str, str | int]
    ) -> Span:
        """Return a span that its caller ends, part of the current one unless `parent` is given."""
        return self._tracer.start_span(name, context=parent, kind=kind, attributes=facts)

    def follow(self, thing: object, method: str, name: str) -> None:
        """Note each call of a coroutine method, or the iteration of an asynchronous generator."""
        followed = getattr(thing, method)
        wrap = self._iterated if isasyncgenfunction(followed) else self._awaited
        setattr(thing, method, wrap(followed, name))

    def _awaited(self, followed: Callable[..., Any], name: str) -> Callable[..., Any]:
        async def noted(*values: Any, **named: Any) -> Any:
            with self.span(name):
                return await followed(*values, **named)

        return noted

    def _iterated(self, followed: Callable[..., Any], name: str) -> Callable[..., Any]:
        async def noted(*values: Any, **named: Any) -> AsyncGenerator[Any]:
            # Not made the current span: whoever iterates goes on in between with its own work.
            span, pieces = self.begin(name, SpanKind.INTERNAL, None, {}), followed(*values, **named)
            try:
                async for piece in pieces:
                    yield piece
            except BaseException as error:
                fail(span, error)
                raise
            finally:
                await pieces.aclose()
                span.end()

        return noted

    def served(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with each request noted; the log lines of a request carry its trace."""

        async def noted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            said = {
                name: value
                for name in ("traceparent", "tracestate")
                if (value := header(scope, name.encode())) is not None
            }
            facts = {"http.request.method": scope["method"]}
            begun = self.begin("request", SpanKind.SERVER, W3C.extract(said), facts)
            with self._current(begun) as span:
                await app(carrying(scope, context_headers()), receive, watched(span, scope, send))

        return noted

    def transport(self, connections: int) -> httpx2.AsyncBaseTransport:
        """Return a transport that notes each call and hands its trace on."""
        limits = httpx2.Limits(max_connections=connections)
        return TracedTransport(self, httpx2.AsyncHTTPTransport(limits=limits))


class TracedTransport(httpx2.AsyncBaseTransport):
    """Carries calls: each is a span, until the last piece of its answer."""

    def __init__(self, tracing: OpenTelemetry, wire: httpx2.AsyncBaseTransport) -> None:
        self._tracing = tracing
        self._wire = wire

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        named = "/".join(request.url.path.split("/")[:NAMED_PARTS])
        facts = {"http.request.method": request.method, "url.path": named}
        span = self._tracing.begin(f"{request.method} {named}", SpanKind.CLIENT, None, facts)
        request.headers.update(context_headers(set_span_in_context(span)))
        try:
            response = await self._wire.handle_async_request(request)
        except BaseException as error:
            fail(span, error)
            span.end()
            raise
        note_status(span, response.status_code)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - we are async
        response.stream = TracedStream(span, response.stream)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()


class TracedStream(httpx2.AsyncByteStream):
    """The body of an answer; its span ends when it is closed."""

    def __init__(self, span: Span, body: httpx2.AsyncByteStream) -> None:
        self._span = span
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        async for piece in self._body:
            yield piece

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()
        self._span.end()


def context_headers(context: Context | None = None) -> dict[str, str]:
    """Return the headers that name the current span, or that of `context`, as the parent."""
    headers: dict[str, str] = {}
    W3C.inject(headers, context)
    return headers


def carrying(scope: Scope, headers: Mapping[str, str]) -> Scope:
    """Return a request whose `headers` replace those of the same names."""
    ours = [(name.encode(), value.encode()) for name, value in headers.items()]
    names = {name for name, _ in ours}
    others = [pair for pair in scope["headers"] if pair[0] not in names]
    scope["headers"] = [*others, *ours]
    return scope


def watched(span: Span, scope: Scope, send: Send) -> Send:
    """Return a `send` that notes the route and the status of the answer."""

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            route = route_of(scope)
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("request_id", str(scope["state"]["request_id"]))
            note_status(span, message["status"])
        await send(message)

    return noted


def note_status(span: Span, status: int) -> None:
    """Note how a request was answered."""
    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


def fail(span: Span, error: BaseException) -> None:
    """Note the kind of an error."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)
