"""Who would be answered too late is refused with the true time; who waits is served in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ai_core.api.processing_line import ALWAYS, ProcessingLine
from ai_core.errors import QueueFull


@asynccontextmanager
async def busy_line(
    *, held_s: float, held: int = ALWAYS, waiting: int = 0, longest_s: float = 5.0
) -> AsyncIterator[tuple[ProcessingLine, list[asyncio.Task[None]]]]:
    """Give a line of ALWAYS slots where requests took so long, and who waits in it."""
    line = ProcessingLine(ALWAYS, longest_s=longest_s)
    for _ in range(200):
        await line.acquire()
        line.release(held_s)
    for _ in range(held):
        await line.acquire()
    tasks = [asyncio.create_task(line.acquire()) for _ in range(waiting)]
    await asyncio.sleep(0)
    yield line, tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_who_would_be_answered_later_than_that_is_refused_at_once_with_the_true_time() -> (
    None
):
    async with busy_line(held_s=4.0, waiting=2) as (line, _):
        with pytest.raises(QueueFull) as refusal:
            await line.acquire()

    assert refusal.value.retry_after_s == pytest.approx(5.5, rel=0.01)


async def test_slots_that_are_free_are_given_to_nobody_while_all_take_too_long() -> None:
    async with busy_line(held_s=6.0, held=ALWAYS) as (line, _):
        with pytest.raises(QueueFull):
            await line.acquire()


async def test_a_few_slow_requests_are_no_crowd() -> None:
    async with busy_line(held_s=60.0, held=ALWAYS - 1) as (line, _):
        await line.acquire()


async def test_who_has_waited_that_long_is_refused_though_nothing_foretold_it() -> None:
    async with busy_line(held_s=0.0, longest_s=0.01) as (line, _):
        with pytest.raises(QueueFull):
            await line.acquire()


async def test_a_long_line_of_quick_requests_refuses_nobody_and_keeps_its_order() -> None:
    async with busy_line(held_s=0.01, waiting=300) as (line, waiting):
        line.release(0.01)
        await asyncio.wait_for(waiting[0], 5)

        assert not any(task.done() for task in waiting[1:])


async def test_who_gives_up_leaves_the_line() -> None:
    async with busy_line(held_s=2.0, waiting=5) as (line, waiting):
        longer_s = line.expected_s()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

        assert line.expected_s() < longer_s


async def test_who_would_wait_long_for_a_quick_slot_is_refused_unread() -> None:
    async with busy_line(held_s=0.2, waiting=90) as (line, _):
        with pytest.raises(QueueFull):
            await line.acquire()
