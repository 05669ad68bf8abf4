"""Bringing models to memory and letting them go, each load and each end in a task of its own.

A load is told to its seat, never raised: who waits for the model looks there. A process that dies
is noticed here; the pool starts it again when it is due.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress

import structlog

from ai_core.errors import EngineStarting, ModelUnusable
from ai_core.models.eviction import Bell, Room
from ai_core.models.memory import Ledger, Measures
from ai_core.models.slot import Opener, Running, Seat, Shrinker
from shared.clock import Clock
from shared.errors import AppError

LOAD_TIMEOUT_S = 600.0
CLOSE_TIMEOUT_S = 15.0

log = structlog.get_logger()


class Loader:
    """Loads, watches and closes the engines of seats, within a budget."""

    def __init__(
        self,
        seats: Mapping[tuple[object, ...], Seat],
        opener: Opener,
        shrink: Shrinker,
        reread: Callable[[], Awaitable[None]],
        ledger: Ledger,
        measures: Measures,
        bell: Bell,
        clock: Clock,
        wait_s: float,
    ) -> None:
        self.room = Room(seats, ledger, bell, clock, self.evict)
        self._open = opener
        self._shrink = shrink
        self._reread = reread
        self._ledger = ledger
        self._measures = measures
        self._bell = bell
        self._clock = clock
        self._wait_s = wait_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self, seats: Mapping[tuple[object, ...], Seat]) -> None:
        """Let every model go; returns when their processes have ended."""
        for task in self._tasks - self._closing:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for seat in seats.values():
            self.evict(seat)
        await self.others_gone()

    def begin(self, seat: Seat) -> None:
        """Load a model unless it is there or on its way. The task never raises; the seat tells."""
        if seat.loading or seat.engine:
            return
        seat.state = "restarting" if seat.state == "restarting" else "loading"
        seat.loading = self._spawn(self._load(seat), self._load_ended(seat))

    def evict(self, seat: Seat) -> asyncio.Task[None] | None:
        """Let a model go; the task ends when its process has.

        The ledger counts the memory as free at once, and no load begins before `others_gone`.
        """
        engine = seat.emptied()
        if seat.watching:
            seat.watching.cancel()
        self._release(seat)
        self._bell.ring()
        if engine is None:
            return None
        log.info("model unloaded", model=seat.card.id)
        closing = self._spawn(self._close_engine(engine))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return closing

    async def others_gone(self) -> None:
        """Wait until the memory of every model that was let go is really free."""
        while self._closing:
            await asyncio.wait(self._closing)

    async def give_up(self, seat: Seat) -> None:
        """Forget a model that is on its way, or back after a crash."""
        if seat.loading:
            seat.loading.cancel()
            await asyncio.gather(seat.loading, return_exceptions=True)
        self.evict(seat)

    async def _load(self, seat: Seat) -> None:
        started_s = self._clock.elapsed_s()
        try:
            if seat.card.fault:
                raise ModelUnusable(seat.card.fault, model=seat.card.id)
            if seat.reservation is None:
                need_bytes = self._measures.need_bytes(seat.card)
                await self._shrink_to_fit(seat, need_bytes)
                seat.reservation = await self.room.make(seat, need_bytes, self._wait_s)
                await self.others_gone()
            async with asyncio.timeout(LOAD_TIMEOUT_S):
                engine = await self._open(seat.card)
        except TimeoutError:
            self._failed(seat, ModelUnusable("loading takes too long", model=seat.card.id))
        except AppError as error:
            self._failed(seat, error)
        else:
            seat.taken(engine, self._clock.elapsed_s())
            seat.watching = self._spawn(self._watch(seat, engine))
            seat.memory_bytes = await engine.memory_bytes()
            took_s = round(seat.loaded_s - started_s, 3)
            log.info("model loaded", model=seat.card.id, took_s=took_s, bytes=seat.memory_bytes)

    async def _shrink_to_fit(self, seat: Seat, need_bytes: int) -> None:
        """Let a precision be made of a model too large for the budget, if it may.

        Raises EngineStarting once it is: models.toml now describes another model to load.
        """
        card, most_bytes = seat.card, self.room.most_bytes(seat)
        if need_bytes <= most_bytes or card.quantization != "auto" or card.agreement is not None:
            return
        log.info("model does not fit, quantizing", model=card.id, room=most_bytes)
        await self._shrink(card, most_bytes)
        await self._reread()
        raise EngineStarting(retry_after_s=1.0, model=card.id)

    def _failed(self, seat: Seat, error: AppError) -> None:
        error.facts["model"] = seat.card.id
        seat.failed(error, self._clock.elapsed_s())
        self._release(seat)
        log.warning("model not loaded", model=seat.card.id, code=error.code, reason=str(error))

    def _load_ended(self, seat: Seat) -> Callable[[asyncio.Task[None]], None]:
        def ended(task: asyncio.Task[None]) -> None:
            seat.loading = None
            if not task.cancelled() and task.exception():
                self._failed(seat, ModelUnusable(repr(task.exception())))
            self._bell.ring()

        return ended

    async def _watch(self, seat: Seat, engine: Running) -> None:
        reason = await asyncio.shield(engine.died)
        if seat.engine is not engine:
            return
        seat.crashed(self._clock.elapsed_s())
        in_s = round(seat.retry_s - self._clock.elapsed_s(), 1)
        log.warning("model starts again", model=seat.card.id, in_s=in_s, reason=str(reason))
        self._bell.ring()
        await self._close_engine(engine)

    async def _close_engine(self, engine: Running) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await engine.close()

    def _release(self, seat: Seat) -> None:
        if seat.reservation:
            self._ledger.release(seat.reservation)
            seat.reservation = None

    def _spawn(
        self,
        work: Coroutine[object, object, None],
        ended: Callable[[asyncio.Task[None]], None] | None = None,
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if ended:
            task.add_done_callback(ended)
        return task
