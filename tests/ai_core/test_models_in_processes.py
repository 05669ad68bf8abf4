"""The model pool with real models in real processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from ai_core.engines.base import Engine, Prompt, Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.errors import EngineFailed, EngineStarting, ModelUnusable, UnknownModel
from ai_core.models.admin.selection import bytes_in
from ai_core.models.opening import open_engine
from ai_core.models.pool import ModelPool, open_pool
from ai_core.models.registry import CATALOGUE, ModelCard, Registry
from ai_core.models.slot import LoadedEngine, Opener
from ai_core.settings import ModelSettings
from shared.clock import SystemClock
from tests.ai_core.tiny_models import write_gguf

pytestmark = pytest.mark.slow

GIB = 1024**3


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def entry(name: str, source: Path, *more: str) -> str:
    lines = [f'name = "{name}"', 'format = "gguf"', f'source = "{source}"', *more]
    return "[[model]]\n" + "\n".join(lines) + "\ncontext_tokens = 128\nslots = 2\nthreads = 1\n"


async def catalogue(folder: Path, *entries: str) -> None:
    await asyncio.to_thread((folder / CATALOGUE).write_text, "".join(entries))


@asynccontextmanager
async def pool_of(
    folder: Path, *entries: str, memory_bytes: int = GIB, opener: Opener = open_engine
) -> AsyncIterator[ModelPool]:
    await catalogue(folder, *entries)
    settings = ModelSettings(default="tiny", folder=folder, memory_bytes=memory_bytes)
    async with open_pool(settings, folder, (), opener, SystemClock()) as pool:
        yield pool


async def write(engine: Engine, tokens: int = 20) -> str:
    prompt = Prompt((), "?", (), "fr", raw="Bonjour, ")
    async with aclosing(engine.stream(prompt, Sampling(max_tokens=tokens))) as pieces:
        found = [piece async for piece in pieces]
    assert found[-1].finish_reason
    return "".join(piece.text for piece in found)


async def open_slowly(card: ModelCard) -> LoadedEngine:
    """Open a model that takes its time, in a process like every other."""
    script = Path(card.path).with_suffix(".json")
    await asyncio.to_thread(script.write_text, '{"step_s": 0.02}')
    return await ProcessEngine.start(card.id, card.weights, "scripted", str(script))


async def until(pool: ModelPool, state: str, name: str = "tiny") -> None:
    async with asyncio.timeout(30):
        while pool.status(pool.card(name)).state != state:  # noqa: ASYNC110 - as a caller sees it
            await asyncio.sleep(0.05)


def children() -> set[int]:
    """Return the models' processes this one started, by any of its threads."""
    lists = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    started = {pid for listed in lists for pid in listed.read_text().split()}
    return {int(pid) for pid in started if "ai_core.engines" in command_of(pid)}


def command_of(pid: str) -> str:
    """Return a process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def test_a_process_that_is_killed_fails_its_answers_and_comes_back(
    tmp_path: Path, weights: Path
) -> None:
    pinned = entry("tiny", weights, "pinned = true")
    async with pool_of(tmp_path, pinned, opener=open_slowly) as pool:
        async with pool.lease(pool.card("tiny")) as engine:
            prompt = Prompt((), "?", (), "fr", raw="Bonjour, " * 20)
            async with aclosing(engine.stream(prompt, Sampling(max_tokens=50))) as pieces:
                await anext(pieces)
                (victim,) = await asyncio.to_thread(children)
                os.kill(victim, signal.SIGKILL)
                with pytest.raises(EngineFailed):
                    async for _ in pieces:
                        pass
        with pytest.raises(EngineStarting):
            await pool.require_ready()
        await until(pool, "loaded")
        await pool.require_ready()
        async with pool.lease(pool.card("tiny")) as engine:
            assert await write(engine)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "half of it": lambda whole: whole[: len(whole) // 2],
    "without its end": lambda whole: whole[:-1_000],
    "without its weights": lambda whole: whole[: len(whole) // 20],
    "other bytes in its head": lambda whole: whole[:8] + bytes(64) + whole[72:],
    "a number of tensors beyond all": lambda whole: whole[:8] + b"\xff" * 8 + whole[16:],
    "nothing but a head": lambda whole: whole[:32],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_model_says_so_for_good_and_harms_no_other(
    tmp_path: Path, weights: Path, damage: Callable[[bytes], bytes]
) -> None:
    cut = tmp_path / "cut.gguf"
    whole = await asyncio.to_thread(weights.read_bytes)
    await asyncio.to_thread(cut.write_bytes, damage(whole))
    async with pool_of(tmp_path, entry("tiny", weights), entry("cut", cut)) as pool:
        async with pool.lease(pool.card("tiny")) as engine:
            expected = await write(engine)
            for _ in range(3):
                with pytest.raises(ModelUnusable) as raised:
                    async with pool.lease(pool.card("cut")):
                        pass
                assert (raised.value.status, raised.value.retryable) == (500, False)
                assert raised.value.facts["model"] == "cut"
                assert await write(engine) == expected
        assert {one.card.id: one.code for one in pool.statuses()} == {
            "tiny": None,
            "cut": "model_unusable",
        }
        await pool.require_ready()


async def test_a_model_too_large_for_the_budget_answers_in_a_smaller_precision(
    tmp_path: Path, weights: Path
) -> None:
    await catalogue(tmp_path, entry("tiny", weights))
    large = (await asyncio.to_thread(Registry.read, tmp_path, (), "tiny")).card("tiny")
    room = bytes_in(large, "q8_0") + 1_000
    auto = entry("tiny", weights, 'quantization = "auto"')
    async with pool_of(tmp_path, auto, memory_bytes=room) as pool:
        with pytest.raises(EngineStarting):
            async with pool.lease(pool.card("tiny")):
                pass
        async with pool.lease(pool.card("tiny")) as engine:
            assert await write(engine)
        (status,) = pool.statuses()
        assert (status.card.precision, status.state) == ("q8_0", "loaded")
        assert status.card.agreement is not None
        assert status.card.agreement > 0.9


async def test_models_are_added_switched_and_removed_under_load_without_an_error(
    tmp_path: Path, weights: Path
) -> None:
    tiny, other = entry("tiny", weights), entry("other", weights)
    async with pool_of(tmp_path, tiny) as pool:
        over, answers = asyncio.Event(), 0

        async def client() -> None:
            nonlocal answers
            while not over.is_set():
                async with pool.lease(pool.card("tiny")) as engine:
                    assert await write(engine, 5)
                    answers += 1

        clients = [asyncio.create_task(client()) for _ in range(3)]
        for _ in range(3):
            await catalogue(tmp_path, tiny, other)
            await pool.load("other")
            async with pool.lease(pool.card("other")) as engine:
                assert await write(engine)
            await pool.unload("tiny")
            await catalogue(tmp_path, tiny)
            async with asyncio.timeout(30):
                while len(pool.cards()) > 1:  # noqa: ASYNC110 - as a caller sees it
                    await asyncio.sleep(0.05)
            with pytest.raises(UnknownModel):
                pool.card("other")
        over.set()
        await asyncio.gather(*clients)
        assert answers > 10
    assert not await asyncio.to_thread(children)


async def test_a_model_whose_files_are_gone_leaves_the_others_serving(
    tmp_path: Path, weights: Path
) -> None:
    gone = entry("gone", tmp_path / "gone.gguf")
    async with pool_of(tmp_path, entry("tiny", weights), gone) as pool:
        with pytest.raises(ModelUnusable, match=r"gone\.gguf does not exist") as refusal:
            async with pool.lease(pool.card("gone")):
                pass
        assert refusal.value.facts["model"] == "gone"
        async with pool.lease(pool.card("tiny")) as engine:
            assert await write(engine)
