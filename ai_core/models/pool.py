"""The model manager: which models are in memory, and who may use them.

The event loop owns all of it: a decision is made between two awaits, and nothing is locked while a
model loads. Whoever waits, waits for the next change and looks again.

* A lease counts as use from before the load until it is given back; a model in use is never
  evicted. Callers of one model share one load.
* A model is loaded only once its memory is set aside (`room.py` says who goes and who waits); a
  caller waits `wait_s` at most and is then refused (503).
* A process that dies is started again, after waits that double; its memory stays set aside.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from ai_core.engines.base import Engine
from ai_core.errors import EngineStarting, ModelBuiltIn, ModelBusy
from ai_core.models.eviction import RETRY_AFTER_S, Bell
from ai_core.models.loading import Loader
from ai_core.models.memory import MEASURES, Ledger, Measures, budget_bytes
from ai_core.models.opening import Quantizer
from ai_core.models.registry import ModelCard, Registry
from ai_core.models.slot import Opener, Running, Seat, Shrinker, State
from ai_core.settings import ModelSettings
from shared.clock import Clock
from shared.errors import AppError
from shared.settings import WrongSettings

BEAT_S = 0.2
REREAD_S = 1.0
MEASURE_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model as it is now. `code` is the error callers get while it is failed."""

    card: ModelCard
    state: State
    memory_bytes: int = 0
    tokens_per_s: float = 0.0
    code: str | None = None
    restarts: int = 0


@asynccontextmanager
async def open_pool(
    settings: ModelSettings,
    data_dir: Path,
    built_in: Sequence[Engine],
    opener: Opener,
    clock: Clock,
) -> AsyncGenerator["ModelPool"]:
    """Read the models there are and keep them until the end.

    Raises WrongSettings for a wrong models.toml, UnknownModel when the default does not exist.
    """
    folder = settings.folder or data_dir / "models"
    registry = await asyncio.to_thread(Registry.read, folder, built_in, settings.default)
    measures = await asyncio.to_thread(Measures.read, folder / MEASURES)
    ledger = Ledger(await asyncio.to_thread(budget_bytes, settings.memory_bytes))
    shrink = Quantizer(folder)
    pool = ModelPool(registry, opener, clock, ledger, measures, settings.wait_s, shrink)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


class ModelPool:
    """Gives engines by lease, and gives their memory back."""

    def __init__(
        self,
        registry: Registry,
        opener: Opener,
        clock: Clock,
        ledger: Ledger,
        measures: Measures,
        wait_s: float,
        shrink: Shrinker,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._measures = measures
        self._wait_s = wait_s
        self._seats: dict[tuple[object, ...], Seat] = {}
        self._bell = Bell()
        self._loader = Loader(
            self._seats,
            opener,
            shrink,
            self._reread,
            ledger,
            measures,
            self._bell,
            clock,
            wait_s,
        )
        self._keeping: asyncio.Task[None] | None = None
        self._reread_s = self._measured_s = clock.elapsed_s()

    @property
    def default(self) -> str:
        """Return the name of the model that answers when none is named."""
        return self._registry.default

    def card(self, name: str | None) -> ModelCard:
        """Return a model's card, or the default one's. Raises UnknownModel."""
        return self._registry.card(name)

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        return self._registry.cards()

    async def start(self) -> None:
        """Begin to keep house, and to load the pinned models; waits for neither."""
        await self.tick()
        self._keeping = asyncio.create_task(self._keep(), name="models in memory")

    @asynccontextmanager
    async def lease(self, card: ModelCard) -> AsyncGenerator[Engine]:
        """Give the engine of exactly that model, loading it first where it must.

        Raises ModelUnusable, NoMemory when it cannot be loaded, EngineStarting while its process
        is starting again or when loading takes longer than a caller may wait.
        """
        built_in = self._registry.built_in(card.id)
        if built_in:
            yield built_in
            return
        seat = self._seat(self._registry.card(card.base) if card.base else card)
        engine = await self._take(seat)
        try:
            yield self._adapted(seat, engine, card) if card.base else engine
        finally:
            seat.users -= 1
            seat.used_s = self._clock.elapsed_s()
            self._bell.ring()

    async def load(self, name: str) -> ModelState:
        """Bring a model to memory, or back to it after a failure. Raises what `lease` raises."""
        await self._reread()
        card = self.card(name)
        if self._registry.built_in(name) is None:
            seat = self._seat(self.card(card.base) if card.base else card)
            if seat.state == "failed":
                seat.retry_s = 0.0
            seat.wanted = seat.wanted or seat.card.pinned
            async with self.lease(card):
                pass
        return self.state(card)

    async def unload(self, name: str) -> None:
        """Give a model's memory back once the answers being written are whole.

        Requests that come meanwhile wait, and load it again. Raises UnknownModel, ModelBuiltIn, and
        ModelBusy when the answers take longer than a caller may wait: then it stays.
        """
        card = self.card(name)
        if self._registry.built_in(name):
            raise ModelBuiltIn(model=name)
        seat = self._seat(self.card(card.base) if card.base else card)
        seat.wanted = False
        if seat.engine is None:
            await self._loader.give_up(seat)
            return
        seat.leaving = True
        deadline_s = self._clock.elapsed_s() + self._wait_s
        try:
            while seat.engine and seat.users:
                if self._clock.elapsed_s() >= deadline_s:
                    raise ModelBusy(retry_after_s=RETRY_AFTER_S, model=name)
                await self._bell.wait()
            if going := self._loader.evict(seat):
                await asyncio.wait([going])
        finally:
            seat.leaving = False
            self._bell.ring()

    def state(self, card: ModelCard) -> ModelState:
        """Tell how one model is; an adapter is where its base is."""
        if self._registry.built_in(card.id):
            return ModelState(card, "loaded")
        base = self._registry.card(card.base) if card.base else card
        speed = self._measures.of(card).tokens_per_s
        seat = self._seats.get(base.key)
        if seat is None or (card.base and card.id not in seat.adapters):
            return ModelState(card, "unloaded", tokens_per_s=speed)
        code = seat.fault.code if seat.fault and seat.state == "failed" else None
        memory = 0 if card.base else seat.memory_bytes
        state: State = "restarting" if seat.engine and not seat.alive else seat.state
        return ModelState(card, state, memory, speed, code, seat.restarts)

    def states(self) -> list[ModelState]:
        """Tell how every model is, the default one first."""
        return [self.state(card) for card in self.cards()]

    async def require_ready(self) -> None:
        """Raise EngineStarting while a model that was in service, or must be, is not back.

        A default model that cannot be loaded raises why.
        """
        card = self.card(None)
        default = self._seats.get((self.card(card.base) if card.base else card).key)
        for seat in self._seats.values():
            if seat.down:
                raise EngineStarting(retry_after_s=1.0, model=seat.card.id)
        if default and default.state == "failed":
            default.refuse_while_down(self._clock.elapsed_s())

    async def close(self) -> None:
        """Give all memory back."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._loader.close(self._seats)
        for card in self.cards():
            if built_in := self._registry.built_in(card.id):
                await built_in.close()
        await asyncio.to_thread(self._measures.write)

    async def tick(self) -> None:
        """Do what is due: read models.toml again, let models go, bring them back, measure."""
        now_s = self._clock.elapsed_s()
        if now_s - self._reread_s >= REREAD_S or not self._seats:
            self._reread_s = now_s
            await self._reread()
        cards = {card.key: card for card in self.cards() if card.format not in {"built-in", "lora"}}
        for card in cards.values():
            if card.pinned and card.key not in self._seats:
                self._seat(card).wanted = True
        for key, seat in list(self._seats.items()):
            seat.card = cards.get(key, seat.card)
            await self._look_at(seat, now_s, removed=key not in cards)
        if now_s - self._measured_s >= MEASURE_S:
            self._measured_s = now_s
            await self._measure()
        self._bell.ring()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await self.tick()

    async def _look_at(self, seat: Seat, now_s: float, *, removed: bool) -> None:
        if removed:
            seat.wanted = False
            if seat.idle:
                self._loader.evict(seat)
            if seat.engine is None and not seat.loading and not seat.waiting:
                await self._loader.give_up(seat)
                self._seats.pop(seat.card.key, None)
        elif seat.idle and not seat.card.pinned and not seat.draining:
            if now_s - seat.used_s >= seat.card.keep_alive_s:
                self._loader.evict(seat)
        elif seat.wanted and seat.engine is None and now_s >= seat.retry_s:
            self._loader.begin(seat)

    async def _reread(self) -> None:
        try:
            await asyncio.to_thread(self._registry.refresh)
        except (WrongSettings, AppError) as error:
            log.warning("models.toml is not read", reason=str(error))

    def _seat(self, card: ModelCard) -> Seat:
        found = self._seats.get(card.key)
        if found is None:
            found = self._seats[card.key] = Seat(card, used_s=self._clock.elapsed_s())
        return found

    async def _take(self, seat: Seat) -> Running:
        """Wait for a model to be in memory and count as one of its users."""
        deadline_s = self._clock.elapsed_s() + self._wait_s
        while True:
            now_s = self._clock.elapsed_s()
            if seat.engine and seat.alive and not (seat.draining or seat.leaving):
                seat.users += 1
                return seat.engine
            seat.refuse_while_down(now_s)
            if now_s >= deadline_s:
                late = EngineStarting(retry_after_s=RETRY_AFTER_S, model=seat.card.id)
                raise self._loader.room.refusal_of(seat) or late
            held_back = seat.draining or seat.leaving
            if not held_back:
                self._loader.begin(seat)
            seat.waiting += not held_back
            try:
                await self._bell.wait()
            finally:
                seat.waiting -= not held_back

    def _adapted(self, seat: Seat, engine: Running, card: ModelCard) -> Engine:
        seat.adapters.add(card.id)
        return engine.adapted(card.id, card.weights, card.path)

    async def _measure(self) -> None:
        """Look at what each model takes; one that takes more than was set aside keeps more."""
        for seat in list(self._seats.values()):
            if seat.engine is None:
                continue
            seat.memory_bytes = await seat.engine.memory_bytes()
            if seat.engine and seat.used_s > seat.loaded_s:
                speed = seat.engine.speed.writing
                self._measures.note(seat.card, memory_bytes=seat.memory_bytes, tokens_per_s=speed)
            if seat.reservation:
                seat.reservation.bytes = max(seat.reservation.bytes, seat.memory_bytes)
        await asyncio.to_thread(self._measures.write)
