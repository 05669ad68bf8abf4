"""Answers in turn: fair between callers, refused in time, and no turn is ever lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ai_core.answering.answer_line import AT_ONCE, AnswerLine
from ai_core.errors import QueueFull

PATIENCE_S = 10.0


class Answers:
    """Answers of callers, each of which ends when it is told to."""

    def __init__(self, line: AnswerLine) -> None:
        self.line = line
        self.begun: list[str] = []
        self._ends: asyncio.Queue[None] = asyncio.Queue()

    async def write(self, caller: str) -> None:
        async with self.line.turn(caller):
            self.begun.append(caller)
            await self._ends.get()

    async def ask(self, *callers: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.write(caller)) for caller in callers]
        await self.settle()
        return tasks

    async def end_one(self) -> None:
        self._ends.put_nowait(None)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@asynccontextmanager
async def answers(line: AnswerLine) -> AsyncIterator[Answers]:
    made = Answers(line)
    tasks: list[asyncio.Task[None]] = []
    ask = made.ask

    async def asked(*callers: str) -> list[asyncio.Task[None]]:
        begun = await ask(*callers)
        tasks.extend(begun)
        return begun

    made.ask = asked  # type: ignore[method-assign]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_asks_once_waits_for_one_answer_of_who_asks_twenty_times() -> None:
    async with answers(AnswerLine()) as made:
        await made.ask(*["greedy"] * 20)
        await made.ask("modest")
        for _ in range(2):
            await made.end_one()
        assert made.begun == [*["greedy"] * AT_ONCE, "greedy", "modest"]


async def test_the_answers_of_one_caller_come_in_their_order_and_all_come() -> None:
    async with answers(AnswerLine(1)) as made:
        tasks = await made.ask("a", "a", "b", "a", "c", "b")
        for _ in tasks:
            await made.end_one()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)
        assert made.begun == ["a", "a", "b", "c", "a", "b"]


async def test_who_would_wait_too_long_is_refused_at_once_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = AnswerLine(foreseen_s=5.0)
    seconds = iter([0.0, 1.0])
    with monkeypatch.context() as patch:
        patch.setattr("ai_core.answering.answer_line.time.monotonic", lambda: next(seconds))
        async with line.turn("greedy"):
            pass  # it took a second
    async with answers(line) as made:
        await made.ask(*["greedy"] * (AT_ONCE + 8))
        with pytest.raises(QueueFull) as refusal:
            await line.turn("greedy").__aenter__()
        assert refusal.value.retry_after_s == pytest.approx(1 + 9 / AT_ONCE)
        assert line.expected_s("modest") == pytest.approx(1 + 2 / AT_ONCE)
        [modest] = await made.ask("modest")
        assert not modest.done()


async def test_who_waits_longer_than_foretold_is_refused() -> None:
    line = AnswerLine(longest_s=0.01)
    async with answers(line) as made:
        await made.ask(*["a"] * AT_ONCE)
        with pytest.raises(QueueFull):
            await asyncio.wait_for(made.write("b"), PATIENCE_S)


async def test_a_turn_goes_on_to_the_next_when_who_waits_or_writes_gives_up() -> None:
    async with answers(AnswerLine(1)) as made:
        first, second, third = await made.ask("a", "b", "c")
        second.cancel()
        await made.settle()
        first.cancel()
        await made.settle()
        assert made.begun == ["a", "c"]
        third.cancel()
        await made.settle()
        [fourth] = await made.ask("d")
        assert made.begun == ["a", "c", "d"]
        assert not fourth.done()


async def test_a_turn_given_to_who_gives_up_at_that_moment_is_not_lost() -> None:
    async with answers(AnswerLine(1)) as made:
        first, second = await made.ask("a", "b")
        first.cancel()
        await asyncio.sleep(0)  # the turn is given to the second, which has not run yet
        second.cancel()
        await made.settle()
        await made.ask("c")
        assert made.begun[-1] == "c"
