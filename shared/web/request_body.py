"""Receives the body of a request under limits of size, time and number.

A client may send a body as slowly as it likes, so it must hold nothing while it does, and not for
ever: the whole body has FIRST_S seconds, and one more for every BYTES_PER_S that arrived. Bodies
that take longer than SLOW_AFTER_S are counted, by address and in all.
"""

import asyncio
from collections import Counter
from typing import Any

from starlette.types import Message, Receive, Scope

from shared.errors import AppError, BodyTimeout, TooLarge, TooMany, Unavailable

FIRST_S = 10.0
BYTES_PER_S = 8_192
"""At this rate the largest body takes two minutes; a slow mobile connection sends 16 KB/s."""
SLOW_AFTER_S = 2.0
LOOK_EVERY_S = 1.0
SLOW_PER_ADDRESS = 32
SLOW_IN_ALL = 256
"""At most, in the memory of a process, 256 times the largest body."""
LONGEST_LENGTH = 18
"""Digits of a Content-Length that can be meant; Python refuses to convert more than 4,300."""


def declared_bytes(scope: Scope) -> int:
    """Return the Content-Length, or 0 without one."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:LONGEST_LENGTH])
    return 0


class BodyLimits:
    """The limits of one service, and the bodies it waits for now.

    One look a second at all of them costs less than a timer for each, as most are there at once.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._slow: Counter[str] = Counter()
        self._awaited: set[RequestBody] = set()
        self._next_look: asyncio.TimerHandle | None = None

    def watch(self, body: "RequestBody") -> None:
        """Look at a body until `unwatch`."""
        self._awaited.add(body)
        if self._next_look is None:
            loop = asyncio.get_running_loop()
            self._next_look = loop.call_later(LOOK_EVERY_S, self._look, loop)

    def unwatch(self, body: "RequestBody") -> None:
        """Stop looking at a body."""
        self._awaited.discard(body)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._next_look = None
        for body in list(self._awaited):
            body.check_pace(loop.time())
        if self._awaited:
            self._next_look = loop.call_later(LOOK_EVERY_S, self._look, loop)

    def begin_slow(self, address: str) -> None:
        """Count a slow body. Raises TooMany for its address, or Unavailable."""
        if self._slow[address] >= SLOW_PER_ADDRESS:
            raise TooMany("slow bodies of one address", retry_after_s=FIRST_S)
        if self._slow.total() >= SLOW_IN_ALL:
            raise Unavailable("slow bodies", retry_after_s=FIRST_S)
        self._slow[address] += 1

    def end_slow(self, address: str) -> None:
        """Count a slow body less."""
        self._slow[address] -= 1
        if not self._slow[address]:
            del self._slow[address]


class RequestBody:
    """The body of one request; `receive` is what the app gets in place of the server's.

    Raises TooLarge before more than the limit is read, BodyTimeout, and what
    `BodyLimits.begin_slow` raises. Once the body is whole, `receive` waits for the disconnection.
    """

    __slots__ = (
        "_error",
        "_is_slow",
        "_limits",
        "_max_bytes",
        "_receive",
        "_scope",
        "_seen_bytes",
        "_started_s",
        "_task",
        "whole",
    )

    def __init__(self, limits: BodyLimits, scope: Scope, receive: Receive) -> None:
        self._limits = limits
        self._scope = scope
        self._receive = receive
        self._started_s = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._error: AppError | None = None
        self._seen_bytes = 0
        self._max_bytes = limits.max_bytes
        self._is_slow = False
        self.whole = False

    def lower_limit(self, max_bytes: int) -> None:
        """Allow this caller no more than `max_bytes`."""
        self._max_bytes = min(self._max_bytes, max_bytes)

    @property
    def too_slow(self) -> bool:
        """Whether it was refused for its pace."""
        return self._error is not None

    async def receive(self) -> Message:
        """Return the server's next message."""
        if self.whole:
            return await self._receive()
        self._check_size(declared_bytes(self._scope))
        message = await self._next()
        self._seen_bytes += len(message.get("body", b""))
        self._check_size(self._seen_bytes)
        if not message.get("more_body", False):
            self.whole = True
            self.close()
        return message

    def close(self) -> None:
        """End the count of a slow body; the rest of it is not wanted."""
        if self._is_slow:
            self._is_slow = False
            self._limits.end_slow(self._address)

    @property
    def _address(self) -> str:
        client = self._scope.get("client")
        return client[0] if client else ""

    def _check_size(self, size_bytes: int) -> None:
        limit = self._max_bytes
        if size_bytes > limit:
            raise TooLarge(f"body over {limit} bytes", limit=f"{limit // 1024} KiB")

    def check_pace(self, now_s: float) -> None:
        """Count a slow body; end its `receive` when it is too slow, or too many are."""
        waited_s = now_s - self._started_s
        try:
            if waited_s >= FIRST_S + self._seen_bytes / BYTES_PER_S:
                raise BodyTimeout(f"{self._seen_bytes} bytes came in time")
            if waited_s >= SLOW_AFTER_S and not self._is_slow:
                self._limits.begin_slow(self._address)
                self._is_slow = True
        except AppError as error:
            self._error = error
            self._limits.unwatch(self)
            if self._task:
                self._task.cancel()

    async def _next(self) -> Message:
        task = self._task = asyncio.current_task()
        if not self._started_s:
            self._started_s = asyncio.get_running_loop().time()
        self._limits.watch(self)
        try:
            return await self._receive()
        except asyncio.CancelledError:
            error = self._error
            if error is None or task is None or task.uncancel():
                raise
            raise error from None
        finally:
            self._limits.unwatch(self)
