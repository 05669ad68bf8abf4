"""A model's slot in memory: a state machine that only its own methods change."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ai_core.engines.base import Engine
from ai_core.engines.process.throughput import Throughput
from ai_core.errors import EngineStarting
from ai_core.models.registry import ModelCard
from shared.errors import AppError

FIRST_RESTART_S, LAST_RESTART_S = 0.5, 60.0
FIRST_RETRY_S, LAST_RETRY_S = 5.0, 300.0
STABLE_AFTER_S = 300.0  # an engine that ran so long restarts with the shortest delay again


class SlotState(StrEnum):
    """Where a model is; the values are those of `GET /api/v1/models`."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"
    RESTARTING = "restarting"


TRANSITIONS = {
    SlotState.UNLOADED: {SlotState.LOADING, SlotState.UNLOADED},
    SlotState.LOADING: {SlotState.LOADED, SlotState.FAILED, SlotState.UNLOADED},
    SlotState.LOADED: {SlotState.RESTARTING, SlotState.UNLOADED},
    SlotState.FAILED: {SlotState.LOADING, SlotState.UNLOADED},
    SlotState.RESTARTING: {
        SlotState.RESTARTING, SlotState.LOADED, SlotState.FAILED, SlotState.UNLOADED,
    },
}  # fmt: skip
"""RESTARTING lasts from the crash to the end of the next load, so it follows itself."""


class IllegalTransition(RuntimeError):
    """A transition that the slot's state does not allow: a bug in the caller."""


class LoadedEngine(Engine, Protocol):
    """An engine with weights: it takes memory and may crash."""

    @property
    def throughput(self) -> Throughput:
        """Return its prefill and decode rates here."""
        ...

    @property
    def exited(self) -> asyncio.Future[Any]:
        """Resolves once the engine has exited, to the details of the exit."""
        ...

    async def memory_bytes(self) -> int:
        """Return what it takes in memory now, 0 when that is not on this machine."""
        ...

    def adapted(self, name: str, weights: str, adapter_path: str) -> Engine:
        """Return this model with a LoRA, which is loaded when it is first asked for."""
        ...


Opener = Callable[[ModelCard], Awaitable[LoadedEngine]]
"""Loads a model. Raises ModelUnusable, Unsupported, NoMemory with what to do about it."""

Shrinker = Callable[[ModelCard, int], Awaitable[None]]
"""Makes a variant of a model that fits in so many bytes, and selects it.

Raises NoMemory when no variant that is good enough does.
"""


@dataclass(eq=False, slots=True)
class ModelSlot:
    """A model that may be in memory; other classes read it, only its methods change it.

    `users` hold a lease; `waiting` wait for it to load. A slot that is `draining` (another model
    needs its memory) or `unloading` (an operator asked) takes no new users. `keep_loaded` brings
    the model back when it is not in memory: it is pinned, or it crashed in service.
    `reserved_bytes` of the budget belong to it, None when it has none; they outlive a crash.
    """

    card: ModelCard
    last_used_s: float = 0.0
    state: SlotState = SlotState.UNLOADED
    engine: LoadedEngine | None = None
    load_task: asyncio.Task[Any] | None = None
    reserved_bytes: int | None = None
    memory_bytes: int = 0
    users: int = 0
    waiting: int = 0
    draining: bool = False
    unloading: bool = False
    keep_loaded: bool = False
    loaded_at_s: float = 0.0
    retry_at_s: float = 0.0
    failures: int = 0
    restarts: int = 0
    error: AppError | None = None
    adapters: set[str] = field(default_factory=set)

    @property
    def alive(self) -> bool:
        """Whether it is in memory and can answer; a crash may not be detected yet."""
        return self.engine is not None and not self.engine.exited.done()

    @property
    def available(self) -> bool:
        """Whether it accepts another user now."""
        return self.alive and not (self.draining or self.unloading)

    @property
    def down(self) -> bool:
        """Whether it should be in memory and is not at present."""
        if self.engine:
            return not self.alive
        return self.keep_loaded and self.state in {SlotState.RESTARTING, SlotState.LOADING}

    @property
    def idle(self) -> bool:
        """Whether it is in memory without users or waiting callers."""
        return self.engine is not None and not self.users and not self.waiting

    def begin_load(self, task: asyncio.Task[Any]) -> None:
        """Record that `task` is loading the model."""
        if self.load_task or self.engine:
            raise IllegalTransition(f"{self.card.id} is in memory or being loaded already")
        restarting = self.state is SlotState.RESTARTING
        self._enter(SlotState.RESTARTING if restarting else SlotState.LOADING)
        self.load_task = task

    def finish_load(self, engine: LoadedEngine, memory_bytes: int, now_s: float) -> None:
        """Enter LOADED with the engine."""
        self._enter(SlotState.LOADED)
        self.load_task, self.engine, self.error = None, engine, None
        self.memory_bytes = memory_bytes
        self.loaded_at_s = self.last_used_s = now_s
        self.keep_loaded = self.card.pinned

    def fail_load(self, error: AppError, now_s: float) -> None:
        """Record a failed load; callers get `error` until a retry is due.

        The delay doubles with every failure. The reserved memory is given back.
        """
        self._enter(SlotState.FAILED)
        self.load_task, self.error, self.reserved_bytes = None, error, None
        self.retry_at_s = now_s + min(FIRST_RETRY_S * 2**self.failures, LAST_RETRY_S)
        self.failures += 1

    def crash(self, now_s: float) -> None:
        """Record a crash of the engine; the delay before its restart doubles each time."""
        if self.engine is None:
            raise IllegalTransition(f"{self.card.id} is not in memory and cannot crash")
        self._enter(SlotState.RESTARTING)
        self.failures = 0 if now_s - self.loaded_at_s > STABLE_AFTER_S else self.failures
        self.retry_at_s = now_s + min(FIRST_RESTART_S * 2**self.failures, LAST_RESTART_S)
        self.failures += 1
        self.restarts += 1
        self.keep_loaded = True
        self._clear_engine()

    def unload(self) -> LoadedEngine | None:
        """Take the model out of memory on purpose; return the engine to close."""
        self._enter(SlotState.UNLOADED)
        engine = self._clear_engine()
        self.load_task, self.reserved_bytes = None, None
        self.draining, self.keep_loaded, self.failures = False, False, 0
        return engine

    def acquire(self) -> LoadedEngine:
        """Count one more user and return the engine; `release` ends the use."""
        if self.engine is None or not self.available:
            raise IllegalTransition(f"{self.card.id} takes no users now")
        self.users += 1
        return self.engine

    def release(self, now_s: float) -> None:
        """Count one user less."""
        if not self.users:
            raise IllegalTransition(f"{self.card.id} has no users")
        self.users -= 1
        self.last_used_s = now_s

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Count one more caller that waits for the load: the model is not idle meanwhile."""
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    @contextmanager
    def closed_to_new_users(self) -> Iterator[None]:
        """Take no new users while an operator's unload waits for those there are."""
        self.unloading = True
        try:
            yield
        finally:
            self.unloading = False

    def drain(self) -> None:
        """Take no new users: another model waits for this one's memory."""
        self.draining = True

    def stop_draining(self) -> None:
        """Take new users again."""
        self.draining = False

    def reserve(self, wanted_bytes: int) -> None:
        """Reserve memory of the budget; the caller has checked that it is free."""
        if self.reserved_bytes is not None:
            raise IllegalTransition(f"{self.card.id} has memory set aside already")
        self.reserved_bytes = wanted_bytes

    def measure(self, memory_bytes: int) -> None:
        """Record the engine's memory; the reservation grows with it, and never shrinks."""
        if self.engine is None:
            raise IllegalTransition(f"{self.card.id} is not in memory")
        self.memory_bytes = memory_bytes
        self.reserved_bytes = max(self.reserved_bytes or 0, memory_bytes)

    def update_card(self, card: ModelCard) -> None:
        """Replace the card by the one models.toml now describes."""
        self.card = card

    def keep_if_pinned(self) -> None:
        """Keep a pinned model in memory from now on."""
        self.keep_loaded = self.keep_loaded or self.card.pinned

    def allow_retry(self) -> None:
        """Let a failed model be tried at once."""
        self.retry_at_s = 0.0

    def add_adapter(self, name: str) -> None:
        """Note that a LoRA is loaded with this model."""
        self.adapters.add(name)

    def raise_if_unavailable(self, now_s: float) -> None:
        """Raise why the model is unavailable; return when it is available or may be retried."""
        if self.engine or now_s >= self.retry_at_s:
            return
        wait_s = self.retry_at_s - now_s
        if self.state is SlotState.RESTARTING:
            raise EngineStarting(retry_after_s=max(1.0, wait_s), model=self.card.id)
        if self.state is SlotState.FAILED and self.error:
            raise self.error.renewed(wait_s)

    def _enter(self, state: SlotState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.card.id} cannot go from {self.state} to {state}")
        self.state = state

    def _clear_engine(self) -> LoadedEngine | None:
        engine, self.engine, self.memory_bytes = self.engine, None, 0
        self.adapters.clear()
        return engine
