"""What people and editors made of the answers, as Prometheus metrics, from Postgres.

Counts alone, read again each minute; none while Postgres does not answer. Every process of ai_core
shows the same ones: take the maximum over instances.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ai_core.records.database import Records
from shared.clock import Clock
from shared.errors import AppError
from shared.stores.statements import Statements

log = structlog.get_logger()

SQL = Statements.beside(__file__)
VERDICTS_OVER = timedelta(days=7)
REVIEWS_OVER = timedelta(days=30)
READ_EVERY_S = 60.0


class ProductMetrics(Collector):
    """The counts read last (prometheus_client's collector)."""

    def __init__(self, records: Records, clock: Clock, registry: CollectorRegistry) -> None:
        self._records = records
        self._clock = clock
        self._verdicts: dict[tuple[str, str, str], int] = {}
        self._reviews: dict[str, int] = {}
        registry.register(self)

    def describe(self) -> list[Metric]:
        """Return nothing: the counts are not read yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the counts, unless they may be of long ago."""
        answers = self._records.state == "up"
        labels = ["channel", "language", "verdict"]
        verdicts = GaugeMetricFamily(
            "verdicts_7d", "Verdicts on the answers of the last seven days.", labels=labels
        )
        for key, given in list(self._verdicts.items()) if answers else ():
            verdicts.add_metric(key, given)
        reviews = GaugeMetricFamily(
            "reviewed_answers_30d",
            "Answers that editors judged in the last thirty days.",
            labels=["accuracy"],
        )
        for accuracy, judged in list(self._reviews.items()) if answers else ():
            reviews.add_metric([accuracy], judged)
        yield from (verdicts, reviews)

    async def read(self) -> None:
        """Read the counts."""
        now = self._clock.now()
        try:
            async with self._records.transaction() as db:
                verdicts = await SQL.fetch(db, "verdicts", since=now - VERDICTS_OVER)
                reviews = await SQL.fetch(db, "reviews", since=now - REVIEWS_OVER)
        except (AppError, asyncpg.PostgresError) as error:
            log.info("product metrics not read", reason=type(error).__name__)
            return
        self._verdicts = {
            (row["channel"], row["language"], row["verdict"]): row["given"] for row in verdicts
        }
        self._reviews = {row["accuracy"]: row["judged"] for row in reviews}

    async def run(self) -> None:
        """Read each minute until it is cancelled."""
        while True:
            await self._records.wait_until_up()
            await self.read()
            await asyncio.sleep(READ_EVERY_S)


@asynccontextmanager
async def product_metrics(
    records: Records, clock: Clock, registry: CollectorRegistry
) -> AsyncIterator[ProductMetrics]:
    """Read the counts for as long as the service lives."""
    metrics = ProductMetrics(records, clock, registry)
    running = asyncio.create_task(metrics.run(), name="read the product metrics")
    try:
        yield metrics
    finally:
        running.cancel()
        await asyncio.wait([running])
