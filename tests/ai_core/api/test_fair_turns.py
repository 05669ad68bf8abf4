"""Answers without a model are written few at once, and callers take turns."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_core.access.keys import Scope
from ai_core.answering.answer_line import AT_ONCE, AnswerLine
from tests.ai_core.conftest import RunningApp, SampleLibrary
from tests.mail_service.polling import becomes

PATIENCE_S = 30.0


class SlowLibrary(SampleLibrary):
    """A library whose searches end one by one, when they are let go."""

    gate: asyncio.Semaphore

    async def search(self, question: str, **more: Any) -> Any:
        found = await super().search(question, **more)
        await self.gate.acquire()
        return found


@pytest.fixture
def library(sample: Any) -> SlowLibrary:
    made = SlowLibrary(sample)
    made.gate = asyncio.Semaphore(0)
    return made


async def until(met: Callable[[], bool]) -> None:
    assert await becomes(met, PATIENCE_S)


@pytest.fixture
def patient(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> AnswerLine:
    """The line, which refuses nobody: on a busy machine its first answer takes long."""
    line: AnswerLine = app.state["answer_line"]
    for limit in ("_foreseen_s", "_longest_s"):
        monkeypatch.setattr(line, limit, 2 * PATIENCE_S)
    return line


@asynccontextmanager
async def twenty_questions(
    app: RunningApp, library: SlowLibrary, line: AnswerLine
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Ask twenty questions under one key, of which AT_ONCE are being searched."""
    key = app.key_header()

    async def ask(number: int) -> Any:
        body = {"prompt": f"Quelle est la durée du préavis de démission, cas {number} ?"}
        return await app.client.post("/api/v1/generate", json=body, headers=key)

    tasks = [asyncio.create_task(ask(number)) for number in range(20)]
    await until(lambda: line.waiting == 20 - AT_ONCE)
    await until(lambda: len(library.asked) == AT_ONCE)
    yield tasks
    for _ in range(1_000):
        library.gate.release()
    for task in tasks:
        assert (await asyncio.wait_for(task, PATIENCE_S)).status_code == 200


async def searched_one_by_one(library: SlowLibrary, *, until_asked: str) -> None:
    """Let searches go, each once the one before it was followed by another."""
    while not any(until_asked in asked for asked in library.asked):
        count = len(library.asked)

        def more(count: int = count) -> bool:
            return len(library.asked) > count

        library.gate.release()
        await until(more)


async def test_one_question_does_not_wait_for_twenty_of_another_caller(
    app: RunningApp, library: SlowLibrary, patient: AnswerLine
) -> None:
    other = {"X-API-Key": await app.new_key(Scope.INFERENCE)}
    async with twenty_questions(app, library, patient):
        body = {"prompt": "Combien de jours pour un mariage ?"}
        modest = asyncio.create_task(app.client.post("/api/v1/generate", json=body, headers=other))
        await until(lambda: patient.waiting == 21 - AT_ONCE)
        before = len(library.asked)
        await searched_one_by_one(library, until_asked="mariage")
        assert not modest.done()
        assert len(library.asked) - before <= 2  # of the twenty at most one came before it


async def test_what_is_cached_is_told_while_answers_wait(
    app: RunningApp, library: SlowLibrary, patient: AnswerLine
) -> None:
    body = {"prompt": "Combien de jours pour un mariage ?"}
    library.gate.release()
    library.gate.release()
    first = await app.client.post("/api/v1/generate", json=body, headers=app.key_header())
    assert first.status_code == 200
    library.gate = asyncio.Semaphore(0)
    library.asked.clear()
    async with twenty_questions(app, library, patient):
        again = await asyncio.wait_for(
            app.client.post("/api/v1/generate", json=body, headers=app.key_header()), PATIENCE_S
        )
        assert again.json()["cached"] is True
