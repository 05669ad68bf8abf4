"""One event for each answer, for statistics: written in the background, in batches.

An answer never waits for it and never fails by it: the queue is bounded, and what finds it full, or
cannot be written, is counted and dropped. An event holds what `AnswerEvent` lists and nothing else:
no words, no address, no key, no pseudonym.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Counter

from ai_core.records.database import Records
from ai_core.records.kept_conversations import CONVERSATION, OWNER, Exchange, add_exchange
from shared.errors import AppError
from shared.stores.postgres import PostgresLost
from shared.stores.statements import Statements

log = structlog.get_logger()

SQL = Statements.beside(__file__)
QUEUE_EVENTS = 2_000
BATCH_EVENTS = 200
GATHER_S = 0.2
"""What comes within this is written together."""
LAST_WRITE_S = 2.0

QUESTION = "ai_core question"

Outcome = Literal[
    "answered", "calculation", "clarification", "courtesy", "refused", "failed", "stopped"
]


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """All that is kept of one answer.

    `topic` is the category of the knowledge entry that answered, `entry` its topic id, `confidence`
    and `model` are those of the reply, `latency_ms` is counted from the admitted request to the
    last piece. `reason` says why a question was refused (`abstained.reason`), or the code of the
    error that an answer failed with; an answer that its reader did not wait for is `stopped`.
    `variants` are the sides of the experiments it was part of.
    """

    at: datetime
    answer_id: str
    channel: str
    language: str
    outcome: Outcome
    model: str
    cached: bool
    latency_ms: int
    topic: str | None = None
    entry: str | None = None
    confidence: str | None = None
    reason: str | None = None
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """The masked words of a question; its conversation, so that they are erased with it."""

    text: str
    conversation_id: str | None = None
    owner: str = ""


class Recorded(NamedTuple):
    """An event, and the words that are kept with it where they were chosen to be."""

    event: AnswerEvent
    asked: AskedQuestion | None = None
    exchange: Exchange | None = None


class EventWriter:
    """Writes events; open it with `event_writer`."""

    def __init__(self, records: Records, registry: CollectorRegistry) -> None:
        self._records = records
        self._queue: asyncio.Queue[Recorded] = asyncio.Queue(QUEUE_EVENTS)
        self._dropped = Counter(
            "answer_events_dropped",
            "Events of answers that were not kept: the queue was full, or Postgres refused them.",
            registry=registry,
        )

    @property
    def writes(self) -> bool:
        """Whether there is a Postgres to write to."""
        return self._records.state != "off"

    @property
    def keeps_questions(self) -> bool:
        """Whether the operator keeps the words of questions."""
        return self.writes and self._records.settings.keep_questions

    def put(
        self,
        event: AnswerEvent,
        asked: AskedQuestion | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        """Take an event, or drop it; `asked` is kept where the operator keeps questions."""
        if not self.writes:
            return
        try:
            recorded = Recorded(event, asked if self.keeps_questions else None, exchange)
            self._queue.put_nowait(recorded)
        except asyncio.QueueFull:
            self._dropped.inc()

    async def flushed(self) -> None:
        """Wait LAST_WRITE_S at most, and only while Postgres answers, until all is written."""
        if self._records.state == "up":
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_S):
                    await self.written()

    async def written(self) -> None:
        """Wait until everything taken so far is written or dropped."""
        await self._queue.join()

    async def run(self) -> None:
        """Write until it is cancelled."""
        while True:
            batch = [await self._queue.get()]
            await asyncio.sleep(GATHER_S)
            while len(batch) < BATCH_EVENTS and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._write(batch)
            for _ in batch:
                self._queue.task_done()

    async def _write(self, batch: list[Recorded]) -> None:
        while True:
            try:
                async with self._records.transaction() as db:
                    await self._insert(db, batch)
            except PostgresLost:
                await self._records.wait_until_up()
            except (asyncpg.PostgresError, AppError) as error:
                self._dropped.inc(len(batch))
                log.warning("events not kept", reason=type(error).__name__, events=len(batch))
                return
            else:
                return

    async def _insert(self, db: asyncpg.Connection, batch: list[Recorded]) -> None:
        encryption = self._records.encryption
        for event, asked, exchange in batch:
            await SQL.execute(db, "add_event", **asdict(event))
            if asked:
                name = asked.conversation_id
                await SQL.execute(
                    db,
                    "add_question",
                    answer_id=event.answer_id,
                    at=event.at,
                    sealed=encryption.seal_text(asked.text, QUESTION),
                    conversation=name and encryption.fingerprint(name, CONVERSATION),
                    owner=name and encryption.fingerprint(asked.owner, OWNER),
                )
            if exchange:
                await add_exchange(
                    db,
                    encryption,
                    exchange,
                    at=event.at,
                    answer_id=event.answer_id,
                    channel=event.channel,
                    language=event.language,
                )


@asynccontextmanager
async def event_writer(records: Records, registry: CollectorRegistry) -> AsyncIterator[EventWriter]:
    """Run a writer; on exit what is still waiting is written, unless Postgres is away."""
    writer = EventWriter(records, registry)
    running = asyncio.create_task(writer.run(), name="write events")
    try:
        yield writer
    finally:
        await writer.flushed()
        running.cancel()
        await asyncio.wait([running])
