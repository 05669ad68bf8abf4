"""What the console shows of answers: counts, latencies, satisfaction.

Verdicts count where the event of their answer is known. Read from the replica where there is one:
`Records.read_as_of` says how old the figures are. Every method raises RecordsOff and PostgresLost.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ai_core.records.database import Records
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
WEEK = timedelta(days=7)

Dimension = Literal[
    "language", "channel", "topic", "confidence", "outcome", "model", "entry", "reason"
]


@dataclass(frozen=True, slots=True)
class Hour:
    """The answers of one hour, which begins at `hour`."""

    hour: datetime
    answers: int
    refused: int
    failed: int


@dataclass(frozen=True, slots=True)
class Share:
    """The answers with one value of a dimension ("": none), and the verdicts on them."""

    value: str
    answers: int
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The answers of a time span; latencies are of those that were not cached, None without any.

    `unsure` counts low and no confidence, `up` and `down` verdicts.
    """

    answers: int
    refused: int
    failed: int
    unsure: int
    cached: int
    p50_ms: float | None
    p95_ms: float | None
    up: int
    down: int

    @property
    def satisfaction(self) -> float | None:
        """Return the share of verdicts that are up, from 0 to 1; None without any."""
        return self.up / (self.up + self.down) if self.up + self.down else None


class Statistics:
    """Answers the console's questions about a span of time: `since` is in it, `until` is not."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def by_hour(self, since: datetime, until: datetime) -> list[Hour]:
        """Return the hours with answers, oldest first."""
        async with self._records.reading() as db:
            found = await SQL.fetch(db, "by_hour", since=since, until=until)
        return [Hour(row["hour"], row["answers"], row["refused"], row["failed"]) for row in found]

    async def by(self, dimension: Dimension, since: datetime, until: datetime) -> list[Share]:
        """Return the answers by the value of a dimension, the most frequent first."""
        async with self._records.reading() as db:
            found = await SQL.fetch(db, "by_value", by=dimension, since=since, until=until)
        return [Share(row["value"], row["answers"], row["up"], row["down"]) for row in found]

    async def totals(self, since: datetime, until: datetime) -> Totals:
        """Return the sums of a time span."""
        async with self._records.reading() as db:
            counted = await SQL.fetch_row(db, "totals", since=since, until=until)
            judged = await SQL.fetch_row(db, "verdicts", since=since, until=until)
        return Totals(**dict(counted or {}), **dict(judged or {}))

    async def week_against_last(self, now: datetime) -> tuple[Totals, Totals]:
        """Return the sums of the seven days until now, and of the seven before them."""
        begun = now - WEEK
        return await self.totals(begun, now), await self.totals(begun - WEEK, begun)
