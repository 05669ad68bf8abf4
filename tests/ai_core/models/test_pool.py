"""The model pool, with fake engines."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai_core.engines.base import Engine, Prompt, Sampling
from ai_core.errors import (
    EngineStarting,
    ModelBuiltIn,
    ModelBusy,
    ModelUnusable,
    NoMemory,
    UnknownModel,
)
from ai_core.models.eviction import DRAIN_AFTER_S
from ai_core.models.memory import Measurements
from ai_core.models.opening import Quantizer
from ai_core.models.pool import TICK_S, ModelPool
from ai_core.models.registry import CATALOGUE, ModelCard, Registry
from shared.clock import StoppedClock
from tests.ai_core.models.fake_engines import MIB, FakeEngine

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class FakeOpener:
    """Opens engines, slowly where `gates` say so, or not at all where `faults` do."""

    takes_bytes: int = 100 * MIB
    opened: list[FakeEngine] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)

    async def __call__(self, card: ModelCard) -> FakeEngine:
        await asyncio.sleep(0)
        if card.id in self.gates:
            await self.gates[card.id].wait()
        if card.id in self.faults:
            raise self.faults[card.id]
        engine = FakeEngine(card.id, self.takes_bytes)
        self.opened.append(engine)
        return engine

    def names(self) -> list[str]:
        return [engine.name for engine in self.opened]

    def in_memory(self) -> set[str]:
        return {engine.name for engine in self.opened if not engine.closed}


@dataclass
class RunningPool:
    """A pool with its opener and clock."""

    pool: ModelPool
    opener: FakeOpener
    clock: StoppedClock
    folder: Path

    async def advance(self, seconds: float) -> None:
        await self.settle()
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        await self.settle()
        await self.pool.tick()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def lease(self, name: str) -> AbstractAsyncContextManager[Engine]:
        return self.pool.lease(self.pool.card(name))

    def state(self, name: str) -> str:
        return self.pool.status(self.pool.card(name)).state

    async def touch(self, name: str) -> None:
        async with self.lease(name):
            await self.advance(1)

    def start_using(self, name: str) -> asyncio.Task[Engine]:
        async def use() -> Engine:
            async with self.lease(name) as engine:
                return engine

        return asyncio.create_task(use())


def entry(name: str, **keys: object) -> str:
    lines = [f'name = "{name}"', 'format = "remote"', 'upstreams = ["http://127.0.0.1:1/v1"]']
    lines += [f"{key} = {str(value).lower()}" for key, value in keys.items()]
    return "[[model]]\n" + "\n".join(lines) + "\n"


@asynccontextmanager
async def running_pool(
    folder: Path, *entries: str, budget: int = 250 * MIB, wait_s: float = 30.0
) -> AsyncIterator[RunningPool]:
    """A pool whose models need 100 MiB each, on a clock that only `advance` moves."""
    await asyncio.to_thread((folder / CATALOGUE).write_text, "".join(entries))
    clock, opener = StoppedClock(NOON), FakeOpener()
    built_in = FakeEngine("extractive", 0)
    registry = await asyncio.to_thread(Registry.read, folder, (built_in,))
    measurements = Measurements(folder / "measured.json")
    for card in registry.cards():
        if card.format != "built-in":
            measurements.record(card, memory_bytes=opener.takes_bytes)
    pool = ModelPool(registry, opener, clock, budget, measurements, wait_s, Quantizer(folder))
    await pool.tick()
    running = RunningPool(pool, opener, clock, folder)
    await running.settle()
    try:
        yield running
    finally:
        await pool.close()
    assert not opener.in_memory()


async def test_a_model_is_loaded_when_it_is_asked_for_and_stays(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        assert running.state("one") == "unloaded"
        async with running.lease("one") as engine:
            assert engine.name == "one"
        async with running.lease("one"):
            assert running.state("one") == "loaded"
        assert running.opener.names() == ["one"]


async def test_an_unknown_model_is_never_another_model(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        with pytest.raises(UnknownModel):
            running.pool.card("two")


async def test_callers_of_one_model_share_its_load(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        running.opener.gates["one"] = asyncio.Event()
        callers = [running.start_using("one") for _ in range(50)]
        await running.settle()
        assert running.state("one") == "loading"
        running.opener.gates["one"].set()
        assert len(set(await asyncio.gather(*callers))) == 1
        assert running.opener.names() == ["one"]


async def test_a_slow_load_does_not_hold_up_another_model_that_fits(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("slow"), entry("quick")) as running:
        running.opener.gates["slow"] = asyncio.Event()
        slow = running.start_using("slow")
        await running.settle()
        async with running.lease("quick"):
            assert not slow.done()
        running.opener.gates["slow"].set()
        await slow


async def test_the_least_recently_used_idle_model_is_evicted(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one"), entry("two"), entry("three")) as running:
        await running.touch("one")
        await running.touch("two")
        await running.touch("one")
        await running.touch("three")
        assert running.opener.in_memory() == {"one", "three"}


async def test_a_pinned_model_is_loaded_at_the_start_and_never_evicted(tmp_path: Path) -> None:
    async with running_pool(
        tmp_path, entry("kept", pinned=True), entry("two"), entry("three")
    ) as running:
        assert running.opener.in_memory() == {"kept"}
        await running.touch("two")
        await running.touch("three")
        await running.advance(100_000)
        assert running.opener.in_memory() == {"kept"}
        assert running.opener.names().count("kept") == 1


async def test_a_model_in_use_is_never_evicted_and_the_other_load_waits(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one"), entry("two"), budget=150 * MIB) as running:
        async with running.lease("one"):
            waiting = running.start_using("two")
            await running.advance(20)
            assert running.opener.in_memory() == {"one"}
            assert not waiting.done()
        assert (await waiting).name == "two"
        assert running.opener.in_memory() == {"two"}


async def test_a_load_that_waited_too_long_is_refused_for_want_of_memory(tmp_path: Path) -> None:
    async with (
        running_pool(tmp_path, entry("one"), entry("two"), budget=150 * MIB) as running,
        running.lease("one") as engine,
    ):
        waiting = running.start_using("two")
        await running.advance(31)
        with pytest.raises(NoMemory, match="two needs") as refusal:
            await waiting
        assert refusal.value.retry_after_s
        assert refusal.value.facts == {"model": "two"}
        async with running.lease("one") as again:
            assert again is engine


async def test_a_model_larger_than_the_budget_is_refused_at_once(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one"), budget=99 * MIB) as running:
        with pytest.raises(NoMemory, match="AI_CORE_MODELS__MEMORY_BYTES"):
            await running.start_using("one")
        assert not running.opener.opened


async def test_a_model_always_busy_is_drained_for_one_that_waits(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("busy"), entry("patient"), budget=150 * MIB) as running:
        leases: list[AbstractAsyncContextManager[Engine]] = []

        async def overlap() -> None:
            """Begin a lease before the one before it ends, so that the model is never idle."""
            lease = running.lease("busy")
            await lease.__aenter__()
            leases.append(lease)
            if len(leases) > 1:
                await leases[-2].__aexit__(None, None, None)

        await overlap()
        waiting = running.start_using("patient")
        await running.advance(1)
        await overlap()
        await running.advance(DRAIN_AFTER_S)
        held_back = asyncio.create_task(overlap())
        await running.settle()
        assert not held_back.done()
        await leases[-1].__aexit__(None, None, None)
        assert (await waiting).name == "patient"
        await asyncio.wait_for(held_back, 5)  # and it comes back by itself
        await leases[-1].__aexit__(None, None, None)


async def test_a_model_unused_for_its_keep_alive_is_evicted(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one", keep_alive_s=60)) as running:
        async with running.lease("one"):
            await running.advance(120)
            assert running.opener.in_memory() == {"one"}
        await running.advance(59)
        assert running.opener.in_memory() == {"one"}
        await running.advance(2)
        assert not running.opener.in_memory()
        assert running.state("one") == "unloaded"


async def test_a_load_that_fails_is_not_tried_again_at_once(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("broken"), entry("sound")) as running:
        running.opener.faults["broken"] = ModelUnusable("broken: the file ends too soon")
        with pytest.raises(ModelUnusable, match="ends too soon") as refusal:
            await running.start_using("broken")
        assert refusal.value.facts == {"model": "broken"}
        running.opener.faults.clear()
        with pytest.raises(ModelUnusable):
            await running.start_using("broken")
        assert running.pool.status(running.pool.card("broken")).code == "model_unusable"
        async with running.lease("sound"):
            pass
        await running.advance(6)
        assert (await running.start_using("broken")).name == "broken"


async def test_an_operator_may_try_a_failed_model_at_once(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("broken")) as running:
        running.opener.faults["broken"] = ModelUnusable("broken: no")
        with pytest.raises(ModelUnusable):
            await running.pool.load("broken")
        running.opener.faults.clear()
        assert (await running.pool.load("broken")).state == "loaded"


async def test_a_bug_in_an_opener_fails_that_model_alone(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("odd"), entry("sound")) as running:
        running.opener.faults["odd"] = ZeroDivisionError("odd")
        odd = running.start_using("odd")
        with pytest.raises(ModelUnusable, match="ZeroDivisionError"):
            await odd
        async with running.lease("sound"):
            assert running.state("odd") == "failed"


async def test_a_process_that_died_comes_back_by_itself(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        await running.touch("one")
        await running.pool.require_ready()
        running.opener.opened[0].die()
        await running.settle()
        assert running.state("one") == "restarting"
        with pytest.raises(EngineStarting):
            await running.pool.require_ready()
        with pytest.raises(EngineStarting):
            await running.start_using("one")
        await running.advance(1)
        assert running.state("one") == "loaded"
        await running.pool.require_ready()
        assert running.opener.names() == ["one", "one"]


async def test_a_process_that_keeps_dying_is_started_ever_more_rarely(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        await running.touch("one")
        waits = []
        for _ in range(10):
            running.opener.opened[-1].die()
            await running.settle()
            died_s, starts = running.clock.elapsed_s(), len(running.opener.opened)
            while len(running.opener.opened) == starts:
                await running.advance(0.5)
            waits.append(running.clock.elapsed_s() - died_s)
        assert waits[0] <= 1
        assert waits == sorted(waits)
        assert 55 < waits[-1] <= 61


async def test_unloading_waits_for_the_answers_being_written(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        async with running.lease("one"):
            unloading = asyncio.create_task(running.pool.unload("one"))
            await running.advance(1)
            later = running.start_using("one")
            await running.advance(1)
            assert not unloading.done()
            assert not later.done()
        await unloading
        await later
        assert running.opener.names() == ["one", "one"]


async def test_unloading_gives_up_when_an_answer_takes_too_long(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running, running.lease("one"):
        unloading = asyncio.create_task(running.pool.unload("one"))
        await running.advance(31)
        with pytest.raises(ModelBusy):
            await unloading
        assert running.state("one") == "loaded"
        async with running.lease("one"):
            pass


async def test_a_model_that_is_unloaded_while_it_loads_is_given_up(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        running.opener.gates["one"] = asyncio.Event()
        loading = asyncio.create_task(running.pool.load("one"))
        await running.settle()
        loading.cancel()
        await running.pool.unload("one")
        assert running.state("one") == "unloaded"


async def test_callers_that_wait_for_a_load_that_is_given_up_load_the_model_again(
    tmp_path: Path,
) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        running.opener.gates["one"] = asyncio.Event()
        waiting = running.start_using("one")
        await running.settle()
        await running.pool.unload("one")
        assert running.state("one") == "loading"
        running.opener.gates["one"].set()
        assert (await waiting).name == "one"
        assert running.state("one") == "loaded"


async def test_a_model_unloaded_while_it_is_measured_takes_nothing(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        await running.touch("one")
        running.opener.opened[0].measuring = asyncio.Event()
        measuring = asyncio.create_task(running.advance(6))
        await running.settle()
        await running.pool.unload("one")
        running.opener.opened[0].measuring.set()
        await measuring
        assert running.pool.status(running.pool.card("one")).memory_bytes == 0


async def test_a_built_in_model_is_always_there(tmp_path: Path) -> None:
    async with running_pool(tmp_path) as running:
        assert running.pool.default == "extractive"
        async with running.pool.lease(running.pool.card(None)) as engine:
            assert engine.name == "extractive"
        assert (await running.pool.load("extractive")).state == "loaded"
        with pytest.raises(ModelBuiltIn):
            await running.pool.unload("extractive")


async def test_a_model_can_be_added_and_removed_while_the_service_runs(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        catalogue = tmp_path / CATALOGUE
        async with running.lease("one") as engine:
            await asyncio.to_thread(catalogue.write_text, entry("two"))
            await running.advance(2)
            assert [card.id for card in running.pool.cards()] == ["extractive", "two"]
            assert engine.name in running.opener.in_memory()
        await running.touch("two")
        assert running.opener.in_memory() == {"two"}


async def test_a_wrong_catalogue_leaves_the_models_as_they_were(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one")) as running:
        await asyncio.to_thread((tmp_path / CATALOGUE).write_text, "[[model]]\nnom = 1\n")
        await running.advance(2)
        async with running.lease("one"):
            pass


async def test_what_a_model_took_is_what_is_set_aside_for_it_next_time(tmp_path: Path) -> None:
    async with running_pool(tmp_path, entry("one"), entry("two")) as running:
        running.opener.takes_bytes = 200 * MIB
        await running.touch("one")
        await running.advance(6)
        running.opener.takes_bytes = 100 * MIB
        await running.touch("two")
        assert running.opener.in_memory() == {"two"}
        measurements = await asyncio.to_thread(Measurements.read, tmp_path / "measured.json")
        assert measurements.need_bytes(running.pool.card("one")) == 200 * MIB
        assert running.pool.status(running.pool.card("one")).tokens_per_s == 12.5


@pytest.mark.slow
async def test_two_hundred_switches_under_traffic_break_no_answer(tmp_path: Path) -> None:
    names = ["one", "two", "three", "four"]
    dice = random.Random(7)  # noqa: S311 - any order will do
    whole = 0

    async with running_pool(tmp_path, *map(entry, names), wait_s=1e9) as running:
        over = asyncio.Event()

        async def client(number: int) -> None:
            nonlocal whole
            while not over.is_set():
                async with running.lease(names[(number + dice.randrange(2)) % 4]) as engine:
                    prompt = Prompt((), "?", (), "fr")
                    pieces = [p async for p in engine.stream(prompt, Sampling(max_tokens=5))]
                    assert len(pieces) == 5
                    whole += 1

        async def time() -> None:
            while not over.is_set():
                await running.advance(TICK_S)

        clients = [asyncio.create_task(client(number)) for number in range(12)]
        ticking = asyncio.create_task(time())
        for cycle in range(200):
            name = names[cycle % 4]
            await running.pool.load(name)
            await running.pool.unload(name)
            assert len(running.opener.in_memory()) <= 2
        over.set()
        await asyncio.wait_for(asyncio.gather(*clients, ticking), 30)
        assert whole > 1_000
        assert len(running.opener.opened) > 200
