"""The models in memory: loads, evicts and restarts them, and leases their engines.

The event loop owns all state: decisions are made between two awaits, and no lock is held while a
model loads. A waiting task wakes at the next change and checks its condition again.

* A lease counts as use from before the load until it is given back; a model in use is never
  evicted. Callers of one model share one load.
* A model is loaded only once its memory is reserved (`eviction.py` decides what is evicted);
  a caller waits `wait_s` at most and is then refused (503).
* A crashed process is restarted, after delays that double; its memory stays reserved.

The module is long because every method is a transition of the same state.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from ai_core.engines.base import Engine
from ai_core.errors import EngineStarting, ModelBuiltIn, ModelBusy, ModelUnusable
from ai_core.models.changes import ChangeNotifier
from ai_core.models.eviction import RETRY_AFTER_S, Eviction
from ai_core.models.memory import MEASUREMENTS, Measurements, budget_bytes
from ai_core.models.opening import ClosingEngines, Quantizer, open_measured
from ai_core.models.registry import ModelCard, Registry
from ai_core.models.slot import LoadedEngine, ModelSlot, Opener, Shrinker, SlotState
from ai_core.settings import ModelSettings
from shared.clock import Clock
from shared.errors import AppError

TICK_S = 0.2
REREAD_S = 1.0
MEASURE_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model as it is now. `code` is the error callers get while it is failed.

    `slots` is how many answers it writes at once: 1 where they are written in turn, 0 unloaded.
    """

    card: ModelCard
    state: SlotState
    memory_bytes: int = 0
    tokens_per_s: float = 0.0
    code: str | None = None
    restarts: int = 0
    slots: int = 0


@asynccontextmanager
async def open_pool(
    settings: ModelSettings,
    data_dir: Path,
    built_in: Sequence[Engine],
    opener: Opener,
    clock: Clock,
) -> AsyncGenerator["ModelPool"]:
    """Open the pool of the models in models.toml, and close it on exit.

    Raises WrongSettings for a wrong models.toml, UnknownModel when the default does not exist.
    """
    folder = settings.folder or data_dir / "models"
    registry = await asyncio.to_thread(Registry.read, folder, built_in, settings.default)
    measurements = await asyncio.to_thread(Measurements.read, folder / MEASUREMENTS)
    budget = await asyncio.to_thread(budget_bytes, settings.memory_bytes)
    pool = ModelPool(
        registry, opener, clock, budget, measurements, settings.wait_s, Quantizer(folder)
    )
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


class ModelPool:
    """Leases engines, and keeps the models within a memory budget."""

    def __init__(
        self,
        registry: Registry,
        opener: Opener,
        clock: Clock,
        budget_bytes: int,
        measurements: Measurements,
        wait_s: float,
        shrink: Shrinker,
    ) -> None:
        self._registry = registry
        self._open = opener
        self._shrink = shrink
        self._clock = clock
        self._measurements = measurements
        self._wait_s = wait_s
        self._slots: dict[tuple[object, ...], ModelSlot] = {}
        self._changes = ChangeNotifier()
        self._eviction = Eviction(self._slots, budget_bytes, self._changes, clock)
        self._closing = ClosingEngines()
        self._maintenance: asyncio.Task[None] | None = None
        self._reread_at_s = self._measured_at_s = clock.elapsed_s()

    @property
    def default(self) -> str:
        """Return the name of the model that answers when none is named."""
        return self._registry.default

    @property
    def budget_bytes(self) -> int:
        """Return the memory for all models together."""
        return self._eviction.budget_bytes

    async def reread(self) -> None:
        """Read models.toml again now; a wrong one is logged and changes nothing."""
        await self._registry.reload()

    def card(self, name: str | None) -> ModelCard:
        """Return a model's card, or the default one's. Raises UnknownModel."""
        return self._registry.card(name)

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        return self._registry.cards()

    async def start(self) -> None:
        """Start the maintenance loop and the loads of the pinned models; waits for neither."""
        await self.tick()
        self._maintenance = asyncio.create_task(self._maintain(), name="model maintenance")

    async def close(self) -> None:
        """Unload every model; returns when their processes have ended."""
        loads = [slot.load_task for slot in self._slots.values() if slot.load_task]
        tasks = [*loads, self._maintenance] if self._maintenance else loads
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for slot in self._slots.values():
            self._unload(slot)
        await self._closing.wait()
        for card in self.cards():
            if built_in := self._registry.built_in(card.id):
                await built_in.close()
        await asyncio.to_thread(self._measurements.write)

    @asynccontextmanager
    async def lease(self, card: ModelCard) -> AsyncGenerator[Engine]:
        """Lease the engine of exactly that model, loading it first if needed.

        Raises ModelUnusable, NoMemory when it cannot be loaded, EngineStarting while its process
        is restarting or when loading takes longer than a caller may wait.
        """
        built_in = self._registry.built_in(card.id)
        if built_in:
            yield built_in
            return
        slot = self._slot_of(card)
        engine = await self._acquire(slot)
        try:
            if card.base:
                slot.add_adapter(card.id)
                yield engine.adapted(card.id, card.weights, card.path)
            else:
                yield engine
        finally:
            slot.release(self._clock.elapsed_s())
            self._changes.notify()

    async def load(self, name: str) -> ModelStatus:
        """Load a model, even if its last load failed. Raises what `lease` raises."""
        await self._registry.reload()
        card = self.card(name)
        if self._registry.built_in(name) is None:
            slot = self._slot_of(card)
            if slot.state is SlotState.FAILED:
                slot.allow_retry()
            slot.keep_if_pinned()
            async with self.lease(card):
                pass
        return self.status(card)

    async def unload(self, name: str) -> None:
        """Unload a model once its answers in progress are complete.

        Requests that come meanwhile wait, and load it again. Raises UnknownModel, ModelBuiltIn, and
        ModelBusy when the answers take longer than a caller may wait: then it stays loaded.
        """
        card = self.card(name)
        if self._registry.built_in(name):
            raise ModelBuiltIn(model=name)
        slot = self._slot_of(card)
        if slot.engine is None:
            await self._cancel_load(slot)
            return
        deadline_s = self._clock.elapsed_s() + self._wait_s
        try:
            with slot.closed_to_new_users():
                while slot.engine and slot.users:
                    if self._clock.elapsed_s() >= deadline_s:
                        raise ModelBusy(retry_after_s=RETRY_AFTER_S, model=name)
                    await self._changes.wait()
                if closing := self._unload(slot):
                    await asyncio.wait([closing])
        finally:
            self._changes.notify()

    def status(self, card: ModelCard) -> ModelStatus:
        """Return a model's present status; an adapter has the state of its base."""
        if self._registry.built_in(card.id):
            return ModelStatus(card, SlotState.LOADED)
        speed = self._measurements.of(card).tokens_per_s
        slot = self._slots.get(self._base(card).key)
        if slot is None or (card.base and card.id not in slot.adapters):
            return ModelStatus(card, SlotState.UNLOADED, tokens_per_s=speed)
        code = slot.error.code if slot.error and slot.state is SlotState.FAILED else None
        memory_bytes = 0 if card.base else slot.memory_bytes
        state = SlotState.RESTARTING if slot.engine and not slot.alive else slot.state
        slots = slot.engine.slots if slot.engine else 0
        return ModelStatus(card, state, memory_bytes, speed, code, slot.restarts, slots)

    def statuses(self) -> list[ModelStatus]:
        """Return every model's present status, the default model first."""
        return [self.status(card) for card in self.cards()]

    async def require_ready(self) -> None:
        """Raise EngineStarting while a model that was in service, or is pinned, is not loaded.

        A default model that cannot be loaded raises why.
        """
        default = self._slots.get(self._base(self.card(None)).key)
        for slot in self._slots.values():
            if slot.down:
                raise EngineStarting(retry_after_s=1.0, model=slot.card.id)
        if default and default.state is SlotState.FAILED:
            default.raise_if_unavailable(self._clock.elapsed_s())

    async def tick(self) -> None:
        """Do the due maintenance: reread models.toml, unload, restart, measure."""
        now_s = self._clock.elapsed_s()
        if now_s - self._reread_at_s >= REREAD_S or not self._slots:
            self._reread_at_s = now_s
            await self._registry.reload()
        cards = {card.key: card for card in self.cards() if card.format not in {"built-in", "lora"}}
        for card in cards.values():
            if card.pinned and card.key not in self._slots:
                self._slot_of(card).keep_if_pinned()
        for key, slot in list(self._slots.items()):
            if key in cards:
                slot.update_card(cards[key])
                self._maintain_slot(slot, now_s)
            else:
                self._remove(slot)
        if now_s - self._measured_at_s >= MEASURE_S:
            self._measured_at_s = now_s
            await self._measure()
        self._changes.notify()

    async def _maintain(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.tick()

    def _maintain_slot(self, slot: ModelSlot, now_s: float) -> None:
        if slot.idle and not slot.card.pinned and not slot.draining:
            if now_s - slot.last_used_s >= slot.card.keep_alive_s:
                self._unload(slot)
        elif slot.keep_loaded and now_s >= slot.retry_at_s:
            self._begin_load(slot)

    def _remove(self, slot: ModelSlot) -> None:
        """Remove a model that is no longer in models.toml, once it has no users."""
        if slot.idle:
            self._unload(slot)
        if slot.engine is None and not slot.load_task and not slot.waiting:
            self._unload(slot)
            self._slots.pop(slot.card.key, None)

    async def _measure(self) -> None:
        """Measure what each model takes."""
        for slot in list(self._slots.values()):
            if (engine := slot.engine) is None:
                continue
            memory_bytes = await engine.memory_bytes()
            if slot.engine is not engine:
                continue  # it was unloaded meanwhile
            slot.measure(memory_bytes)
            if slot.last_used_s > slot.loaded_at_s:
                speed = engine.throughput.decode
                self._measurements.record(slot.card, memory_bytes=memory_bytes, tokens_per_s=speed)
        await asyncio.to_thread(self._measurements.write)

    def _base(self, card: ModelCard) -> ModelCard:
        return self._registry.card(card.base) if card.base else card

    def _slot_of(self, card: ModelCard) -> ModelSlot:
        """Return the slot of a model, or of its base."""
        base = self._base(card)
        found = self._slots.get(base.key)
        if found is None:
            found = self._slots[base.key] = ModelSlot(base, self._clock.elapsed_s())
        return found

    async def _acquire(self, slot: ModelSlot) -> LoadedEngine:
        """Wait for a model to be in memory and count as one of its users."""
        deadline_s = self._clock.elapsed_s() + self._wait_s
        while not slot.available:
            now_s = self._clock.elapsed_s()
            slot.raise_if_unavailable(now_s)
            if now_s >= deadline_s:
                late = EngineStarting(retry_after_s=RETRY_AFTER_S, model=slot.card.id)
                raise self._eviction.refusal_of(slot) or late
            if slot.draining or slot.unloading:
                await self._changes.wait()
                continue
            self._begin_load(slot)
            with slot.awaited():
                await self._changes.wait()
        return slot.acquire()

    def _begin_load(self, slot: ModelSlot) -> None:
        """Start a load task, unless the model is loaded or loading."""
        if slot.load_task or slot.engine:
            return
        task = asyncio.create_task(self._load(slot), name=f"load {slot.card.id}")
        slot.begin_load(task)
        task.add_done_callback(partial(self._load_ended, slot, self._clock.elapsed_s()))

    async def _load(self, slot: ModelSlot) -> tuple[LoadedEngine, int]:
        """Return the engine of a model and the bytes it takes; `_load_ended` takes what it raises.

        Evicted models leave the budget at once, but the load starts when they have exited.
        """
        card = slot.card
        if card.error:
            raise ModelUnusable(card.error, model=card.id)
        if slot.reserved_bytes is None:
            need_bytes = self._measurements.need_bytes(card)
            await self._shrink_to_fit(slot, need_bytes)
            for victim in await self._eviction.victims_of(slot, need_bytes, self._wait_s):
                self._unload(victim)
            slot.reserve(need_bytes)
            await self._closing.wait()
        return await open_measured(self._open, card)

    async def _shrink_to_fit(self, slot: ModelSlot, need_bytes: int) -> None:
        """Have a smaller variant made of a model that is too large for the budget, if allowed.

        Raises EngineStarting once it is made: models.toml now describes another model to load.
        """
        card, max_bytes = slot.card, self._eviction.max_bytes(slot)
        if need_bytes <= max_bytes or card.quantization != "auto" or card.agreement is not None:
            return
        log.info("model does not fit, quantizing", model=card.id, max_bytes=max_bytes)
        await self._shrink(card, max_bytes)
        await self._registry.reload()
        raise EngineStarting(retry_after_s=1.0, model=card.id)

    def _load_ended(
        self, slot: ModelSlot, began_s: float, task: asyncio.Task[tuple[LoadedEngine, int]]
    ) -> None:
        """Store the outcome of a load in its slot; no caller awaits the task."""
        now_s = self._clock.elapsed_s()
        model = slot.card.id
        if task.cancelled():
            slot.unload()
        elif error := task.exception():
            known = error if isinstance(error, AppError) else ModelUnusable(repr(error))
            known.facts["model"] = model
            slot.fail_load(known, now_s)
            log.warning("model load failed", model=model, code=known.code, reason=str(known))
        else:
            engine, memory_bytes = task.result()
            slot.finish_load(engine, memory_bytes, now_s)
            engine.exited.add_done_callback(partial(self._crashed, slot, engine))
            took_s = round(now_s - began_s, 3)
            log.info("model loaded", model=model, took_s=took_s, bytes=memory_bytes)
        self._changes.notify()

    async def _cancel_load(self, slot: ModelSlot) -> None:
        """Cancel a load, or a restart that is due; waiting callers start another load."""
        if slot.load_task:
            slot.load_task.cancel()
            await asyncio.gather(slot.load_task, return_exceptions=True)
        if slot.load_task is None:
            self._unload(slot)

    def _unload(self, slot: ModelSlot) -> asyncio.Task[None] | None:
        """Evict a model; the returned task (None when not in memory) ends with its process."""
        engine = slot.unload()
        self._changes.notify()
        if engine is None:
            return None
        log.info("model unloaded", model=slot.card.id)
        return self._closing.close(engine)

    def _crashed(self, slot: ModelSlot, engine: LoadedEngine, exited: asyncio.Future[Any]) -> None:
        """Note a crash; the maintenance loop restarts the model when it is due."""
        if slot.engine is not engine:
            return  # it was unloaded
        now_s = self._clock.elapsed_s()
        slot.crash(now_s)
        restart_in_s = round(slot.retry_at_s - now_s, 1)
        reason = str(exited.result())
        log.warning("model restart scheduled", model=slot.card.id, in_s=restart_in_s, reason=reason)
        self._changes.notify()
        self._closing.close(engine)
