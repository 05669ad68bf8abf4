"""A model that has more to write than it can: what those who ask are told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_core.answering import generation
from ai_core.engines.scripted import ScriptedEngine
from shared.clock import SystemClock

SLOW = "mot " * 400


def asked(number: int, **more: object) -> dict[str, object]:
    text = f"Quelle est la durée du préavis en cas de démission ? ({number})"
    return {"messages": [{"role": "user", "content": text}], **more}


async def ask(app: Any, number: int, patience_ms: int | None = None, **more: object) -> Any:
    headers = app.key_header()
    if patience_ms is not None:
        headers["X-Deadline-Ms"] = str(patience_ms)
    return await app.client.post("/api/v1/chat", json=asked(number, **more), headers=headers)


async def until_queued(app: Any, waiting: int, running: int) -> None:
    """Return once so many answers wait and are written."""
    counts = (0, 0)
    while counts != (waiting, running):
        await asyncio.sleep(0.01)
        queues = (await app.client.get("/api/v1/health")).json()["queue"]
        counts = (
            sum(queue["waiting"] for queue in queues),
            sum(queue["running"] for queue in queues),
        )


@asynccontextmanager
async def busy(app: Any, engine: ScriptedEngine, answers: int) -> AsyncIterator[None]:
    """Have the model busy with so many answers."""
    asking = [asyncio.create_task(ask(app, 1_000 + number)) for number in range(answers)]
    try:
        async with asyncio.timeout(30):
            running = min(answers, engine.slots)
            await until_queued(app, answers - running, running)
        yield
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_a_model_writes_no_more_at_once_than_it_has_slots(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=2)
    async with running_app(engine) as app, busy(app, engine, 5):
        assert len(engine.prompts) == 2


async def test_a_full_queue_refuses_and_says_when_to_come_back(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=1)
    async with running_app(engine, most_waiting=2) as app, busy(app, engine, 3):
        refused = await ask(app, 1)

    assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_full_queue_still_gives_cached_answers_and_refusals(running_app: Any) -> None:
    engine = ScriptedEngine("Deux mois.", slots=1)
    slow = ScriptedEngine(SLOW, name="slow", pause_s=0.1, slots=1)
    async with running_app(engine, slow, most_waiting=500) as app:
        await ask(app, 1)
        asking = [asyncio.create_task(ask(app, 9 + n, model="slow")) for n in range(100)]
        async with asyncio.timeout(30):
            await until_queued(app, 99, 1)
        async with asyncio.timeout(20):  # what waits would take 40 s each
            cached = await ask(app, 1)
            while not cached.json()["cached"]:  # a busy machine's Redis is passed over
                cached = await ask(app, 1)
            unknown = await ask(app, 1, model="gpt-9")
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    assert cached.json()["cached"]
    assert unknown.status_code == 404


async def test_the_fallback_quotes_the_law_and_says_so(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=1)
    async with running_app(engine, most_waiting=1) as app, busy(app, engine, 2):
        whole = await ask(app, 1, fallback="extractive")
        streamed = await ask(app, 2, fallback="extractive", stream=True)

    assert whole.json()["model"] == "extractive"
    assert whole.json()["citations"]
    usage = json.loads(streamed.text.split("event: usage\ndata: ")[1].splitlines()[0])
    assert usage["model"] == "extractive"


@pytest.mark.slow
async def test_the_fallback_is_not_kept_as_the_answer_of_the_model(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=1)
    async with running_app(engine, most_waiting=1) as app:
        async with busy(app, engine, 2):
            await ask(app, 1, fallback="extractive")
        again = await ask(app, 1, max_tokens=800)

    assert again.json()["model"] == engine.name


async def test_hanging_up_while_waiting_frees_the_place(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=1)
    async with running_app(engine, most_waiting=1) as app:
        async with busy(app, engine, 2):
            pass
        health = (await app.client.get("/api/v1/health")).json()

    assert health["queue"] == [{"model": engine.name, "waiting": 0, "running": 0, "wait_s": 0.0}]


async def test_health_and_measures_tell_who_waits(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=1)
    async with running_app(engine) as app, busy(app, engine, 3):
        health = (await app.client.get("/api/v1/health")).json()
        measures = await app.client.get("/metrics", headers=app.key_header("admin"))

    queue = health["queue"][0]
    assert (queue["model"], queue["waiting"], queue["running"]) == ("scripted", 2, 1)
    assert 'num_requests_waiting{model="scripted"} 2.0' in measures.text
    assert 'num_requests_running{model="scripted"} 1.0' in measures.text


async def test_a_stream_tells_its_place_while_it_waits(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_core.answering.generation.QUEUED_EVERY_S", 0.05)
    engine = ScriptedEngine("mot " * 40, pause_s=0.01, slots=1)
    async with running_app(engine) as app:
        first = asyncio.create_task(ask(app, 1))
        await engine.started.wait()
        second = await ask(app, 2, stream=True)
        await first

    assert second.text.startswith('event: queue\ndata: {"position":0,"wait_s":')
    assert second.text.endswith("data: [DONE]\n\n")


async def test_a_deadline_passed_in_the_queue_is_a_503(running_app: Any) -> None:
    engine = ScriptedEngine(SLOW, pause_s=0.01, slots=1)
    async with running_app(engine) as app, busy(app, engine, 1):
        late = await ask(app, 1, patience_ms=50)

    assert (late.status_code, late.json()["code"]) == (503, "deadline_missed")
    assert int(late.headers["retry-after"]) >= 1


async def test_a_request_with_a_deadline_does_not_fail_the_others(running_app: Any) -> None:
    engine = ScriptedEngine("mot " * 30, pause_s=0.01, slots=1)
    async with running_app(engine) as app:
        first = asyncio.create_task(ask(app, 1))
        await engine.started.wait()
        hurried, patient = await asyncio.gather(ask(app, 2, patience_ms=20), ask(app, 2))
        await first

    assert (hurried.status_code, patient.status_code) == (503, 200)


async def test_who_waits_long_reads_the_law_first_and_the_summary_follows(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "QUOTED_AFTER_S", 0.2)
    engine = ScriptedEngine("mot " * 100, pause_s=0.01, slots=1)
    async with running_app(engine, clock=SystemClock()) as app:
        at_once = (await ask(app, 1)).json()
        async with busy(app, engine, 1):
            waited = (await ask(app, 2)).json()
        quoted = (await ask(app, 2, model="extractive")).json()

    assert "model" not in [section["kind"] for section in at_once["sections"]]
    assert waited["sections"][-1]["kind"] == "model"
    assert waited["sections"][-1]["text"].startswith("mot mot")
    assert waited["summary"] == quoted["summary"]
    assert waited["sections"][:-1] == quoted["sections"]


async def test_the_wait_that_a_stream_tells_is_about_the_true_one(
    running_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "QUEUED_EVERY_S", 0.1)
    monkeypatch.setattr(generation, "QUOTED_AFTER_S", 60.0)
    engine = ScriptedEngine("mot " * 100, pause_s=0.01, slots=1)
    async with running_app(engine, clock=SystemClock()) as app:
        await ask(app, 1)
        async with busy(app, engine, 2):
            waited = (await ask(app, 2, stream=True)).text

    told = [json.loads(line.split("data: ")[1]) for line in waited.split("\n\n") if "queue" in line]
    first, last = told[0], told[-1]
    true_s = 0.1 * (len(told) - 1)
    assert (first["position"], last["position"]) == (1, 0)
    assert true_s / 2 < first["wait_s"] < 2 * true_s
    assert last["wait_s"] < first["wait_s"] / 3
