"""Experiments: the satisfaction with answers of both sides of a flag, compared.

`python -m ai_core experiments` prints it. The two shares of verdicts that are up are compared by
the two-proportion test (Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 2003,
3.2); the interval of their difference is Newcombe's hybrid score interval (Statistics in Medicine
17, 1998, method 10), which holds for few verdicts too. Both speak at 95 %, of one look at a number
of verdicts that was chosen before: whoever looks daily and stops at the first difference finds one
that is not there in far more than 5 % of the cases (Armitage, McPherson & Rowe, JRSS A 132, 1969).
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, sqrt
from statistics import NormalDist

from ai_core.errors import RecordsOff
from ai_core.records.database import Records, open_records
from ai_core.settings import PostgresSettings
from shared.clock import SystemClock
from shared.stores.postgres import PostgresLost
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
LEVEL = 0.95
POWER = 0.8
WORTH_SEEING = 0.10
"""The difference of satisfaction, of 1, that an experiment is sized to find."""
FEWEST = 100
"""Verdicts of each side below which nothing is concluded, however large a difference looks."""
WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Side:
    """The answers of one side, and the verdicts on them."""

    answers: int = 0
    up: int = 0
    down: int = 0

    @property
    def judged(self) -> int:
        """Return the number of verdicts."""
        return self.up + self.down

    @property
    def satisfaction(self) -> float:
        """Return the share of verdicts that are up; 0 without any."""
        return self.up / self.judged if self.judged else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides of a flag. `difference` is on minus off; `low` and `high` are its 95 % interval.

    `needed` is the number of verdicts of each side by which a difference of WORTH_SEEING would be
    found in four experiments of five. `p` is that of the test; None without verdicts.
    """

    flag: str
    on: Side
    off: Side
    difference: float
    low: float
    high: float
    p: float | None
    needed: int

    @property
    def ready(self) -> bool:
        """Whether each side has the verdicts it needs."""
        return min(self.on.judged, self.off.judged) >= self.needed

    @property
    def conclusion(self) -> str:
        """Say in one sentence what may be concluded."""
        if not self.ready:
            least = min(self.on.judged, self.off.judged)
            return f"too early: {least} of {self.needed} verdicts on the side that has fewer"
        if self.low > 0:
            return "on is better"
        if self.high < 0:
            return "on is worse"
        return "no difference shown"


def compare(flag: str, on: Side, off: Side) -> Comparison:
    """Compare two sides."""
    low, high = interval(on, off)
    return Comparison(
        *(flag, on, off, on.satisfaction - off.satisfaction, low, high),
        *(p_value(on, off), needed(on, off)),
    )


def p_value(on: Side, off: Side) -> float | None:
    """Return the two-sided p of the two-proportion test with pooled variance.

    None when a side has no verdicts, or all of both are alike.
    """
    if not on.judged or not off.judged:
        return None
    pooled = (on.up + off.up) / (on.judged + off.judged)
    spread = sqrt(pooled * (1 - pooled) * (1 / on.judged + 1 / off.judged))
    if not spread:
        return None
    z = (on.satisfaction - off.satisfaction) / spread
    return 2 * (1 - NormalDist().cdf(abs(z)))


def interval(on: Side, off: Side) -> tuple[float, float]:
    """Return the interval of the difference; from -1 to 1 while a side has no verdicts."""
    if not on.judged or not off.judged:
        return -1.0, 1.0
    p1, p2 = on.satisfaction, off.satisfaction
    (low1, high1), (low2, high2) = score_interval(on), score_interval(off)
    difference = p1 - p2
    return (
        difference - sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2),
        difference + sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2),
    )


def score_interval(side: Side) -> tuple[float, float]:
    """Return Wilson's interval of a side's satisfaction (JASA 22, 1927)."""
    z, n, p = NormalDist().inv_cdf(0.5 + LEVEL / 2), side.judged, side.satisfaction
    middle, spread = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return (middle - spread) / scale, (middle + spread) / scale


def needed(on: Side, off: Side) -> int:
    """Return how many verdicts each side needs (Fleiss, 4.2, without continuity correction).

    From the satisfaction of both sides together; 50 %, the hardest, while there are none.
    """
    judged = on.judged + off.judged
    p = (on.up + off.up) / judged if judged else 0.5
    p1 = min(max(p - WORTH_SEEING / 2, 0.0), 1 - WORTH_SEEING)
    p2 = p1 + WORTH_SEEING
    normal, mean = NormalDist(), (p1 + p2) / 2
    by_chance = normal.inv_cdf(0.5 + LEVEL / 2) * sqrt(2 * mean * (1 - mean))
    by_power = normal.inv_cdf(POWER) * sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return max(FEWEST, ceil(((by_chance + by_power) / WORTH_SEEING) ** 2))


async def comparisons(records: Records, since: datetime, until: datetime) -> list[Comparison]:
    """Compare the sides of every experiment with answers in a span of time.

    Raises RecordsOff, PostgresLost.
    """
    async with records.reading() as db:
        rows = await SQL.fetch(db, "sides", since=since, until=until)
    sides = {row["side"]: Side(row["answers"], row["up"], row["down"]) for row in rows}
    flags = sorted({name.partition("=")[0] for name in sides})
    return [
        compare(flag, sides.get(f"{flag}=on", Side()), sides.get(f"{flag}=off", Side()))
        for flag in flags
    ]


def run(settings: PostgresSettings, days: int) -> None:
    """Print the experiments of the last days. Raises RecordsOff, PostgresLost."""
    for line in lines(asyncio.run(_read(settings, days))):
        sys.stdout.write(f"{line}\n")


async def _read(settings: PostgresSettings, days: int) -> list[Comparison]:
    clock = SystemClock()
    async with open_records(settings, clock) as records:
        if records.state == "off":
            raise RecordsOff("AI_CORE_POSTGRES__URL is not set: verdicts are kept there")
        try:
            await asyncio.wait_for(records.wait_until_up(), WAIT_S)
        except TimeoutError:
            raise PostgresLost("Postgres does not answer") from None
        return await comparisons(records, clock.now() - timedelta(days=days), clock.now())


def lines(found: list[Comparison]) -> list[str]:
    """Say what was found, for a person."""
    if not found:
        return ["no answer was part of an experiment"]
    said = []
    for one in found:
        sides: Mapping[str, Side] = {"on": one.on, "off": one.off}
        said += [f"{one.flag}: {one.conclusion}"]
        said += [
            f"  {name:<4}{side.answers:>8} answers {side.up:>6} up {side.down:>6} down "
            f"{side.satisfaction:>7.1%}"
            for name, side in sides.items()
        ]
        p = "-" if one.p is None else f"{one.p:.4f}"
        said += [
            f"  difference {one.difference:+.1%}, 95 % interval {one.low:+.1%} to {one.high:+.1%}, "
            f"p {p}"
        ]
    return [*said, WARNING]


WARNING = (
    "Look once, when both sides have their verdicts: stopping at the first difference that shows "
    "finds differences that are not there."
)
