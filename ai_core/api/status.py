"""Readiness and health: the law, the models, Redis, the keys."""

from ai_core.access.keys import KeyRing
from ai_core.calculators.sources import CheckedRules
from ai_core.errors import CorpusMissing
from ai_core.knowledge.entries_in_use import CheckedEntries, EntriesInUse
from ai_core.law.records import CorpusStatus
from ai_core.law.source import LawSource
from ai_core.metrics import CorpusMetrics
from ai_core.models.contract import Models, Queues
from ai_core.records.database import Records
from shared.ai.contract import CorpusHealth, EntriesHealth, HealthReply, QueueHealth
from shared.clock import Clock
from shared.errors import Unavailable
from shared.stores.redis_connection import RedisConnection

RETRY_AFTER_S = 2.0


class Health:
    """Reports the state of the parts this service depends on."""

    def __init__(
        self,
        library: LawSource,
        rules: CheckedRules,
        entries: CheckedEntries,
        pool: Models,
        scheduler: Queues,
        connection: RedisConnection,
        records: Records,
        ring: KeyRing,
        metrics: CorpusMetrics,
        clock: Clock,
    ) -> None:
        self._library = library
        self._rules = rules
        self._entries = entries
        self._pool = pool
        self._scheduler = scheduler
        self._connection = connection
        self._records = records
        self._ring = ring
        self._metrics = metrics
        self._clock = clock

    async def require_ready(self) -> None:
        """Raise CorpusMissing, EngineStarting or Unavailable unless questions can be answered now.

        A lost Redis is no error: the keys in memory and the local limits are enough.
        """
        await self._library.status()
        if not self._ring.readable:
            raise Unavailable("the keys were never read", retry_after_s=RETRY_AFTER_S)
        await self._pool.require_ready()

    async def summary(self) -> HealthReply:
        """Return the public health report, and refresh the metrics of the corpus."""
        try:
            corpus = self._corpus(await self._library.status())
            await self._rules.current()
            entries = await self._entries.current()
        except CorpusMissing:
            corpus, entries = None, EntriesInUse()
        withheld = len(self._rules.problems)
        self._metrics.withheld.set(withheld)
        self._metrics.entries.set(len(entries.entries))
        self._metrics.entries_withheld.set(len(entries.withheld) + len(entries.broken))
        redis_up = self._connection.found.is_set()
        failed = {one.card.id: one.code for one in self._pool.statuses() if one.code is not None}
        stores_up = redis_up and self._records.state != "down"
        whole = stores_up and corpus is not None and not corpus.update_failing and not failed
        return HealthReply(
            status="ok" if whole else "degraded",
            corpus=corpus,
            rules_withheld=withheld,
            entries=EntriesHealth(
                in_use=len(entries.entries),
                withheld=list(entries.withheld),
                broken_files=len(entries.broken),
                matched=entries.index is not None,
            ),
            redis="up" if redis_up else "down",
            postgres=self._records.state,
            models=[card.id for card in self._pool.cards()],
            failed_models=failed,
            queue=[
                QueueHealth(
                    model=model,
                    waiting=queue.waiting,
                    running=queue.running,
                    wait_s=None if queue.wait_s is None else round(queue.wait_s, 1),
                )
                for model, queue in self._scheduler.statuses()
            ],
        )

    def _corpus(self, status: CorpusStatus) -> CorpusHealth:
        age_days = (self._clock.today() - status.law_date).days
        self._metrics.observe(status, age_days)
        return CorpusHealth(
            law_date=status.law_date,
            age_days=age_days,
            articles=status.articles,
            fiches=status.fiches,
            agreements=status.agreements,
            semantic=status.semantic,
            update_failing=status.last_failure is not None,
        )
