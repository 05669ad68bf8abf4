"""Which models are evicted when another one needs memory, and which waiting load gets it.

A load takes what is free. Where that is too little, idle unpinned models are evicted, least
recently used first, and only if that is enough. Otherwise the load waits; once it has waited
`DRAIN_AFTER_S`, the models it needs to evict are drained, so that busy models alternate and none
starves. A load that fits overtakes one that waits, until the latter has waited `DRAIN_AFTER_S`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ai_core.errors import NoMemory
from ai_core.models.changes import ChangeNotifier
from ai_core.models.slot import ModelSlot
from shared.clock import Clock

DRAIN_AFTER_S = 5.0
RETRY_AFTER_S = 5.0


def choose_victims(
    slots: Iterable[ModelSlot], missing_bytes: int, *, with_busy: bool = False
) -> list[ModelSlot] | None:
    """Return the models to evict to free that many bytes, or None when all would not suffice.

    Idle models come first, least recently used first; pinned ones and those with waiting callers
    are never chosen. `with_busy` also chooses models in use, which have to be drained first.
    """
    evictable = [slot for slot in slots if _is_evictable(slot, with_busy=with_busy)]
    victims: list[ModelSlot] = []
    for slot in sorted(evictable, key=lambda slot: (not slot.idle, slot.last_used_s)):
        if missing_bytes <= 0:
            break
        victims.append(slot)
        missing_bytes -= slot.reserved_bytes or 0
    return victims if missing_bytes <= 0 else None


def _is_evictable(slot: ModelSlot, *, with_busy: bool) -> bool:
    if slot.engine is None or slot.card.pinned:
        return False
    return slot.idle or (with_busy and not slot.waiting)


@dataclass(eq=False, slots=True)
class LoadRequest:
    """A model that waits for memory."""

    slot: ModelSlot
    need_bytes: int
    since_s: float


class Eviction:
    """The memory budget, and the loads that wait for some of it."""

    def __init__(
        self,
        slots: Mapping[tuple[object, ...], ModelSlot],
        budget_bytes: int,
        changes: ChangeNotifier,
        clock: Clock,
    ) -> None:
        self._slots = slots
        self.budget_bytes = budget_bytes
        self._changes = changes
        self._clock = clock
        self._requests: list[LoadRequest] = []

    @property
    def free_bytes(self) -> int:
        """Return the unreserved bytes; below 0 when a model grew beyond its reservation."""
        return self.budget_bytes - sum(slot.reserved_bytes or 0 for slot in self._slots.values())

    def max_bytes(self, slot: ModelSlot) -> int:
        """Return what a model could get if all but the pinned ones were evicted."""
        others = (other for other in self._slots.values() if other is not slot)
        pinned = sum(other.reserved_bytes or 0 for other in others if other.card.pinned)
        return self.budget_bytes - pinned

    async def victims_of(self, slot: ModelSlot, need_bytes: int, wait_s: float) -> list[ModelSlot]:
        """Wait until a model may have so much memory; return what is to be evicted for it.

        The caller evicts and reserves before it awaits anything. Raises NoMemory after `wait_s`,
        and at once when no waiting would help.
        """
        request = LoadRequest(slot, need_bytes, self._clock.elapsed_s())
        if need_bytes > self.max_bytes(slot):
            raise self._refusal(request)
        self._requests.append(request)
        try:
            while True:
                waited_s = self._clock.elapsed_s() - request.since_s
                if self._is_next(request):
                    victims = self._victims(request)
                    if victims is not None:
                        return victims
                    if waited_s >= DRAIN_AFTER_S:
                        self._drain(self._victims(request, with_busy=True) or [])
                if waited_s >= wait_s:
                    raise self._refusal(request)
                await self._changes.wait()
        finally:
            self._requests.remove(request)
            self._drain([])

    def refusal_of(self, slot: ModelSlot) -> NoMemory | None:
        """Return the error for callers of a model that waits for memory, None if it does not."""
        waiting = (request for request in self._requests if request.slot is slot)
        return next((self._refusal(request) for request in waiting), None)

    def _refusal(self, request: LoadRequest) -> NoMemory:
        name = request.slot.card.id
        return NoMemory(
            f"{name} needs {request.need_bytes:,} bytes of a budget of {self.budget_bytes:,}: "
            "raise AI_CORE_MODELS__MEMORY_BYTES, unpin a model, or run: model quantize "
            f"{name}",
            retry_after_s=RETRY_AFTER_S,
            model=name,
        )

    def _is_next(self, request: LoadRequest) -> bool:
        """Return whether a request may be served: none before it has waited `DRAIN_AFTER_S`."""
        first = self._requests[0]
        return first is request or self._clock.elapsed_s() - first.since_s < DRAIN_AFTER_S

    def _victims(self, request: LoadRequest, *, with_busy: bool = False) -> list[ModelSlot] | None:
        missing_bytes = request.need_bytes - self.free_bytes
        return choose_victims(self._slots.values(), missing_bytes, with_busy=with_busy)

    def _drain(self, victims: list[ModelSlot]) -> None:
        """Drain exactly these models, and stop draining the others."""
        reopened = [slot for slot in self._slots.values() if slot.draining and slot not in victims]
        for slot in victims:
            slot.drain()
        for slot in reopened:
            slot.stop_draining()
        if reopened:
            self._changes.notify()
