"""A worker's side of the models that another process owns: `contract.Models` and `Queues`."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from ai_core.engines.base import (
    Engine,
    ReasoningStart,
)
from ai_core.errors import EngineFailed, EngineStarting
from ai_core.models.host.engine import HostedEngine
from ai_core.models.host.messages import (
    Enter,
    Entered,
    Event,
    Failure,
    Finish,
    Lease,
    Leased,
    Link,
    Load,
    ModelState,
    Ready,
    Reread,
    Started,
    State,
    Unload,
    Waiting,
    Watch,
    Written,
)
from ai_core.models.pool import REREAD_S, ModelStatus
from ai_core.models.registry import ModelCard, Registry
from ai_core.models.scheduler import QueueStatus, WaitEstimate
from ai_core.models.slot import SlotState
from ai_core.models.speeds import Size

CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 10.0
"""For what needs no model."""
RECONNECT_S = 0.5
RETRY_AFTER_S = 1.0
NOTHING = State(0, (), (), None)

log = structlog.get_logger()


class HostSocket:
    """Where the process that owns the models listens."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @asynccontextmanager
    async def connected(self, model: str) -> AsyncIterator[Link[Event]]:
        """Connect for as long as the context lasts. Raises EngineStarting while nobody listens."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                streams = await asyncio.open_unix_connection(self._path)
        except (OSError, TimeoutError):
            raise EngineStarting(retry_after_s=RETRY_AFTER_S, model=model) from None
        async with Link.of_worker(*streams) as link:
            yield link


class HostedModels:
    """The models, as the process that owns them told last; `run` keeps up with it.

    models.toml is read here too, so that the cards are known without asking.
    """

    def __init__(self, socket: HostSocket, registry: Registry, wait_s: float) -> None:
        self._socket = socket
        self._registry = registry
        self._wait_s = wait_s
        self._state = NOTHING
        self._watching = False
        self._reasoning: dict[str, ReasoningStart] = {}

    @property
    def default(self) -> str:
        """Return the name of the model that answers when none is named."""
        return self._registry.default

    @property
    def budget_bytes(self) -> int:
        """Return the memory for all models together."""
        return self._state.budget_bytes

    @property
    def state(self) -> State:
        """Return the state of the models and of their queues."""
        return self._state

    async def run(self) -> None:
        """Follow the state of the models, and models.toml, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._reload())

    async def reread(self) -> None:
        """Read models.toml again now, here and where the models are."""
        await self._registry.reload()
        await self._told(Reread(), "", REPLY_TIMEOUT_S)

    def card(self, name: str | None) -> ModelCard:
        """Return a model's card, or the default one's. Raises UnknownModel."""
        return self._registry.card(name)

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        return self._registry.cards()

    @asynccontextmanager
    async def lease(self, card: ModelCard) -> AsyncIterator[Engine]:
        """Lease the engine of exactly that model. Raises what `ModelPool.lease` does."""
        if built_in := self._registry.built_in(card.id):
            yield built_in
            return
        async with self._socket.connected(card.id) as link:
            link.send(Lease(card.id, card.weights))
            leased = await _reply(link, card.id, self._wait_s + REPLY_TIMEOUT_S)
            if not isinstance(leased, Leased):
                raise EngineFailed(f"{card.id}: the owner of the models told {leased}")
            start = self._reasoning.setdefault(card.weights, ReasoningStart())
            engine = HostedEngine(link, card, leased, start if leased.reasons else None)
            receiving = asyncio.create_task(engine.receive(), name="hear of a model")
            try:
                yield engine
            finally:
                receiving.cancel()

    async def load(self, name: str) -> ModelStatus:
        """Load a model, even if its last load failed. Raises what `lease` raises."""
        await self._registry.reload()
        card = self.card(name)
        if self._registry.built_in(name) is None:
            await self._told(Load(name), name, self._wait_s + REPLY_TIMEOUT_S)
        return self._status(card, self._states())

    async def unload(self, name: str) -> None:
        """Unload a model once its answers are complete. Raises what `ModelPool.unload` does."""
        await self._told(Unload(name), name, self._wait_s + REPLY_TIMEOUT_S)

    def statuses(self) -> list[ModelStatus]:
        """Return every model's present status, the default model first."""
        states = self._states()
        return [self._status(card, states) for card in self.cards()]

    async def require_ready(self) -> None:
        """Raise what `ModelPool.require_ready` does, and EngineStarting while its owner is away."""
        if not self._watching:
            raise EngineStarting(retry_after_s=RETRY_AFTER_S, model=self.default)
        if self._state.unready:
            raise self._state.unready.to_error()

    def _states(self) -> dict[str, ModelState]:
        return {one.id: one for one in self._state.models}

    def _status(self, card: ModelCard, states: dict[str, ModelState]) -> ModelStatus:
        if self._registry.built_in(card.id):
            return ModelStatus(card, SlotState.LOADED)
        told = states.get(card.id)
        if told is None:
            return ModelStatus(card, SlotState.UNLOADED)
        return ModelStatus(
            card,
            told.state,
            told.memory_bytes,
            told.tokens_per_s,
            told.code,
            told.restarts,
            told.slots,
        )

    async def _told(self, command: Load | Unload | Reread, model: str, timeout_s: float) -> None:
        async with self._socket.connected(model) as link:
            link.send(command)
            state = await _reply(link, model, timeout_s)
            if isinstance(state, State):
                self._state = state

    async def _follow(self) -> None:
        while True:
            with suppress(EngineStarting):
                async with self._socket.connected("") as link:
                    link.send(Watch())
                    async for message in link:
                        if isinstance(message, State):
                            self._state, self._watching = message, True
            if self._watching:
                log.warning("the owner of the models is gone")
            self._watching = False
            await asyncio.sleep(RECONNECT_S)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(REREAD_S)
            await self._registry.reload()


class HostedQueues:
    """The models' queues, which all workers share."""

    def __init__(self, socket: HostSocket, models: HostedModels, longest_wait_s: float) -> None:
        self._socket = socket
        self._models = models
        self.longest_wait_s = longest_wait_s

    @asynccontextmanager
    async def entered(
        self, model: str, caller: str, size: Size, deadline_s: float | None = None
    ) -> AsyncIterator["HostedJob"]:
        """Put a job in a model's queue. Raises what `Scheduler.enter` does, EngineStarting."""
        async with self._socket.connected(model) as link:
            link.send(Enter(model, caller, size, deadline_s))
            entered = await _reply(link, model, REPLY_TIMEOUT_S)
            if not isinstance(entered, Entered):
                raise EngineFailed(f"{model}: the owner of the models told {entered}")
            job = HostedJob(link, model)
            receiving = asyncio.create_task(job.receive(), name="hear of a queue")
            try:
                yield job
            finally:
                receiving.cancel()

    def statuses(self) -> Iterator[tuple[str, QueueStatus]]:
        """Yield the status of each model's queue, for the models that had a job."""
        for queue in self._models.state.queues:
            yield queue.model, QueueStatus(queue.waiting, queue.running, queue.wait_s)


class HostedJob:
    """A place in a queue; see `scheduler.Job`."""

    def __init__(self, link: Link[Event], model: str) -> None:
        self._link = link
        self._model = model
        self._wait = WaitEstimate(0, None)
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started.add_done_callback(_heed)

    async def receive(self) -> None:
        """Take what is told of the job, until it ends."""
        async for message in self._link:
            match message:
                case Waiting(position, wait_s):
                    self._wait = WaitEstimate(position, wait_s)
                case Started() if not self._started.done():
                    self._started.set_result(None)
                case Failure(_, error) if not self._started.done():
                    self._started.set_exception(error.to_error())
        if not self._started.done():
            self._started.set_exception(EngineFailed(f"{self._model}: its queue is gone"))

    def estimate(self) -> WaitEstimate:
        """Return how long this job still waits, as it was told last."""
        return self._wait

    def mark_ready(self, size: Size, slots: int) -> None:
        """Let the job start as soon as a slot is free; `wait_for_slot` raises why it cannot."""
        self._link.send(Ready(size, slots))

    async def wait_for_slot(self, timeout_s: float) -> bool:
        """Wait for a slot, at most so long; return whether the job starts.

        Raises what `Job.mark_ready` and `Job.wait_for_slot` do.
        """
        await asyncio.wait([self._started], timeout=timeout_s)
        if not self._started.done():
            return False
        self._started.result()
        return True

    def record_tokens(self, tokens: int, prompt_tokens: int) -> None:
        """Count new tokens; the first call also gives the prompt's true length."""
        self._link.send(Written(tokens, prompt_tokens))

    def finish(self, *, cut: bool) -> None:
        """Record that the answer is complete; `cut` when its token limit ended it."""
        self._link.send(Finish(cut))


async def _reply(link: Link[Event], model: str, timeout_s: float) -> Event:
    """Return the first thing told. Raises the error that is told; EngineStarting for silence."""
    try:
        async with asyncio.timeout(timeout_s):
            message = await link.receive()
    except TimeoutError:
        message = None
    if message is None:
        raise EngineStarting(retry_after_s=RETRY_AFTER_S, model=model)
    if isinstance(message, Failure):
        raise message.error.to_error()
    return message


def _heed(started: "asyncio.Future[None]") -> None:
    """Retrieve the exception of a job that nobody waits for any more."""
    if not started.cancelled():
        started.exception()
