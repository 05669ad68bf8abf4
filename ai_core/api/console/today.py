"""What is asked and how it is answered: the last day by hour, the week against the one before."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple, get_args

from starlette.responses import Response

from ai_core.api.console.charts import stacked_bars
from ai_core.api.console.rendering import SECURITY
from ai_core.api.console.routing import Screens
from ai_core.api.console.visit import Visit
from ai_core.console.roles import Action
from ai_core.records.statistics import (
    WEEK,
    Dimension,
    Hour,
    Share,
    Statistics,
    Totals,
)
from shared.clock import PARIS

screens = Screens()
DAY = timedelta(days=1)
DIMENSIONS: tuple[Dimension, ...] = tuple(
    one for one in get_args(Dimension) if one not in {"model", "entry"}
)
SHOWN = 12
DRAWING = {**SECURITY, "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""The drawing holds its own style, and is loaded as an image: nothing in it can run."""


class Measure(NamedTuple):
    """A figure of this week beside that of the week before; None: nothing to compute it from."""

    name: str
    now: float | None
    before: float | None
    unit: str


@screens.page("/today", Action.TODAY_READ)
async def show_today(visit: Visit) -> Response:
    """Show the figures of the day and of the week; they hold no words of people."""
    now, statistics = visit.desk.clock.now(), Statistics(visit.desk.records)
    week, before = await statistics.week_against_last(now)
    shares = {one: await statistics.by(one, now - WEEK, now) for one in DIMENSIONS}
    return visit.page(
        "today.html",
        measures=[*_measures(week, before)],
        hours=await _hours(statistics, now),
        shares={name: _shown(name, rows) for name, rows in shares.items()},
        total=week.answers,
        as_of=visit.desk.records.read_as_of,
    )


@screens.page("/today/hours", Action.TODAY_READ)
async def draw_hours(visit: Visit) -> Response:
    """Draw the answers of the last day by hour."""
    hours = await _hours(Statistics(visit.desk.records), visit.desk.clock.now())
    say = visit.pages.texts.say
    drawn = await asyncio.to_thread(
        stacked_bars,
        [one.hour.astimezone(PARIS).strftime("%H") for one in hours],
        {
            say("hours_answered", visit.language): [
                one.answers - one.refused - one.failed for one in hours
            ],
            say("hours_refused", visit.language): [one.refused for one in hours],
            say("hours_failed", visit.language): [one.failed for one in hours],
        },
    )
    return Response(drawn, headers=DRAWING, media_type="image/svg+xml")


async def _hours(statistics: Statistics, now: datetime) -> list[Hour]:
    """Return the last 24 hours, the empty ones among them."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    found = {one.hour: one for one in await statistics.by_hour(first, now)}
    hours = [first + timedelta(hours=n) for n in range(24)]
    return [found.get(hour, Hour(hour, 0, 0, 0)) for hour in hours]


def _shown(name: str, rows: list[Share]) -> list[Share]:
    """Return the most frequent values; most answers have no reason of a refusal."""
    return [one for one in rows if one.value or name != "reason"][:SHOWN]


def _measures(week: Totals, before: Totals) -> list[Measure]:
    def share(part: int, totals: Totals) -> float | None:
        return 100 * part / totals.answers if totals.answers else None

    def liked(totals: Totals) -> float | None:
        return None if totals.satisfaction is None else 100 * totals.satisfaction

    return [
        Measure("answers", week.answers, before.answers, ""),
        Measure("satisfaction", liked(week), liked(before), "%"),
        Measure("refused", share(week.refused, week), share(before.refused, before), "%"),
        Measure("unsure", share(week.unsure, week), share(before.unsure, before), "%"),
        Measure("failed", share(week.failed, week), share(before.failed, before), "%"),
        Measure("cached", share(week.cached, week), share(before.cached, before), "%"),
        Measure("p50", week.p50_ms, before.p50_ms, "ms"),
        Measure("p95", week.p95_ms, before.p95_ms, "ms"),
    ]
