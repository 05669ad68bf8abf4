"""One model's place in memory: its engine, who uses it, and how it fared."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ai_core.engines.base import Engine
from ai_core.engines.process.pace import Speed
from ai_core.errors import EngineStarting
from ai_core.models.memory import Reservation
from ai_core.models.registry import ModelCard
from shared.errors import AppError

State = Literal["unloaded", "loading", "loaded", "failed", "restarting"]

FIRST_RESTART_S, LAST_RESTART_S = 0.5, 60.0
FIRST_RETRY_S, LAST_RETRY_S = 5.0, 300.0
STEADY_S = 300.0  # an engine that lived so long begins again with short waits


class Running(Engine, Protocol):
    """An engine with weights: it takes memory and may die."""

    @property
    def speed(self) -> Speed:
        """Return how fast it reads and writes here."""
        ...

    @property
    def died(self) -> asyncio.Future[Any]:
        """Resolves once the engine can answer no more, to what is known of the reason."""
        ...

    async def memory_bytes(self) -> int:
        """Return what it takes in memory now, 0 when that is not on this machine."""
        ...

    def adapted(self, name: str, weights: str, adapter_path: str) -> Engine:
        """Return this model with a LoRA, which is loaded when it is first asked for."""
        ...


class Opener(Protocol):
    """Brings a model to memory."""

    async def __call__(self, card: ModelCard) -> Running:
        """Open a model. Raises ModelUnusable, Unsupported, NoMemory with what to do about it."""
        ...


class Shrinker(Protocol):
    """Makes a smaller precision of a model and puts it in use."""

    async def __call__(self, card: ModelCard, room_bytes: int) -> None:
        """Let the model fit. Raises NoMemory when no precision that is good enough does."""
        ...


@dataclass(eq=False, slots=True)
class Seat:
    """A model that may be in memory.

    `users` hold a lease; `waiting` wait for it to load. A seat that is
    `draining` (another model needs its memory) or `leaving` (it was told to) takes no new users. A
    `wanted` one is brought back when it is not there: it is pinned, or it died in service.
    """

    card: ModelCard
    state: State = "unloaded"
    engine: Running | None = None
    reservation: Reservation | None = None
    loading: asyncio.Task[None] | None = None
    watching: asyncio.Task[None] | None = None
    users: int = 0
    waiting: int = 0
    draining: bool = False
    leaving: bool = False
    wanted: bool = False
    used_s: float = 0.0
    loaded_s: float = 0.0
    retry_s: float = 0.0
    failures: int = 0
    restarts: int = 0
    fault: AppError | None = None
    memory_bytes: int = 0
    adapters: set[str] = field(default_factory=set)

    @property
    def alive(self) -> bool:
        """Tell whether it is in memory and can answer; one that died may still be unnoticed."""
        return self.engine is not None and not self.engine.died.done()

    @property
    def down(self) -> bool:
        """Tell whether it should be in memory and is not, for now."""
        gone = self.engine is None and self.state in {"restarting", "loading"}
        return (gone and self.wanted) or (self.engine is not None and not self.alive)

    @property
    def idle(self) -> bool:
        """Tell whether it is in memory and nobody uses it or waits for it."""
        return self.engine is not None and not self.users and not self.waiting

    def taken(self, engine: Running, now_s: float) -> None:
        """Note that the model is in memory."""
        self.engine, self.state, self.fault = engine, "loaded", None
        self.loaded_s = self.used_s = now_s
        self.wanted = self.card.pinned

    def emptied(self) -> Running | None:
        """Note that the model is no longer in memory, on purpose; return what is to be closed."""
        engine, self.engine, self.state = self.engine, None, "unloaded"
        self.draining, self.memory_bytes, self.failures = False, 0, 0
        self.adapters.clear()
        return engine

    def crashed(self, now_s: float) -> None:
        """Note that the engine died; it is due again after a wait that doubles each time."""
        self.failures = 0 if now_s - self.loaded_s > STEADY_S else self.failures
        self.retry_s = now_s + min(FIRST_RESTART_S * 2**self.failures, LAST_RESTART_S)
        self.failures += 1
        self.restarts += 1
        self.engine, self.state, self.wanted = None, "restarting", True
        self.memory_bytes = 0
        self.adapters.clear()

    def failed(self, fault: AppError, now_s: float) -> None:
        """Note that the model could not be loaded; callers get `fault` until it may be retried."""
        self.retry_s = now_s + min(FIRST_RETRY_S * 2**self.failures, LAST_RETRY_S)
        self.failures += 1
        self.fault, self.state = fault, "failed"

    def refuse_while_down(self, now_s: float) -> None:
        """Raise why the model cannot be used for now; nothing when it can, or may be tried."""
        if self.engine or now_s >= self.retry_s:
            return
        wait_s = self.retry_s - now_s
        if self.state == "restarting":
            raise EngineStarting(retry_after_s=max(1.0, wait_s), model=self.card.id)
        if self.state == "failed" and self.fault:
            fault = self.fault
            raise type(fault)(str(fault), retry_after_s=wait_s, **fault.facts)
