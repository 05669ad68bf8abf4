import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from ai_core.engines.base import Engine, Prompt, Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.process.scripted_runner import CRASHES, TOKENIZER_FAILS
from ai_core.errors import ContextOverflow, EngineFailed, ModelUnusable, Unsupported
from tests.ai_core.engines.conftest import Start
from tests.ai_core.engines.engine_calls import (
    ALL,
    answer,
    cancel_answer,
    chunks_of,
    commands_received,
    prompt,
    start_answer,
)

pytestmark = pytest.mark.slow

LONG = "mot " * 3_000


async def test_an_answer_comes_whole_though_tokens_cut_its_characters_in_two(start: Start) -> None:
    said = "L’été 2026 😀 : congés payés, œuvre, façade."
    assert await answer(await start(), said) == said


async def test_the_first_piece_tells_of_the_prompt_and_the_last_why_it_is_the_last(
    start: Start,
) -> None:
    engine = await start()
    chunks = await chunks_of(engine, "abcdef", rules="123456789")  # one, on a busy machine
    assert (chunks[0].prompt_tokens, chunks[0].cached_tokens) == (5, 0)
    assert all(chunk.prompt_tokens == 0 for chunk in chunks[1:])
    assert all(chunk.finish_reason is None for chunk in chunks[:-1])
    assert chunks[-1].finish_reason == "stop"
    assert sum(chunk.tokens for chunk in chunks) == 2
    again = await chunks_of(engine, "abcdef", rules="123456789")
    assert (again[0].prompt_tokens, again[0].cached_tokens) == (5, 3)


async def test_an_answer_ends_at_its_stop_sequence_or_its_length(start: Start) -> None:
    engine = await start()
    assert await answer(engine, "un deux trois", replace(ALL, stop=("deux",))) == "un "
    chunks = await chunks_of(engine, "un deux trois", replace(ALL, max_tokens=2))
    assert "".join(chunk.text for chunk in chunks) == "un deu"
    assert chunks[-1].finish_reason == "length"


async def test_a_text_may_be_continued_without_a_template(start: Start) -> None:
    engine = await start()
    raw = Prompt((), "", (), "fr", raw="tel quel")
    chunks = [chunk async for chunk in engine.stream(raw, Sampling(max_tokens=100))]
    assert "".join(chunk.text for chunk in chunks) == "tel quel"


async def test_tokens_are_counted_by_the_model_s_own_tokenizer(start: Start) -> None:
    assert await (await start()).count_tokens(["", "abc", "abcd", "é" * 3]) == [0, 1, 2, 2]


async def test_logprobs_come_with_their_tokens(start: Start) -> None:
    chunks = await chunks_of(await start(), "abcdef", replace(ALL, top_logprobs=0))
    tokens = [one.token for chunk in chunks for one in chunk.logprobs]
    assert tokens == [b"abc", b"def"]


async def test_a_long_list_of_texts_is_embedded_in_its_order(start: Start) -> None:
    vectors = await (await start()).embed([f"{'mot ' * n}" for n in range(50)])
    assert vectors == [[4.0 * n, n] for n in range(50)]


@pytest.mark.slow
async def test_an_answer_under_way_goes_on_while_a_long_list_is_embedded(start: Start) -> None:
    engine = await start(step_s=0.01)
    task = await start_answer(engine, "mot " * 30)
    embedding = asyncio.create_task(engine.embed(["mot"] * 100))
    assert await task == "mot " * 30
    assert not embedding.done()
    assert await embedding == [[3.0, 1.0]] * 100


async def test_giving_up_a_long_list_of_texts_frees_the_model(start: Start) -> None:
    engine = await start(step_s=0.1)
    embedding = asyncio.create_task(engine.embed(["mot"] * 8_000))
    await commands_received(engine)
    embedding.cancel()
    assert await answer(engine, "mot") == "mot"


async def test_what_the_model_cannot_do_is_refused(start: Start) -> None:
    engine = await start()
    with pytest.raises(Unsupported):
        await answer(engine, "a", replace(ALL, json_schema="{}"))


async def test_two_hundred_overlapping_answers_come_whole_and_unmixed(start: Start) -> None:
    engine = await start(slots=16)
    said = [f"question {n} : " + f"réponse {n} ; " * 20 for n in range(200)]
    assert await asyncio.gather(*(answer(engine, one) for one in said)) == said


async def test_a_prompt_longer_than_the_context_is_refused_though_every_place_is_taken(
    start: Start,
) -> None:
    engine = await start(slots=1, step_s=0.01, context_tokens=3_500)
    busy = await start_answer(engine, "mot " * 2_000)
    with pytest.raises(ContextOverflow) as raised:
        await answer(engine, "a" * 3 * 3_500)
    assert raised.value.facts == {"model": "scripted", "tokens": 3_500, "limit": 3_499}
    assert not busy.done()
    await cancel_answer(busy)


async def test_an_answer_cancelled_while_it_is_written_leaves_its_place(start: Start) -> None:
    engine = await start(slots=1, step_s=0.02, context_tokens=10_000)
    await cancel_answer(await start_answer(engine, LONG))
    assert await answer(engine, "la suite") == "la suite"


async def test_an_answer_cancelled_while_its_prompt_is_read_leaves_its_place(start: Start) -> None:
    engine = await start(slots=1, step_s=0.02, prefill_tokens=1, context_tokens=10_000)
    reading = asyncio.create_task(answer(engine, LONG))
    await commands_received(engine)
    await cancel_answer(reading)
    assert await answer(engine, "la suite") == "la suite"


@pytest.mark.slow
async def test_an_answer_cancelled_while_it_waits_is_never_begun(start: Start) -> None:
    engine = await start(slots=1, step_s=0.005, context_tokens=10_000)
    busy = await start_answer(engine, "mot " * 200)
    waiting = asyncio.create_task(answer(engine, f"{CRASHES} the process if it is ever begun"))
    await commands_received(engine)
    await cancel_answer(waiting)
    after = asyncio.create_task(answer(engine, "la suite"))
    assert await busy == "mot " * 200
    assert await after == "la suite"


async def test_an_answer_cancelled_before_it_is_tokenized_is_never_begun(start: Start) -> None:
    engine = await start(tokenize_s=0.1)
    waiting = asyncio.create_task(answer(engine, f"{CRASHES} the process if it is ever begun"))
    await asyncio.sleep(0)  # the task sends its command
    await cancel_answer(waiting)
    assert await answer(engine, "la suite") == "la suite"


async def test_closing_a_stream_gives_its_place_back(start: Start) -> None:
    engine = await start(slots=1, step_s=0.02, context_tokens=10_000)
    async with aclosing(engine.stream(prompt(LONG), ALL)) as stream:
        await anext(stream)
    assert await answer(engine, "la suite") == "la suite"


async def test_tokens_of_cancelled_requests_are_not_counted(start: Start) -> None:
    engine = await start(tokenize_s=0.1)
    counting = asyncio.create_task(engine.count_tokens(["mot"]))
    cancelled = asyncio.create_task(engine.count_tokens(["mot"] * 1_000))
    await asyncio.sleep(0)  # both tasks send their command
    cancelled.cancel()
    assert await counting == [1]
    async with asyncio.timeout(30):  # all of them would take 100 s
        assert await engine.count_tokens(["mot"]) == [1]


@pytest.mark.slow
async def test_a_long_prompt_does_not_hold_up_an_answer_under_way(start: Start) -> None:
    engine = await start(tokenize_s=0.05)
    task = await start_answer(engine, "mot " * 200)
    counting = asyncio.create_task(engine.count_tokens(["a"] * 20))
    assert await task == "mot " * 200
    assert not counting.done()
    await counting


async def test_a_slow_reader_gets_fewer_longer_pieces_and_the_same_answer(start: Start) -> None:
    engine = await start()
    said = "un mot après l’autre " * 100
    stream = engine.stream(prompt(said), ALL)
    async with aclosing(stream):
        first = await anext(stream)
        assert await answer(engine, said) == said
        rest = [chunk async for chunk in stream]
    assert len(rest) < 10
    assert first.text + "".join(chunk.text for chunk in rest) == said
    assert first.tokens + sum(chunk.tokens for chunk in rest) == len(said.encode()) / 3
    assert rest[-1].finish_reason == "stop"


@pytest.mark.slow
async def test_a_service_that_stalls_for_a_moment_loses_nothing(start: Start) -> None:
    engine = await start(slots=8)
    said = "un mot après l’autre " * 300
    tasks = [await start_answer(engine, said) for _ in range(8)]
    time.sleep(0.3)  # noqa: ASYNC251 - it is the whole event loop that stalls
    assert await asyncio.gather(*tasks) == [said] * 8


async def test_an_adapter_has_its_say_and_its_base_does_not(start: Start, tmp_path: Path) -> None:
    base = await start()
    path = tmp_path / "adapter"
    path.write_text("Bonjour. ")
    adapted = base.adapted("polite", "polite-1", str(path))
    engines: list[Engine] = [base, adapted, adapted]
    answers = await asyncio.gather(*(answer(engine, "Oui.") for engine in engines))
    assert answers == ["Oui.", "Bonjour. Oui.", "Bonjour. Oui."]
    await adapted.close()
    assert await answer(base, "Oui.") == "Oui."


async def test_an_adapter_of_other_weights_under_the_same_path_is_another_one(
    start: Start, tmp_path: Path
) -> None:
    base = await start()
    path = tmp_path / "adapter"
    path.write_text("Bonjour. ")
    assert await answer(base.adapted("polite", "polite-1", str(path)), "Oui.") == "Bonjour. Oui."
    path.write_text("Bonsoir. ")
    assert await answer(base.adapted("polite", "polite-2", str(path)), "Oui.") == "Bonsoir. Oui."


async def test_an_adapter_that_is_not_there_is_refused_until_it_is(
    start: Start, tmp_path: Path
) -> None:
    base = await start()
    path = tmp_path / "adapter"
    adapted = base.adapted("polite", "polite-1", str(path))
    with pytest.raises(ModelUnusable, match="correct the adapter's path") as raised:
        await answer(adapted, "Oui.")
    assert raised.value.facts == {"model": "polite"}
    assert await answer(base, "Oui.") == "Oui."
    path.write_text("Bonjour. ")
    assert await answer(adapted, "Oui.") == "Bonjour. Oui."


async def test_a_text_the_tokenizer_chokes_on_is_the_fault_of_that_request_alone(
    start: Start,
) -> None:
    engine = await start(step_s=0.01)
    other = await start_answer(engine, "mot " * 50)
    with pytest.raises(EngineFailed) as raised:
        await answer(engine, f"{TOKENIZER_FAILS} jean.dupont")
    assert "ValueError" in str(raised.value)
    assert "dupont" not in str(raised.value)
    assert await other == "mot " * 50


def test_a_model_works_on_the_loop_the_service_runs_on(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text("{}")

    async def ask() -> str:
        engine = await ProcessEngine.start("scripted", "script", "scripted", str(script))
        try:
            return await answer(engine, "Oui.")
        finally:
            await engine.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == "Oui."


async def test_speed_and_memory_are_measured(start: Start) -> None:
    engine = await start(step_s=0.002, ballast_mib=64, prefill_tokens=10)
    assert engine.throughput.prefill == engine.throughput.decode == 0
    await answer(engine, "mot " * 100)
    assert 0 < engine.throughput.decode <= 500
    assert engine.throughput.prefill > engine.throughput.decode
    assert await engine.memory_bytes() > 64 * 1024 * 1024


async def test_what_the_model_is_is_known_once_it_is_loaded(start: Start) -> None:
    engine = await start(slots=3, context_tokens=999, load_s=0.2)
    assert (engine.slots, engine.context_tokens, engine.info.device) == (3, 999, "cpu")
    assert engine.load_s >= 0.2
