"""A real GGUF model in a process of its own, from its file to its memory given back.

Its weights are random: what it says means nothing, and is the same each time.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ai_core.engines.base import ChatMessage, Sampling
from ai_core.engines.gguf.runner import open_runner
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import GenerationJob, LoadOptions
from ai_core.errors import ContextOverflow, EngineFailed, EngineStarting, ModelUnusable
from tests.ai_core.engines.engine_calls import answer, cancel_answer, chunks_of, start_answer
from tests.bench._shapes import END, Shape, write_adapter, write_model

pytestmark = pytest.mark.slow

SHAPE = Shape("llama", 2, 64, 4, 2, 128, 600, context_tokens=1_024, spread=0.3)
CHAT = (
    "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}" + END + "\n"
    "{% endfor %}[assistant]"
)
GREEDY = Sampling(max_tokens=40)
ASKED = [f"repos pour {n} heures" for n in range(12)]
"""Prompts of less than 64 tokens: llama.cpp rounds otherwise from there on (by 1 % of the spread of
the logits), and random weights make near ties."""


@dataclass(frozen=True)
class Model:
    """Its files, and what it says when it answers one question after the other."""

    file: Path
    adapter: Path
    plain: list[str]
    adapted: list[str]


def options(slots: int = 4) -> LoadOptions:
    return LoadOptions(context_tokens=512, slots=slots, threads=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("gguf")
    file, adapter = folder / "tiny.gguf", folder / "adapter.gguf"
    write_model(file, SHAPE, CHAT)
    write_adapter(adapter, SHAPE, 0.5)
    return Model(file, adapter, write(file, None), write(file, adapter))


def write(file: Path, adapter: Path | None) -> list[str]:
    """Answer in this process, one question after the other."""
    runner = open_runner(str(file), options(slots=1))
    name = str(adapter) if adapter else None
    if name:
        runner.load_adapter(name, name)
    answers = []
    for id, question in enumerate(ASKED):
        prompt = runner.render((ChatMessage("system", ""), ChatMessage("user", question)), None)
        assert runner.admit(GenerationJob(id, prompt, GREEDY, name))
        text = ""
        while runner.busy:
            text += "".join(chunk.text for chunk in runner.step())
        answers.append(text)
    runner.close()
    return answers


async def load(path: Path, slots: int = 4) -> ProcessEngine:
    return await ProcessEngine.start("tiny", "tiny-1", "gguf", str(path), options(slots))


@pytest.fixture
async def engine(model: Model) -> AsyncIterator[ProcessEngine]:
    engine = await load(model.file)
    yield engine
    await engine.close()


async def test_answers_written_together_are_those_written_one_after_the_other(
    engine: ProcessEngine, model: Model
) -> None:
    assert await asyncio.gather(*(answer(engine, one, GREEDY) for one in ASKED)) == model.plain


async def test_two_who_share_a_process_are_two_models(engine: ProcessEngine, model: Model) -> None:
    adapted = engine.adapted("adapted", "adapted-1", str(model.adapter))
    both = asyncio.gather(
        *(answer(adapted, one, GREEDY) for one in ASKED),
        *(answer(engine, one, GREEDY) for one in ASKED),
    )
    assert await both == [*model.adapted, *model.plain]
    assert model.adapted != model.plain


async def test_the_first_piece_counts_the_tokens_of_the_prompt(engine: ProcessEngine) -> None:
    first, *_, last = await chunks_of(engine, ASKED[0], GREEDY)
    assert first.prompt_tokens > (await engine.count_tokens([ASKED[0]]))[0] > 0
    assert last.finish_reason


async def test_a_prompt_too_long_is_refused_before_it_is_read(engine: ProcessEngine) -> None:
    with pytest.raises(ContextOverflow) as raised:
        await answer(engine, ASKED[0] * 50, GREEDY)
    assert raised.value.facts["limit"] == 511


async def test_a_leaving_job_frees_its_slot_for_a_waiting_one(model: Model) -> None:
    engine = await load(model.file, slots=1)
    for _ in range(5):
        await cancel_answer(await start_answer(engine, ASKED[0]))
    assert await answer(engine, ASKED[1], GREEDY) == model.plain[1]
    await engine.close()


async def test_a_model_killed_while_it_writes_gives_the_same_answers_once_restarted(
    model: Model,
) -> None:
    engine = await load(model.file, slots=1)
    first = await start_answer(engine, ASKED[0])
    waiting = [asyncio.create_task(answer(engine, one, GREEDY)) for one in ASKED * 5]
    os.kill(engine.pid, signal.SIGKILL)
    *_, last = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert isinstance(last, EngineFailed | EngineStarting)
    assert await engine.exited
    again = await load(model.file)
    assert await answer(again, ASKED[0], GREEDY) == model.plain[0]
    await again.close()
    assert await again.memory_bytes() == 0


async def test_a_file_cut_short_is_named(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    whole = model.file.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnusable, match=r"cut\.gguf"):
        await load(path)


async def test_what_is_no_adapter_is_refused_and_the_model_goes_on(
    engine: ProcessEngine, model: Model, tmp_path: Path
) -> None:
    path = tmp_path / "adapter.gguf"
    path.write_bytes(b"GGUF, but not really")
    with pytest.raises(ModelUnusable, match=r"adapter\.gguf"):
        await answer(engine.adapted("odd", "odd-1", str(path)), ASKED[0], GREEDY)
    assert await answer(engine, ASKED[0], GREEDY) == model.plain[0]
