"""Who gets memory, who goes, and who waits.

A newcomer takes what is free. Where that is too little, idle unpinned models go, least recently
used first, and only if that is enough. Otherwise it waits; once it has waited `PATIENCE_S` the
models in its way take no new users, so that busy models take turns and nobody starves. A newcomer
that fits passes one that waits, until that one has lost patience.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ai_core.errors import NoMemory
from ai_core.models.memory import Ledger, Reservation
from ai_core.models.slot import Seat
from shared.clock import Clock

PATIENCE_S = 5.0
RETRY_AFTER_S = 5.0


class Bell:
    """Wakes everybody who waits for a change; each looks for itself whether it was theirs."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._next.wait()

    def ring(self) -> None:
        """Something changed."""
        rung, self._next = self._next, asyncio.Event()
        rung.set()


@dataclass(eq=False, slots=True)
class Newcomer:
    """A model that waits for memory."""

    seat: Seat
    need_bytes: int
    since_s: float


class Room:
    """Sets memory aside for models, and chooses who goes."""

    def __init__(
        self,
        seats: Mapping[tuple[object, ...], Seat],
        ledger: Ledger,
        bell: Bell,
        clock: Clock,
        evict: Callable[[Seat], object],
    ) -> None:
        self._seats = seats
        self._ledger = ledger
        self._bell = bell
        self._clock = clock
        self._evict = evict
        self._queue: list[Newcomer] = []

    async def make(self, seat: Seat, need_bytes: int, wait_s: float) -> Reservation:
        """Wait until that much is free, and set it aside.

        Raises NoMemory after `wait_s`, and at once when no waiting would help.
        """
        newcomer = Newcomer(seat, need_bytes, self._clock.elapsed_s())
        self._refuse_the_impossible(newcomer)
        self._queue.append(newcomer)
        try:
            while True:
                waited_s = self._clock.elapsed_s() - newcomer.since_s
                if self._in_turn(newcomer):
                    if reserved := self._take(newcomer):
                        return reserved
                    if waited_s >= PATIENCE_S:
                        self._hold_back(self._victims(newcomer, busy=True))
                if waited_s >= wait_s:
                    raise self.refusal(newcomer.seat, need_bytes)
                await self._bell.wait()
        finally:
            self._queue.remove(newcomer)
            self._hold_back([])

    def refusal_of(self, seat: Seat) -> NoMemory | None:
        """Return what to tell who waits for a model that waits for memory."""
        waiting = (each for each in self._queue if each.seat is seat)
        return next((self.refusal(seat, each.need_bytes) for each in waiting), None)

    def refusal(self, seat: Seat, need_bytes: int) -> NoMemory:
        """Say that there is no room, and what the operator may do."""
        name, budget = seat.card.id, self._ledger.budget_bytes
        return NoMemory(
            f"{name} needs {need_bytes:,} bytes of a budget of {budget:,}: raise "
            f"AI_CORE_MODELS__MEMORY_BYTES, unpin a model, or run: model quantize {name}",
            retry_after_s=RETRY_AFTER_S,
            model=name,
        )

    def most_bytes(self, seat: Seat) -> int:
        """Return what a model could get if all but the pinned ones went."""
        kept = sum(
            other.reservation.bytes
            for other in self._seats.values()
            if other.reservation and other.card.pinned and other is not seat
        )
        return self._ledger.budget_bytes - kept

    def _refuse_the_impossible(self, newcomer: Newcomer) -> None:
        if newcomer.need_bytes > self.most_bytes(newcomer.seat):
            raise self.refusal(newcomer.seat, newcomer.need_bytes)

    def _in_turn(self, newcomer: Newcomer) -> bool:
        """Tell whether a newcomer may take room: nobody before it has lost patience."""
        first = self._queue[0]
        return first is newcomer or self._clock.elapsed_s() - first.since_s < PATIENCE_S

    def _take(self, newcomer: Newcomer) -> Reservation | None:
        """Set memory aside and let the models go that were in the way; None when it is too early.

        The ledger counts what goes as free at once; its process is still to end.
        """
        victims = self._victims(newcomer, busy=False)
        if newcomer.need_bytes > self._ledger.free_bytes and not victims:
            return None
        for seat in victims:
            self._evict(seat)
        return self._ledger.reserve(newcomer.need_bytes)

    def _victims(self, newcomer: Newcomer, *, busy: bool) -> list[Seat]:
        """Choose the models to go, idle and least recently used first; [] when all are too few."""
        missing = newcomer.need_bytes - self._ledger.free_bytes
        chosen: list[Seat] = []
        evictable = [seat for seat in self._seats.values() if _may_go(seat, busy=busy)]
        for seat in sorted(evictable, key=lambda seat: (not seat.idle, seat.used_s)):
            if missing <= 0:
                break
            chosen.append(seat)
            missing -= seat.reservation.bytes if seat.reservation else 0
        return chosen if missing <= 0 else []

    def _hold_back(self, victims: list[Seat]) -> None:
        """Let exactly these models take no new users."""
        held = [seat for seat in self._seats.values() if seat.draining]
        for seat in self._seats.values():
            seat.draining = seat in victims
        if any(not seat.draining for seat in held):
            self._bell.ring()


def _may_go(seat: Seat, *, busy: bool) -> bool:
    if seat.reservation is None or seat.engine is None or seat.card.pinned:
        return False
    return seat.idle or (busy and not seat.waiting)
