from datetime import UTC, date, datetime

from ai_core.answering.cache import shared_body
from ai_core.answering.events import Done, Events, Queued, Text, collect
from shared.ai.contract import GenerateReply

REPLY = GenerateReply(
    response="un\ndeux",
    model="extractive",
    tokens_used=2,
    processing_time=1.0,
    timestamp=datetime(2026, 11, 20, tzinfo=UTC),
    citations=[],
    corpus_date=date(2026, 11, 1),
    notice="…",
)
DONE = Done(REPLY, shared_body(REPLY))


async def test_a_stream_is_collected_to_its_answer_and_closed() -> None:
    closed = []

    async def events() -> Events:
        try:
            yield Queued(2, None)
            yield Text("un\n")
            yield DONE
        finally:
            closed.append(True)

    assert await collect(events()) is DONE
    assert closed == [True]


def test_the_lines_of_an_answer_join_to_its_text() -> None:
    assert DONE.lines() == ["un\n", "deux"]


def test_another_request_gets_the_same_answer_with_its_own_times() -> None:
    later = datetime(2026, 11, 21, tzinfo=UTC)
    other = DONE.as_of(later, 0.25)

    assert (other.reply.timestamp, other.reply.processing_time) == (later, 0.25)
    assert (other.reply.response, other.body) == (REPLY.response, DONE.body)
    assert DONE.reply.processing_time == 1.0
