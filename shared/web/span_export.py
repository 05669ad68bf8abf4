"""The OpenTelemetry SDK and its exporter; imported only when an operator configures traces."""

import asyncio
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status, StatusCode

from shared.settings import TracingSettings

EXPORT_TIMEOUT_S = 5.0
FLUSH_TIMEOUT_MS = 5_000
EXPORT_INTERVAL_MS = 2_000.0


class PrivateExporter(OTLPSpanExporter):
    """Exports spans without error messages, which may quote user content."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        return super().export([without_error_text(span) for span in spans])


class Exporting:
    """Exports spans of one service in the background; without a collector they are lost."""

    def __init__(self, service: str, settings: TracingSettings) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share)),
            resource=Resource({"service.name": service}),
        )
        exporter = PrivateExporter(endpoint=settings.url, timeout=EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_INTERVAL_MS)
        )
        self.tracer = self._provider.get_tracer("code-du-travail-neo")

    async def flush(self) -> None:
        """Send the spans not sent yet."""
        await asyncio.to_thread(self._provider.force_flush, FLUSH_TIMEOUT_MS)


def without_error_text(span: ReadableSpan) -> ReadableSpan:
    """Return a span that names the class of its last error (`error.type`), and no error's text.

    Recorded exceptions (events) and the description of the status go: both quote the error.
    """
    attributes = dict(span.attributes or {})
    failed = span.status.status_code is StatusCode.ERROR
    for event in span.events:
        if event.attributes and "exception.type" in event.attributes:
            failed = True
            qualified = str(event.attributes["exception.type"])
            attributes["error.type"] = qualified.rpartition(".")[2]
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        kind=span.kind,
        status=Status(StatusCode.ERROR) if failed else span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
