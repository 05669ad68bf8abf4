import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ai_core.engines.base import Sampling
from ai_core.engines.formats import FORMATS, Format
from ai_core.engines.process.engine import ProcessEngine, Timeouts
from ai_core.engines.process.scripted_runner import (
    ABORTS,
    CRASHES,
    FAILS,
    HANGS,
    PRINTS,
    TOKENIZER_HANGS,
)
from ai_core.errors import EngineFailed, EngineStarting, ModelUnusable, NoMemory
from tests.ai_core.engines.conftest import Start
from tests.ai_core.engines.engine_calls import (
    ALL,
    TIMEOUT_S,
    answer,
    commands_received,
    prompt,
    start_answer,
)

pytestmark = pytest.mark.slow

PARENT = """
import asyncio, sys
from ai_core.engines.process.engine import ProcessEngine

async def main():
    engine = await ProcessEngine.start("scripted", "script", "scripted", sys.argv[1])
    print(engine.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def lives(pid: int) -> bool:
    """Return whether a process runs; one that nobody has waited for (a zombie) does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_end(pid: int) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while lives(pid):
        assert time.monotonic() < end_s
        time.sleep(0.01)


def children() -> list[int]:
    """List our processes around models, running or not waited for."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [
        pid
        for pid in pids
        if b"ai_core.engines.process.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def await_child() -> int:
    end_s = time.monotonic() + TIMEOUT_S
    while not (found := children()):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return found[0]


async def load(path: Path, timeouts: Timeouts | None = None, format: str = "scripted") -> None:
    await ProcessEngine.start("droit-7b", "w", format, str(path), timeouts=timeouts)


async def test_kill_9_fails_every_answer_under_way_and_says_so(start: Start) -> None:
    engine = await start(slots=2, step_s=0.01)
    tasks = [await start_answer(engine, "mot " * 1_000) for _ in range(2)]
    waiting = asyncio.create_task(answer(engine, "mot"))
    os.kill(engine.pid, signal.SIGKILL)
    for task in (*tasks, waiting):
        with pytest.raises(EngineFailed):
            await task
    process_exit = await engine.exited
    assert process_exit
    assert (process_exit.status, process_exit.detail) == (-signal.SIGKILL, "killed by SIGKILL")
    with pytest.raises(EngineStarting) as raised:
        await answer(engine, "mot")
    assert raised.value.retry_after_s


async def test_no_request_is_lost_between_an_exit_and_its_notice(start: Start) -> None:
    engine = await start()
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises((EngineFailed, EngineStarting)):
        await engine.count_tokens(["mot"])
    with pytest.raises((EngineFailed, EngineStarting)):
        await answer(engine, "mot")


async def test_one_answer_fails_and_the_others_do_not(start: Start) -> None:
    engine = await start(step_s=0.005)
    other = await start_answer(engine, "mot " * 50)
    with pytest.raises(EngineFailed, match="requested by the prompt"):
        await answer(engine, FAILS)
    assert await other == "mot " * 50


async def test_a_crash_says_where_and_nothing_that_anybody_wrote(start: Start) -> None:
    engine = await start()
    with capture_logs() as logged, pytest.raises(EngineFailed) as raised:
        await answer(engine, f"{CRASHES} jean.dupont")
    process_exit = await engine.exited
    assert process_exit
    assert process_exit.status == 1
    assert "RuntimeError in" in process_exit.detail
    assert "scripted_runner.py" in str(raised.value)
    assert logged[-1]["event"] == "model process exited"
    assert "dupont" not in f"{logged} {raised.value} {process_exit}"


async def test_a_library_that_aborts_takes_its_own_process_with_it_and_no_other(
    start: Start,
) -> None:
    engine, other = await start(), await start(step_s=0.01)
    task = await start_answer(other, "mot " * 30)
    with pytest.raises(EngineFailed, match="Fatal Python error: Aborted"):
        await answer(engine, ABORTS)
    process_exit = await engine.exited
    assert process_exit
    assert process_exit.status == -signal.SIGABRT
    assert await task == "mot " * 30


async def test_a_model_that_hangs_is_ended_and_counts_as_dead(start: Start) -> None:
    engine = await start(timeouts=Timeouts(silence_s=0.4))
    with pytest.raises(EngineFailed, match="no heartbeat"):
        await answer(engine, HANGS)
    process_exit = await engine.exited
    assert process_exit
    assert "no heartbeat" in process_exit.detail


@pytest.mark.slow
async def test_a_model_that_is_slow_or_idle_is_left_alone(start: Start) -> None:
    engine = await start(timeouts=Timeouts(silence_s=0.4), step_s=0.2)
    assert await answer(engine, "mot " * 5) == "mot " * 5
    await asyncio.sleep(0.8)  # idle for longer than it may be silent while it works
    assert await answer(engine, "mot") == "mot"


@pytest.mark.slow
async def test_a_reader_slower_than_the_model_is_no_silence(start: Start) -> None:
    engine = await start(timeouts=Timeouts(silence_s=0.3))
    async with aclosing(engine.stream(prompt("mot " * 100), ALL)) as stream:
        first = await anext(stream)
        await asyncio.sleep(0.8)  # the reader pauses for longer than a model may be silent
        rest = [chunk.text async for chunk in stream]
    assert first.text + "".join(rest) == "mot " * 100
    assert not engine.exited.done()


@pytest.mark.slow
async def test_a_long_reading_is_no_silence(start: Start) -> None:
    engine = await start(timeouts=Timeouts(silence_s=1.3), step_s=0.1, prefill_tokens=1)
    assert await answer(engine, "mot" * 16, Sampling(max_tokens=1)) == "mot"


async def test_a_tokenizer_that_hangs_is_ended_and_counts_as_dead(start: Start) -> None:
    engine = await start(timeouts=Timeouts(count_s=0.3), tokenize_s=30)
    with pytest.raises(EngineFailed):
        await engine.count_tokens(["mot"])
    process_exit = await engine.exited
    assert process_exit
    assert "Count" in process_exit.detail


async def test_a_prompt_that_is_never_tokenized_is_noticed_though_others_are_answered(
    start: Start,
) -> None:
    engine = await start(timeouts=Timeouts(silence_s=0.4), step_s=0.01)
    other = await start_answer(engine, "mot " * 3_000)
    with pytest.raises(EngineFailed, match="no heartbeat"):
        await answer(engine, TOKENIZER_HANGS)
    with pytest.raises(EngineFailed):
        await other


async def test_closing_gives_the_memory_back_and_answers_under_way_fail(start: Start) -> None:
    engine = await start(step_s=0.01, ballast_mib=32)
    pid = engine.pid
    task = await start_answer(engine, "mot " * 1_000)
    await engine.close()
    assert not await asyncio.to_thread(Path(f"/proc/{pid}").exists)
    assert await engine.memory_bytes() == 0
    assert engine.exited.result() is None
    with pytest.raises(EngineFailed, match="unloaded"):
        await task
    await engine.close()


async def test_a_model_that_hangs_is_closed_all_the_same(start: Start) -> None:
    engine = await start(timeouts=Timeouts(close_s=0.1), step_s=60)
    task = asyncio.create_task(answer(engine, "mot"))
    await commands_received(engine)
    await engine.close()
    assert not await asyncio.to_thread(lives, engine.pid)
    with pytest.raises(EngineFailed):
        await task


async def test_ctrl_c_and_a_polite_signal_are_for_the_parent(start: Start) -> None:
    engine = await start(step_s=0.01)
    task = await start_answer(engine, "mot " * 30)
    os.kill(engine.pid, signal.SIGINT)
    os.kill(engine.pid, signal.SIGTERM)
    assert await task == "mot " * 30


async def test_a_model_never_outlives_the_service(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text("{}")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(script), stdout=subprocess.PIPE
    )
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(await_end, pid)


async def test_the_process_does_not_know_the_service_s_settings(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_CORE_REDIS__PASSWORD", "secret")
    engine = await start()
    known = await asyncio.to_thread(Path(f"/proc/{engine.pid}/environ").read_bytes)
    assert b"AI_CORE_" not in known
    assert b"PATH=" in known


async def test_what_a_library_prints_becomes_lines_of_the_log(start: Start) -> None:
    with capture_logs() as logged:
        engine = await start(prints="loading\r50 %\rdone\nno end of line")
        await engine.close()
    assert [event["line"] for event in logged] == ["loading", "50 %", "done", "no end of line"]
    assert {event["model"] for event in logged} == {"scripted"}


async def test_what_a_library_prints_about_a_request_is_withheld(start: Start) -> None:
    with capture_logs() as logged:
        engine = await start(prints="loading\n")
        async with asyncio.timeout(TIMEOUT_S):
            while not logged:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.01)
        await answer(engine, f"{PRINTS} error: jean.dupont")
        with pytest.raises(EngineFailed) as raised:
            await answer(engine, f"{PRINTS} {CRASHES} error: jean.dupont")
        await engine.exited
    assert "loading" in [event.get("line") for event in logged]
    assert "(26 characters withheld)" in [event.get("line") for event in logged]
    assert "RuntimeError in" in f"{raised.value}"
    assert "dupont" not in f"{logged} {raised.value}"


async def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"missing\.gguf: correct the model's source") as raised:
        await load(tmp_path / "missing.gguf")
    assert str(tmp_path) in str(raised.value)


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged.json"
    path.write_text("{")
    with pytest.raises(ModelUnusable, match=r"damaged\.json") as raised:
        await load(path)
    assert raised.value.facts == {"model": "droit-7b"}


async def test_a_library_that_is_not_installed_is_named_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec_less.py").write_text("import a_library_that_nobody_has")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FORMATS, "odd", Format("msgspec_less", "odd"))
    with pytest.raises(ModelUnusable, match=r"a_library_that_nobody_has.*neo\[odd\]"):
        await load(tmp_path, format="odd")


async def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="gguf, ") as raised:
        await load(tmp_path, format="ggml")
    assert raised.value.facts == {"model": "droit-7b"}


async def test_a_model_that_takes_too_long_to_load_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "slow.json"
    path.write_text('{"load_s": 60}')
    began_s = time.monotonic()
    with pytest.raises(ModelUnusable, match=r"slow\.json was not loaded within 0\.5 s") as raised:
        await load(path, Timeouts(load_s=0.5))
    assert raised.value.facts == {"model": "droit-7b"}
    assert time.monotonic() - began_s < TIMEOUT_S
    assert not await asyncio.to_thread(children)


async def test_giving_up_a_load_leaves_no_process(tmp_path: Path) -> None:
    path = tmp_path / "slow.json"
    path.write_text('{"load_s": 60}')
    loading = asyncio.create_task(load(path))
    await asyncio.to_thread(await_child)
    loading.cancel()
    await asyncio.wait([loading])
    assert loading.cancelled()
    assert not await asyncio.to_thread(children)


async def test_a_load_killed_by_the_system_is_reported_as_lack_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_text('{"load_s": 60}')
    loading = asyncio.create_task(load(path))
    os.kill(await asyncio.to_thread(await_child), signal.SIGKILL)
    with pytest.raises(NoMemory, match="droit-7b"):
        await loading
