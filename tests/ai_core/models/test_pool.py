"""The model manager, with engines that only pretend to take memory."""

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
from ai_core.models.eviction import PATIENCE_S
from ai_core.models.memory import Measurements
from ai_core.models.opening import Quantizer
from ai_core.models.pool import TICK_S, ModelPool
from ai_core.models.registry import CATALOGUE, ModelCard, Registry
from shared.clock import StoppedClock
from tests.ai_core.models.pretend import MIB, PretendEngine

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class PretendOpener:
    """Opens engines, slowly where `gates` say so, or not at all where `faults` do."""

    takes_bytes: int = 100 * MIB
    opened: list[PretendEngine] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)

    async def __call__(self, card: ModelCard) -> PretendEngine:
        await asyncio.sleep(0)
        if card.id in self.gates:
            await self.gates[card.id].wait()
        if card.id in self.faults:
            raise self.faults[card.id]
        engine = PretendEngine(card.id, self.takes_bytes)
        self.opened.append(engine)
        return engine

    def names(self) -> list[str]:
        return [engine.name for engine in self.opened]

    def in_memory(self) -> set[str]:
        return {engine.name for engine in self.opened if not engine.closed}


@dataclass
class Bench:
    """A pool, and the hands to play with it."""

    pool: ModelPool
    opener: PretendOpener
    clock: StoppedClock
    folder: Path

    async def passes(self, seconds: float) -> None:
        await self.settled()
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        await self.settled()
        await self.pool.tick()
        await self.settled()

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def using(self, name: str) -> AbstractAsyncContextManager[Engine]:
        return self.pool.lease(self.pool.card(name))

    def state(self, name: str) -> str:
        return self.pool.status(self.pool.card(name)).state

    async def touch(self, name: str) -> None:
        async with self.using(name):
            await self.passes(1)

    def begins_using(self, name: str) -> asyncio.Task[Engine]:
        async def use() -> Engine:
            async with self.using(name) as engine:
                return engine

        return asyncio.create_task(use())


def entry(name: str, **keys: object) -> str:
    lines = [f'name = "{name}"', 'format = "remote"', 'upstreams = ["http://127.0.0.1:1/v1"]']
    lines += [f"{key} = {str(value).lower()}" for key, value in keys.items()]
    return "[[model]]\n" + "\n".join(lines) + "\n"


@asynccontextmanager
async def bench(
    folder: Path, *entries: str, budget: int = 250 * MIB, wait_s: float = 30.0
) -> AsyncIterator[Bench]:
    """A pool whose models need 100 MiB each; no time passes but what a test lets pass."""
    await asyncio.to_thread((folder / CATALOGUE).write_text, "".join(entries))
    clock, opener = StoppedClock(NOON), PretendOpener()
    built_in = PretendEngine("extractive", 0)
    registry = await asyncio.to_thread(Registry.read, folder, (built_in,))
    measurements = Measurements(folder / "measured.json")
    for card in registry.cards():
        if card.format != "built-in":
            measurements.record(card, memory_bytes=opener.takes_bytes)
    pool = ModelPool(registry, opener, clock, budget, measurements, wait_s, Quantizer(folder))
    await pool.tick()
    table = Bench(pool, opener, clock, folder)
    await table.settled()
    try:
        yield table
    finally:
        await pool.close()
    assert not opener.in_memory()


async def test_a_model_is_loaded_when_it_is_asked_for_and_stays(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        assert table.state("one") == "unloaded"
        async with table.using("one") as engine:
            assert engine.name == "one"
        async with table.using("one"):
            assert table.state("one") == "loaded"
        assert table.opener.names() == ["one"]


async def test_an_unknown_model_is_never_another_model(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        with pytest.raises(UnknownModel):
            table.pool.card("two")


async def test_callers_of_one_model_share_its_load(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        table.opener.gates["one"] = asyncio.Event()
        callers = [table.begins_using("one") for _ in range(50)]
        await table.settled()
        assert table.state("one") == "loading"
        table.opener.gates["one"].set()
        assert len(set(await asyncio.gather(*callers))) == 1
        assert table.opener.names() == ["one"]


async def test_a_slow_load_does_not_hold_up_another_model_that_fits(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("slow"), entry("quick")) as table:
        table.opener.gates["slow"] = asyncio.Event()
        slow = table.begins_using("slow")
        await table.settled()
        async with table.using("quick"):
            assert not slow.done()
        table.opener.gates["slow"].set()
        await slow


async def test_the_idle_model_used_longest_ago_makes_room(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one"), entry("two"), entry("three")) as table:
        await table.touch("one")
        await table.touch("two")
        await table.touch("one")
        await table.touch("three")
        assert table.opener.in_memory() == {"one", "three"}


async def test_a_pinned_model_is_loaded_at_the_start_and_never_evicted(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("kept", pinned=True), entry("two"), entry("three")) as table:
        assert table.opener.in_memory() == {"kept"}
        await table.touch("two")
        await table.touch("three")
        await table.passes(100_000)
        assert table.opener.in_memory() == {"kept"}
        assert table.opener.names().count("kept") == 1


async def test_a_model_in_use_is_never_evicted_and_the_newcomer_waits(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one"), entry("two"), budget=150 * MIB) as table:
        async with table.using("one"):
            newcomer = table.begins_using("two")
            await table.passes(20)
            assert table.opener.in_memory() == {"one"}
            assert not newcomer.done()
        assert (await newcomer).name == "two"
        assert table.opener.in_memory() == {"two"}


async def test_a_newcomer_that_waited_too_long_is_told_that_memory_is_full(tmp_path: Path) -> None:
    async with (
        bench(tmp_path, entry("one"), entry("two"), budget=150 * MIB) as table,
        table.using("one") as engine,
    ):
        newcomer = table.begins_using("two")
        await table.passes(31)
        with pytest.raises(NoMemory, match="two needs") as refusal:
            await newcomer
        assert refusal.value.retry_after_s
        assert refusal.value.facts == {"model": "two"}
        async with table.using("one") as again:
            assert again is engine


async def test_a_model_larger_than_the_budget_is_refused_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one"), budget=99 * MIB) as table:
        with pytest.raises(NoMemory, match="AI_CORE_MODELS__MEMORY_BYTES"):
            await table.begins_using("one")
        assert not table.opener.opened


async def test_a_model_always_busy_makes_place_for_one_that_waits(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("busy"), entry("patient"), budget=150 * MIB) as table:
        leases: list[AbstractAsyncContextManager[Engine]] = []

        async def overlap() -> None:
            """Begin a lease before the one before it ends, so that the model is never idle."""
            lease = table.using("busy")
            await lease.__aenter__()
            leases.append(lease)
            if len(leases) > 1:
                await leases[-2].__aexit__(None, None, None)

        await overlap()
        newcomer = table.begins_using("patient")
        await table.passes(1)
        await overlap()
        await table.passes(PATIENCE_S)
        held_back = asyncio.create_task(overlap())
        await table.settled()
        assert not held_back.done()
        await leases[-1].__aexit__(None, None, None)
        assert (await newcomer).name == "patient"
        await asyncio.wait_for(held_back, 5)  # and it comes back by itself
        await leases[-1].__aexit__(None, None, None)


async def test_a_model_nobody_used_for_its_keep_alive_goes(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one", keep_alive_s=60)) as table:
        async with table.using("one"):
            await table.passes(120)
            assert table.opener.in_memory() == {"one"}
        await table.passes(59)
        assert table.opener.in_memory() == {"one"}
        await table.passes(2)
        assert not table.opener.in_memory()
        assert table.state("one") == "unloaded"


async def test_a_load_that_fails_is_not_tried_again_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("broken"), entry("sound")) as table:
        table.opener.faults["broken"] = ModelUnusable("broken: the file ends too soon")
        with pytest.raises(ModelUnusable, match="ends too soon") as refusal:
            await table.begins_using("broken")
        assert refusal.value.facts == {"model": "broken"}
        table.opener.faults.clear()
        with pytest.raises(ModelUnusable):
            await table.begins_using("broken")
        assert table.pool.status(table.pool.card("broken")).code == "model_unusable"
        async with table.using("sound"):
            pass
        await table.passes(6)
        assert (await table.begins_using("broken")).name == "broken"


async def test_an_operator_may_try_a_failed_model_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("broken")) as table:
        table.opener.faults["broken"] = ModelUnusable("broken: no")
        with pytest.raises(ModelUnusable):
            await table.pool.load("broken")
        table.opener.faults.clear()
        assert (await table.pool.load("broken")).state == "loaded"


async def test_a_bug_in_an_opener_fails_that_model_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("odd"), entry("sound")) as table:
        table.opener.faults["odd"] = ZeroDivisionError("odd")
        odd = table.begins_using("odd")
        with pytest.raises(ModelUnusable, match="ZeroDivisionError"):
            await odd
        async with table.using("sound"):
            assert table.state("odd") == "failed"


async def test_a_process_that_died_comes_back_by_itself(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        await table.touch("one")
        await table.pool.require_ready()
        table.opener.opened[0].die()
        await table.settled()
        assert table.state("one") == "restarting"
        with pytest.raises(EngineStarting):
            await table.pool.require_ready()
        with pytest.raises(EngineStarting):
            await table.begins_using("one")
        await table.passes(1)
        assert table.state("one") == "loaded"
        await table.pool.require_ready()
        assert table.opener.names() == ["one", "one"]


async def test_a_process_that_keeps_dying_is_started_ever_more_rarely(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        await table.touch("one")
        waits = []
        for _ in range(10):
            table.opener.opened[-1].die()
            await table.settled()
            died_s, starts = table.clock.elapsed_s(), len(table.opener.opened)
            while len(table.opener.opened) == starts:
                await table.passes(0.5)
            waits.append(table.clock.elapsed_s() - died_s)
        assert waits[0] <= 1
        assert waits == sorted(waits)
        assert 55 < waits[-1] <= 61


async def test_unloading_waits_for_the_answers_being_written(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        async with table.using("one"):
            unloading = asyncio.create_task(table.pool.unload("one"))
            await table.passes(1)
            later = table.begins_using("one")
            await table.passes(1)
            assert not unloading.done()
            assert not later.done()
        await unloading
        await later
        assert table.opener.names() == ["one", "one"]


async def test_unloading_gives_up_when_an_answer_takes_too_long(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table, table.using("one"):
        unloading = asyncio.create_task(table.pool.unload("one"))
        await table.passes(31)
        with pytest.raises(ModelBusy):
            await unloading
        assert table.state("one") == "loaded"
        async with table.using("one"):
            pass


async def test_a_model_that_is_unloaded_while_it_loads_is_given_up(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        table.opener.gates["one"] = asyncio.Event()
        loading = asyncio.create_task(table.pool.load("one"))
        await table.settled()
        loading.cancel()
        await table.pool.unload("one")
        assert table.state("one") == "unloaded"


async def test_callers_that_wait_for_a_load_that_is_given_up_load_the_model_again(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, entry("one")) as table:
        table.opener.gates["one"] = asyncio.Event()
        waiting = table.begins_using("one")
        await table.settled()
        await table.pool.unload("one")
        assert table.state("one") == "loading"
        table.opener.gates["one"].set()
        assert (await waiting).name == "one"
        assert table.state("one") == "loaded"


async def test_a_model_unloaded_while_it_is_measured_takes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        await table.touch("one")
        table.opener.opened[0].measuring = asyncio.Event()
        measuring = asyncio.create_task(table.passes(6))
        await table.settled()
        await table.pool.unload("one")
        table.opener.opened[0].measuring.set()
        await measuring
        assert table.pool.status(table.pool.card("one")).memory_bytes == 0


async def test_a_built_in_model_is_always_there(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        assert table.pool.default == "extractive"
        async with table.pool.lease(table.pool.card(None)) as engine:
            assert engine.name == "extractive"
        assert (await table.pool.load("extractive")).state == "loaded"
        with pytest.raises(ModelBuiltIn):
            await table.pool.unload("extractive")


async def test_a_model_can_be_added_and_removed_while_the_service_runs(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        catalogue = tmp_path / CATALOGUE
        async with table.using("one") as engine:
            await asyncio.to_thread(catalogue.write_text, entry("two"))
            await table.passes(2)
            assert [card.id for card in table.pool.cards()] == ["extractive", "two"]
            assert engine.name in table.opener.in_memory()
        await table.touch("two")
        assert table.opener.in_memory() == {"two"}


async def test_a_wrong_catalogue_leaves_the_models_as_they_were(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one")) as table:
        await asyncio.to_thread((tmp_path / CATALOGUE).write_text, "[[model]]\nnom = 1\n")
        await table.passes(2)
        async with table.using("one"):
            pass


async def test_what_a_model_took_is_what_is_set_aside_for_it_next_time(tmp_path: Path) -> None:
    async with bench(tmp_path, entry("one"), entry("two")) as table:
        table.opener.takes_bytes = 200 * MIB
        await table.touch("one")
        await table.passes(6)
        table.opener.takes_bytes = 100 * MIB
        await table.touch("two")
        assert table.opener.in_memory() == {"two"}
        measurements = await asyncio.to_thread(Measurements.read, tmp_path / "measured.json")
        assert measurements.need_bytes(table.pool.card("one")) == 200 * MIB
        assert table.pool.status(table.pool.card("one")).tokens_per_s == 12.5


async def test_two_hundred_switches_under_traffic_break_no_answer(tmp_path: Path) -> None:
    names = ["one", "two", "three", "four"]
    dice = random.Random(7)  # noqa: S311 - any order will do
    whole = 0

    async with bench(tmp_path, *map(entry, names), wait_s=1e9) as table:
        over = asyncio.Event()

        async def client(number: int) -> None:
            nonlocal whole
            while not over.is_set():
                async with table.using(names[(number + dice.randrange(2)) % 4]) as engine:
                    prompt = Prompt((), "?", (), "fr")
                    pieces = [p async for p in engine.stream(prompt, Sampling(max_tokens=5))]
                    assert len(pieces) == 5
                    whole += 1

        async def time() -> None:
            while not over.is_set():
                await table.passes(TICK_S)

        clients = [asyncio.create_task(client(number)) for number in range(12)]
        ticking = asyncio.create_task(time())
        for cycle in range(200):
            name = names[cycle % 4]
            await table.pool.load(name)
            await table.pool.unload(name)
            assert len(table.opener.in_memory()) <= 2
        over.set()
        await asyncio.wait_for(asyncio.gather(*clients, ticking), 30)
        assert whole > 1_000
        assert len(table.opener.opened) > 200
