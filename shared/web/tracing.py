"""Following one question through the services, when an operator asks for it.

What the services are given, and what it is while it is off, which is the default: nothing is
wrapped, nothing is measured, and the paths that must be fast run as if this file did not exist.
Spans carry numbers and names of ours, never a text, an address or a person's id.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx2
from starlette.types import ASGIApp


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
