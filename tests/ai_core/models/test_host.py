"""Models that one process owns and several workers use, over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_UNIX, socket

import pytest
from prometheus_client import CollectorRegistry

from ai_core.engines.base import ChatMessage, Engine, Prompt, Sampling
from ai_core.engines.process.throughput import Throughput
from ai_core.engines.scripted import ScriptedEngine
from ai_core.errors import (
    DeadlineTooShort,
    EngineFailed,
    EngineStarting,
    ModelUnusable,
    QueueFull,
    UnknownModel,
)
from ai_core.metrics import SchedulerMetrics
from ai_core.models.host.client import HostedModels, HostedQueues, HostSocket
from ai_core.models.host.service import serve_models
from ai_core.models.pool import ModelPool, open_pool
from ai_core.models.registry import CATALOGUE, ModelCard, Registry
from ai_core.models.scheduler import Scheduler
from ai_core.models.slot import SlotState
from ai_core.models.speeds import Size
from ai_core.settings import ModelSettings
from shared.clock import SystemClock

MODEL = '[[model]]\nname = "small"\nformat = "remote"\nupstreams = ["http://127.0.0.1:1"]\n'
PROMPT = Prompt((ChatMessage("user", "Un préavis de combien ?"),), "?", (), "fr")
SIZE = Size(5, 8)


class LoadedScript(ScriptedEngine):
    """A scripted engine as the pool loads it."""

    throughput = Throughput(0.0, 0.0)

    def __init__(self, card: ModelCard, pause_s: float) -> None:
        super().__init__("un deux trois quatre", name=card.id, pause_s=pause_s, slots=1)
        self.exited: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def memory_bytes(self) -> int:
        return 1_000

    def adapted(self, name: str, weights: str, adapter_path: str) -> Engine:
        return self


@dataclass
class Host:
    """The owner of the models, and what it opened."""

    pool: ModelPool
    opened: list[LoadedScript]
    folder: Path
    path: Path
    stack: AsyncExitStack
    pause_s: float = 0.0
    fault: Exception | None = None

    async def open(self, card: ModelCard) -> LoadedScript:
        await asyncio.sleep(0)
        if self.fault:
            raise self.fault
        self.opened.append(LoadedScript(card, self.pause_s))
        return self.opened[-1]


@dataclass
class Worker:
    """One worker's side."""

    models: HostedModels
    queues: HostedQueues

    def lease(self) -> AbstractAsyncContextManager[Engine]:
        return self.models.lease(self.models.card("small"))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    (tmp_path / CATALOGUE).write_text(MODEL, encoding="utf-8")
    clock, path = SystemClock(), tmp_path / "models.sock"
    listening = socket(AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    async with AsyncExitStack() as stack:
        host: Host

        async def opener(card: ModelCard) -> LoadedScript:
            return await host.open(card)

        built_in = ScriptedEngine("cité", name="extractive")
        settings = ModelSettings(folder=tmp_path, memory_bytes=10**9, wait_s=5.0)
        pool = await stack.enter_async_context(
            open_pool(settings, tmp_path, (built_in,), opener, clock)
        )
        scheduler = Scheduler(
            clock, SchedulerMetrics(CollectorRegistry()), most_waiting=2, longest_wait_s=60.0
        )
        host = Host(pool, [], tmp_path, path, stack)
        await stack.enter_async_context(serve_models(listening, pool, scheduler))
        yield host


@asynccontextmanager
async def worker_of(host: Host) -> AsyncIterator[Worker]:
    built_in = ScriptedEngine("cité", name="extractive")
    registry = await asyncio.to_thread(Registry.read, host.folder, (built_in,), "")
    where = HostSocket(host.path)
    models = HostedModels(where, registry, wait_s=5.0)
    following = asyncio.create_task(models.run())
    try:
        yield Worker(models, HostedQueues(where, models, 60.0))
    finally:
        following.cancel()
        await asyncio.wait([following])


async def write(engine: Engine, tokens: int = 8) -> str:
    return "".join(
        [chunk.text async for chunk in engine.stream(PROMPT, Sampling(max_tokens=tokens))]
    )


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


async def until_state(worker: Worker, state: SlotState) -> None:
    await until(lambda: worker.models.statuses()[-1].state is state)


async def test_two_workers_use_one_model_that_is_loaded_once(host: Host) -> None:
    async with worker_of(host) as one, worker_of(host) as other:
        async with one.lease() as first, other.lease() as second:
            texts = await asyncio.gather(write(first), write(second))
            assert await first.count_tokens(["un deux", "trois"]) == [2, 1]
            assert await second.embed(["abc"]) == [[3.0, 1.0]]
            assert await first.detokenize(await first.tokenize(PROMPT, special=False)) == (
                "Un préavis de combien ?"
            )
            assert first.slots == 1
            assert first.capabilities.json_schema
        assert list(texts) == ["un deux trois quatre"] * 2
        assert len(host.opened) == 1
        for worker in (one, other):
            await until_state(worker, SlotState.LOADED)


async def test_a_built_in_model_is_the_workers_own(host: Host) -> None:
    async with worker_of(host) as worker, worker.models.lease(worker.models.card(None)) as engine:
        assert await write(engine) == "cité"
    assert not host.opened


async def test_an_answer_that_is_left_is_cancelled_where_the_model_is(host: Host) -> None:
    host.pause_s = 0.05
    async with worker_of(host) as worker, worker.lease() as engine:
        chunks = engine.stream(PROMPT, Sampling(max_tokens=4))
        assert (await anext(chunks)).text == "un "
        await chunks.aclose()
        async with asyncio.timeout(20):
            await host.opened[0].abandoned.wait()


async def test_places_in_a_queue_are_counted_over_all_workers(host: Host) -> None:
    async with worker_of(host) as one, worker_of(host) as other, AsyncExitStack() as stack:
        first = await stack.enter_async_context(one.queues.entered("small", "a", SIZE))
        first.mark_ready(SIZE, 1)
        assert await first.wait_for_slot(20)
        second = await stack.enter_async_context(other.queues.entered("small", "b", SIZE))
        second.mark_ready(SIZE, 1)
        await stack.enter_async_context(other.queues.entered("small", "b", SIZE))
        assert not await second.wait_for_slot(0.01)
        with pytest.raises(QueueFull):
            async with one.queues.entered("small", "b", SIZE):
                pass
        await until(lambda: [(q.waiting, q.running) for _, q in one.queues.statuses()] == [(2, 1)])


async def test_a_place_is_free_once_its_worker_lets_go_and_its_speed_is_learnt(host: Host) -> None:
    async with worker_of(host) as one, worker_of(host) as other, AsyncExitStack() as leaving:
        first = await leaving.enter_async_context(one.queues.entered("small", "a", SIZE))
        first.mark_ready(SIZE, 1)
        assert await first.wait_for_slot(20)
        async with other.queues.entered("small", "b", SIZE) as second:
            second.mark_ready(SIZE, 1)
            first.record_tokens(1, 5)
            first.record_tokens(7, 0)
            first.finish(cut=False)
            assert not await second.wait_for_slot(0.01)
            await leaving.aclose()
            assert await second.wait_for_slot(20)
        with pytest.raises(DeadlineTooShort):
            async with other.queues.entered("small", "b", SIZE, SystemClock().elapsed_s()):
                pass


async def test_errors_keep_their_class_and_their_model(host: Host) -> None:
    host.fault = ModelUnusable("its file is broken", model="small")
    async with worker_of(host) as worker:
        with pytest.raises(ModelUnusable, match="its file is broken") as raised:
            async with worker.lease():
                pass
        assert raised.value.facts["model"] == "small"
        with pytest.raises(UnknownModel):
            await worker.models.load("none")
        host.fault = None
        assert (await worker.models.load("small")).state is SlotState.LOADED
        await worker.models.unload("small")
        assert worker.models.statuses()[-1].state is SlotState.UNLOADED


async def test_a_worker_says_that_the_owner_is_gone_and_finds_it_again(host: Host) -> None:
    host.pause_s = 0.2
    async with worker_of(host) as worker:
        await until_state(worker, SlotState.UNLOADED)
        await until(lambda: worker.models.budget_bytes > 0)
        await worker.models.require_ready()
        async with worker.lease() as engine:
            writing = asyncio.create_task(write(engine))
            async with asyncio.timeout(20):
                await host.opened[0].started.wait()
            await host.stack.aclose()
            with pytest.raises(EngineFailed):
                await writing
        with pytest.raises(EngineStarting):
            async with worker.lease():
                pass
        async with asyncio.timeout(20):
            while True:
                try:
                    await worker.models.require_ready()
                except EngineStarting:
                    break
                await asyncio.sleep(0.01)


async def test_a_model_added_to_the_file_is_known_everywhere(host: Host) -> None:
    async with worker_of(host) as worker:
        more = MODEL + MODEL.replace("small", "smaller")
        await asyncio.to_thread((host.folder / CATALOGUE).write_text, more, "utf-8")
        await worker.models.reread()
        async with worker.models.lease(worker.models.card("smaller")) as engine:
            assert await write(engine) == "un deux trois quatre"
