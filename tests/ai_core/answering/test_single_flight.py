import asyncio

import pytest

from ai_core.answering.single_flight import SingleFlight

ANSWER = "answer:1"
Flights = SingleFlight[bytes]


@pytest.fixture
def flights() -> Flights:
    return SingleFlight()


class Pen:
    """Writes when told to, and counts."""

    def __init__(self) -> None:
        self.started = 0
        self.may_finish = asyncio.Event()
        self.fails = False
        self.stopped = False
        self.stored: bytes | None = None

    async def write(self) -> bytes:
        self.started += 1
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if self.fails:
            raise ValueError("no ink")
        self.stored = b'{"response":"quinze jours"}'
        return self.stored


async def test_fifty_same_questions_at_once_are_written_once(flights: Flights) -> None:
    pen = Pen()
    asking = [asyncio.create_task(flights.run(ANSWER, pen.write)) for _ in range(50)]
    await asyncio.sleep(0)
    pen.may_finish.set()
    bodies = await asyncio.gather(*asking)

    assert set(bodies) == {b'{"response":"quinze jours"}'}
    assert pen.started == 1
    assert pen.stored == bodies[0]


async def test_a_failure_reaches_all_who_waited_and_nobody_after(flights: Flights) -> None:
    pen = Pen()
    pen.fails = True
    asking = [asyncio.create_task(flights.run(ANSWER, pen.write)) for _ in range(5)]
    await asyncio.sleep(0)
    pen.may_finish.set()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["no ink"] * 5

    pen.fails = False
    assert await flights.run(ANSWER, pen.write) == b'{"response":"quinze jours"}'


async def test_the_first_to_ask_may_leave_and_the_others_still_get_the_answer(
    flights: Flights,
) -> None:
    pen = Pen()
    first = asyncio.create_task(flights.run(ANSWER, pen.write))
    second = asyncio.create_task(flights.run(ANSWER, pen.write))
    await asyncio.sleep(0)
    first.cancel()
    pen.may_finish.set()

    assert await second == b'{"response":"quinze jours"}'
    assert pen.started == 1


async def test_when_all_leave_the_writing_stops(flights: Flights) -> None:
    pen = Pen()
    asking = [asyncio.create_task(flights.run(ANSWER, pen.write)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    await asyncio.sleep(0)

    assert pen.stopped
    pen.may_finish.set()
    assert await flights.run(ANSWER, pen.write) == b'{"response":"quinze jours"}'
