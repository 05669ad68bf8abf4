"""The console's figures over events that a test wrote down, counted by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ai_core.errors import UnknownEntry
from ai_core.records.database import Records
from ai_core.records.entry_store import EntryStore
from ai_core.records.events import QUESTION
from ai_core.records.feedback import Feedback, Verdict
from ai_core.records.questions import Fault, QuestionFilter, Remark, one, to_improve
from ai_core.records.statistics import Share, Statistics
from shared.clock import StoppedClock
from tests.ai_core.records.conftest import NOON

ANSWERS = (  # hours ago, channel, language, topic, confidence, outcome, reason, cached, ms, up, …
    (1, "page", "fr", "leave", "high", "answered", None, False, 100, 2, 0),
    (1, "page", "th", None, "low", "answered", None, False, 300, 0, 1),
    (2, "telegram", "fr", "leave", "high", "answered", None, True, 1, 1, 0),
    (2, "telegram", "fr", None, "none", "refused", "out_of_scope", False, 20, 0, 2),
    (30, "mail", "en", None, None, "failed", "queue_full", False, 900, 0, 0),
    (8 * 24, "api", "fr", "pay", "medium", "calculation", None, False, 50, 1, 1),
)


async def told(records: Records, clock: StoppedClock) -> None:
    """Write the answers down, and the verdicts on them."""
    feedback = Feedback(records, clock)
    for number, row in enumerate(ANSWERS):
        hours, channel, language, topic, confidence, outcome, reason, cached, ms, up, down = row
        async with records.transaction() as db:
            await db.execute(
                "INSERT INTO events VALUES ($1, $2, $3, $4, $5, null, $6, $7, $8, 'm', $9, $10)",
                *(NOON - timedelta(hours=hours), f"answer-{number:09}", channel, language, topic),
                *(confidence, outcome, reason, cached, ms),
            )
            await db.execute(
                "INSERT INTO questions VALUES ($1, $2, $3)",
                *(f"answer-{number:09}", NOON),
                records.encryption.seal_text(f"question {number}", QUESTION),
            )
        for judge in range(up + down):
            verdict = "up" if judge < up else "down"
            comment = "c'est flou" if verdict == "down" else None
            await feedback.give(
                Verdict(f"answer-{number:09}", f"caller {judge}", channel, verdict,  # type: ignore[arg-type]
                        reason="unclear" if verdict == "down" else None, comment=comment)
            )  # fmt: skip
    await feedback.give(Verdict("no-such-answer-000", "somebody", "page", "up"))


async def test_answers_are_counted_by_hour_value_and_week(
    records: Records, clock: StoppedClock
) -> None:
    await told(records, clock)
    statistics, day = Statistics(records), NOON - timedelta(hours=24)
    hours = [(one.hour, one.answers, one.refused) for one in await statistics.by_hour(day, NOON)]
    this, last = await statistics.week_against_last(NOON)

    assert hours == [
        (datetime(2026, 11, 20, 10, tzinfo=UTC), 2, 1),
        (datetime(2026, 11, 20, 11, tzinfo=UTC), 2, 0),
    ]
    expected = {
        "language": [Share("fr", 3, 3, 2), Share("th", 1, 0, 1)],
        "channel": [Share("page", 2, 2, 1), Share("telegram", 2, 1, 2)],
        "topic": [Share("", 2, 0, 3), Share("leave", 2, 3, 0)],
        "confidence": [Share("high", 2, 3, 0), Share("low", 1, 0, 1), Share("none", 1, 0, 2)],
        "outcome": [Share("answered", 3, 3, 1), Share("refused", 1, 0, 2)],
        "reason": [Share("", 3, 3, 1), Share("out_of_scope", 1, 0, 2)],
        "model": [Share("m", 4, 3, 3)],
        "entry": [Share("", 4, 3, 3)],
    }
    for dimension, shares in expected.items():
        assert await statistics.by(dimension, day, NOON) == shares, dimension  # type: ignore[arg-type]
    assert (this.answers, this.refused, this.failed, this.unsure, this.cached) == (5, 1, 1, 2, 1)
    assert this.p50_ms == 200.0
    assert this.p95_ms == pytest.approx(810.0)
    assert (this.up, this.down, this.satisfaction) == (3, 3, 0.5)
    assert (last.answers, last.up, last.down, last.p50_ms) == (1, 1, 1, 50.0)
    none = await statistics.totals(NOON + timedelta(days=1), NOON + timedelta(days=2))
    assert (none.answers, none.p95_ms, none.satisfaction) == (0, None, None)


async def test_poor_answers_are_listed_with_what_was_said_of_them(
    records: Records, clock: StoppedClock
) -> None:
    await told(records, clock)
    since, faults = NOON - timedelta(days=30), frozenset[Fault]({"refused", "unsure", "disliked"})
    everything = QuestionFilter(since=since, faults=faults)
    listed = await to_improve(records, everything, 50)
    numbers = [int(found.answer_id[-1]) for found in listed]
    assert numbers == [1, 3, 5]
    assert [found.text for found in listed] == [f"question {number}" for number in numbers]
    _, remarks = await one(records, listed[1].answer_id)
    assert remarks == [Remark("unclear", "c'est flou")] * 2
    refused = replace(everything, faults=frozenset[Fault]({"refused"}))
    assert [found.reason for found in await to_improve(records, refused, 50)] == ["out_of_scope"]
    rest = await to_improve(records, replace(everything, before=listed[0].at), 1)
    assert [found.answer_id for found in rest] == [listed[1].answer_id]


async def test_an_entry_has_versions_of_which_one_is_published(
    records: Records, clock: StoppedClock
) -> None:
    store = EntryStore(records, clock)
    assert (await store.entries(), await store.stamp()) == ([], "")
    async with records.transaction() as db:
        numbers = [await store.save(db, "a-topic", {"n": n}, "Camille") for n in (1, 2)]
        await store.save(db, "other", {"n": 9}, "Camille")
        await store.publish(db, "a-topic", 1)
    first = await store.stamp()
    read = [(await store.read("a-topic", version)).body for version in (None, 1)]
    listed = [(one.topic_id, one.published, one.newest) for one in await store.entries()]
    history = [(one.version, one.saved_by) for one in await store.versions("a-topic")]

    assert (numbers, read) == ([1, 2], [{"n": 2}, {"n": 1}])
    assert listed == [("a-topic", 1, 2), ("other", None, 1)]
    assert history == [(2, "Camille"), (1, "Camille")]
    assert await store.published() == (first, {"a-topic": {"n": 1}})
    async with records.transaction() as db:
        await store.publish(db, "a-topic", 2)
    assert await store.stamp() not in {"", first}
    async with records.transaction() as db:
        await store.withdraw(db, "a-topic")
    assert await store.published() == ("", {})
    for wrong in (store.read("none"), store.read("a-topic", 7)):
        with pytest.raises(UnknownEntry):
            await wrong
    with pytest.raises(UnknownEntry):
        async with records.transaction() as db:
            await store.publish(db, "a-topic", 7)


async def test_a_version_that_replaces_one_lost_in_a_restore_is_told_from_it(
    records: Records, clock: StoppedClock
) -> None:
    store = EntryStore(records, clock)
    stamps = []
    for body in ({"n": "lost"}, {"n": "written again"}):
        async with records.transaction() as db:
            await db.execute("TRUNCATE entries, entry_versions")
            assert await store.save(db, "a-topic", body, "Camille") == 1
            await store.publish(db, "a-topic", 1)
        stamps.append(await store.stamp())
        clock.set(clock.now() + timedelta(minutes=1))
    assert stamps[0] != stamps[1]
