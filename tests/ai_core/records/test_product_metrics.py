"""Satisfaction and accuracy as Prometheus sees them, over verdicts that a test wrote down."""

import asyncio

from prometheus_client import CollectorRegistry, generate_latest

from ai_core.records.database import Records
from ai_core.records.product_metrics import ProductMetrics
from ai_core.records.questions import judge
from deploy.local.postgres_server import PostgresServer
from shared.clock import StoppedClock
from tests.ai_core.records.conftest import OpenRecords
from tests.ai_core.records.test_statistics import told
from tests.deploy.monitoring_stack import until


def shown(registry: CollectorRegistry) -> set[str]:
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if not line.startswith("#")}


async def test_verdicts_and_reviews_are_counted_without_what_people_wrote(
    records: Records, clock: StoppedClock
) -> None:
    await told(records, clock)
    async with records.transaction() as db:
        await judge(db, "answer-000000000", "right", clock.now())
        await judge(db, "answer-000000001", "wrong", clock.now())
    registry = CollectorRegistry()
    metrics = ProductMetrics(records, clock, registry)
    assert shown(registry) == set()

    await metrics.read()

    assert shown(registry) == {
        'verdicts_7d{channel="page",language="fr",verdict="up"} 2.0',
        'verdicts_7d{channel="page",language="th",verdict="down"} 1.0',
        'verdicts_7d{channel="telegram",language="fr",verdict="up"} 1.0',
        'verdicts_7d{channel="telegram",language="fr",verdict="down"} 2.0',
        'reviewed_answers_30d{accuracy="right"} 1.0',
        'reviewed_answers_30d{accuracy="wrong"} 1.0',
    }


async def test_while_postgres_is_away_no_old_count_is_shown(
    opened_records: OpenRecords, own_postgres: PostgresServer, clock: StoppedClock
) -> None:
    await asyncio.to_thread(own_postgres.start)
    async with opened_records(own_postgres.url()) as records:
        await told(records, clock)
        registry = CollectorRegistry()
        metrics = ProductMetrics(records, clock, registry)
        await metrics.read()
        assert len(shown(registry)) == 4

        await asyncio.to_thread(own_postgres.stop)
        await until(lambda: records.state == "down")

        assert shown(registry) == set()
        await metrics.read()
        assert shown(registry) == set()
