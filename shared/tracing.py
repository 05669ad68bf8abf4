"""Following one question through the services, when an operator asks for it.

Off, which is the default, nothing is wrapped, nothing is measured and what traces is not even
imported: the paths that must be fast run as if this file did not exist. On, spans go to a collector
by OTLP over HTTP, joined by W3C trace context (https://www.w3.org/TR/trace-context/) from nginx to
the engine. Spans carry numbers and names of ours, never a text, an address or a person's id.
"""

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import httpx2
from starlette.types import ASGIApp

from shared.settings import TracingSettings, WrongSettings


class Tracing:
    """Tracing while it is off."""

    def span(self, name: str, **facts: str | int) -> AbstractContextManager[Any]:
        """Return a context whose duration is noted under `name`; what it calls belongs to it."""
        return nullcontext()

    def follow(self, thing: object, method: str, name: str) -> None:
        """Note from now on each call of an asynchronous method of `thing`, or its iteration."""

    def served(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with each request noted, as part of its caller's trace if it has one."""
        return app

    def transport(self, connections: int) -> httpx2.AsyncBaseTransport | None:
        """Return what carries calls to another service with their trace; None: the usual one."""
        return None

    async def flush(self) -> None:
        """Send what was noted and not sent yet."""


@lru_cache
def tracing_of(service: str, settings: TracingSettings) -> Tracing:
    """Return the tracing of a service in this process: one, however often it is asked for.

    Raises WrongSettings when traces are wanted and their packages are missing.
    """
    if not settings.url:
        return Tracing()
    try:
        from shared.open_telemetry import OpenTelemetry  # only here: its packages may be absent
    except ModuleNotFoundError as missing:
        raise WrongSettings(
            f"traces need the extra [tracing]: {missing.name} is missing"
        ) from missing
    return OpenTelemetry(service, settings)
