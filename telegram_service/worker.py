"""A worker: takes chats that have something to do, answers, settles; several run side by side.

It may die at any moment. A job it held is taken over once it has been silent for a lease; what it
had sent is in the outbox, and its fence keeps it out if it was only frozen.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

import structlog

from shared.errors import TooMany, Unavailable
from shared.stores.postgres import PostgresLost
from shared.stores.redis_connection import Reply
from telegram_service.answering.update_context import Parts, Turn, moved_key, open_turn
from telegram_service.bot import answer
from telegram_service.errors import (
    AiAway,
    BotBlocked,
    ChatMoved,
    LeaseLost,
    MailboxLost,
    TelegramRefused,
)
from telegram_service.queue.update_queue import CONTROL, READY, Entry, Lease, Outcome
from telegram_service.sending.formatting import Letter, units
from telegram_service.sending.outbox import Record
from telegram_service.sending.sender import Place
from telegram_service.state.records import Seen
from telegram_service.updates import Update

log = structlog.get_logger()
Entries = tuple[Entry, ...]

WAIT_MS, FULL_WAIT_MS = 200, 20
CONTROLS_AT_ONCE = 32
MAX_FAILURES = 3
MAX_DEATHS = 8
"""Deaths before an update counts as poison. More than failures: a worker that is killed takes
all its chats with it, and one of them may be unlucky several times running."""
FAILURE_PAUSE_S = 1.0
SWEEP_EVERY_S = 0.25
HOUSEKEEPING_EVERY_S = 2.0
RETENTION_EVERY_S = 3_600.0
SPLIT_AT_UNITS = 3_900
"""A text this long was probably split by the client, which does so at 4096."""
NEXT_PART_S = 1.2
MOVED_KEPT_S = 30 * 86_400


class Worker:
    """Runs until `stop()`; then finishes what it holds, within its drain time."""

    def __init__(self, parts: Parts, name: str = "") -> None:
        self._parts = parts
        self._name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._jobs: dict[asyncio.Task[None], Lease] = {}
        self._turns: dict[Lease, Turn] = {}
        self._stopping = asyncio.Event()
        self._settings = parts.settings.worker

    def stop(self) -> None:
        """Take nothing new, finish what is held, end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        mailbox = self._parts.mailbox
        await self._patiently(mailbox.prepare)
        loops = [
            self._read(),
            self._reclaim(),
            self._sweep(),
            self._keep_house(),
        ]
        pulse = asyncio.create_task(self._pulse(), name="pulse")
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)
        await self._drain()
        pulse.cancel()
        await asyncio.wait([pulse])
        await self._patiently(lambda: mailbox.forget_worker(self._name), tries=1)

    async def _read(self) -> None:
        """Take what is new; the control lane also while every chat's place is taken."""
        mailbox, most = self._parts.mailbox, self._settings.chats
        while not self._stopping.is_set():
            free = most - sum(lease.stream == READY for lease in self._jobs.values())
            try:
                found = (
                    await mailbox.wait(self._name, [CONTROL, READY], free, WAIT_MS)
                    if free > 0
                    else await mailbox.wait(self._name, [CONTROL], CONTROLS_AT_ONCE, FULL_WAIT_MS)
                )
                for stream, token, fields in found:
                    await self._begin(stream, token, fields)
            except MailboxLost:
                await asyncio.sleep(SWEEP_EVERY_S)

    async def _reclaim(self) -> None:
        """Take over what dead workers held; without traffic, too."""
        lease_s = self._settings.lease_s
        while not self._stopping.is_set():
            try:
                for stream in (READY, CONTROL):
                    for token, fields in await self._parts.mailbox.abandoned(
                        self._name, stream, lease_s, 16
                    ):
                        await self._begin(stream, token, fields)
            except MailboxLost:
                log.info("reclaim waits for redis")
            await self._pause(lease_s / 4)

    async def _begin(self, stream: str, token: bytes, fields: list[bytes]) -> None:
        if any(lease.token == token for lease in self._jobs.values()):
            return
        mailbox, chat = self._parts.mailbox, fields[1].decode()
        if stream == CONTROL:
            lease: Lease | None = await mailbox.take_control(token, chat, fields[3])
        else:
            lease = await mailbox.take(token, chat)
        if lease is None:
            return
        task = asyncio.create_task(self._work(lease), name=f"chat {lease.update_id}")
        self._jobs[task] = lease
        task.add_done_callback(lambda done: self._jobs.pop(done, None))

    async def _work(self, lease: Lease) -> None:
        """Answer one lease; every way it can end is here."""
        structlog.contextvars.bind_contextvars(update_id=lease.update_id)
        started = time.monotonic()
        try:
            facts = {"update_id": lease.update_id}
            with self._parts.tracer.start_as_current_span("update", attributes=facts):
                outcome, entries = await self._answer(lease)
            await self._parts.mailbox.settle(lease, outcome, entries)
            duration_ms = round((time.monotonic() - started) * 1000)
            log.info("update", outcome=outcome, count=len(entries), duration_ms=duration_ms)
        except (LeaseLost, MailboxLost) as error:
            log.info("left to another", reason=error.code)
        except (Unavailable, TooMany) as error:
            await self._later(lease, error)
        except Exception as error:  # noqa: BLE001 - the worker's edge: one update never stops it
            await self._failed(lease, error)
        finally:
            self._turns.pop(lease, None)

    async def _answer(self, lease: Lease) -> tuple[Outcome, Entries]:
        alone = lease.entries[:1]
        if lease.deaths >= MAX_DEATHS or lease.failures >= MAX_FAILURES:
            await self._give_up(lease, "deaths" if lease.deaths else "failures")
            return "dead", alone
        update = Update.model_validate_json(lease.entries[0].payload)
        turn = await open_turn(self._parts, lease, update)
        if turn is None:
            return "ignored", alone
        if lease.stop_mark > lease.update_id:
            turn.stopped.set()
        self._turns[lease] = turn
        entries = await self._join(turn)
        try:
            return await answer(turn), entries
        except BotBlocked:
            seen = Seen(person=turn.person.id, at=self._parts.clock.now(), reachable=False)
            await self._parts.journal.put(seen)
            return "ignored", entries
        except ChatMoved as moved:
            await self._follow(turn, moved.new_chat)
            raise Unavailable("the group has moved", retry_after_s=0.1) from moved

    async def _join(self, turn: Turn) -> Entries:
        """Put the parts of a text that a client split together; return the entries they are."""
        lease = turn.lease
        head = turn.update.message
        if lease.stream == CONTROL or head is None or units(head.text) < SPLIT_AT_UNITS:
            return lease.entries[:1]
        if (joined := turn.record.get("joined")) is None:
            await asyncio.sleep(NEXT_PART_S)
            entries = await self._parts.mailbox.look(lease)
            count = parts_of_one_text(entries)
            await turn.record.write(joined=count)
        else:
            entries, count = await self._parts.mailbox.look(lease), int(joined)
        texts = [text_of(entry) for entry in entries[:count]]
        whole = head.model_copy(update={"text": "".join(texts)})
        turn.update = turn.update.model_copy(update={"message": whole})
        return entries[:count]

    async def _follow(self, turn: Turn, new_chat: int) -> None:
        old = turn.place
        await self._parts.redis.call("SET", moved_key(old.chat), new_chat, "EX", MOVED_KEPT_S)
        await self._parts.sessions.move(old, Place(new_chat, old.thread, private=False))

    async def _later(self, lease: Lease, error: Unavailable | TooMany) -> None:
        """Put the chat aside until what is missing may be back, and say so once."""
        log.warning("postponed", reason=error.code, detail=str(error))
        delay_s = error.retry_after_s or self._parts.settings.ai.retry_s
        try:
            turn = self._turns.get(lease)
            if turn and isinstance(error, (AiAway, PostgresLost)):
                await turn.reply("kept" if isinstance(error, AiAway) else "later")
            await self._parts.mailbox.postpone(lease, delay_s)
        except (LeaseLost, Unavailable, TooMany, TelegramRefused) as again:
            log.info("left to another", reason=again.code)

    async def _failed(self, lease: Lease, error: Exception) -> None:
        log.error("update failed", exc_info=error)
        try:
            failures = await self._parts.mailbox.postpone(lease, FAILURE_PAUSE_S, failed=True)
            if lease.stream == CONTROL and failures >= MAX_FAILURES:
                await self._give_up(lease, type(error).__name__)
                await self._parts.mailbox.settle(lease, "dead", lease.entries)
        except (LeaseLost, Unavailable, TooMany) as again:
            log.info("left to another", reason=again.code)

    async def _give_up(self, lease: Lease, reason: str) -> None:
        """Keep a poison update for an operator, apologise, and let the chat go on."""
        parts = self._parts
        sealed = parts.store.seal(lease.entries[0].payload.decode("utf-8", "replace"))
        await parts.mailbox.bury(lease, reason, sealed)
        log.error("dead letter", reason=reason)
        record = await Record.open(parts.redis, parts.sender, lease)
        place = Place(int(lease.chat), private=not lease.chat.startswith("-"))
        try:
            letter = Letter(text=parts.texts.say("apology", "fr"))
            if placeholder := record.message_id("placeholder"):
                await record.edit("apology", place, placeholder, letter)
            else:
                await record.send("apology", place, letter)
        except TelegramRefused as refusal:
            log.info("no apology", reason=refusal.code)

    async def _pulse(self) -> None:
        """Renew the leases; stop what a person stopped, leave what another has taken."""
        while True:
            held = list(self._jobs.items())
            try:
                leases = [lease for _, lease in held]
                leases.sort(key=lambda lease: lease.stream != READY)
                marks = dict(
                    zip(leases, await self._parts.mailbox.renew(self._name, leases), strict=True)
                )
                for task, lease in held:
                    self._heed(task, lease, marks[lease])
            except MailboxLost:
                log.info("pulse waits for redis")
            await asyncio.sleep(self._settings.lease_s / 6)

    def _heed(self, task: asyncio.Task[None], lease: Lease, mark: int | None) -> None:
        turn = self._turns.get(lease)
        if mark is None:
            if not task.done() and task in self._jobs:
                task.cancel()
        elif turn and mark > lease.update_id:
            turn.stopped.set()

    async def _sweep(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._parts.mailbox.wake()
            except MailboxLost:
                log.info("sweep waits for redis")
            await self._pause(SWEEP_EVERY_S)

    async def _keep_house(self) -> None:
        """Migrate, empty the journal into Postgres, remove what is due, seal with the new key."""
        store, migrated, next_round = self._parts.store, False, 0.0
        while not self._stopping.is_set():
            try:
                if not migrated:
                    await store.migrate()
                    migrated = True
                await self._parts.journal.drain()
                if time.monotonic() >= next_round:
                    removed = await store.remove_due(self._parts.clock.now())
                    resealed = await store.reseal()
                    log.info("retention", removed=removed, resealed=resealed)
                    next_round = time.monotonic() + (0.0 if resealed else RETENTION_EVERY_S)
            except Unavailable as error:
                log.warning("postgres waits", reason=error.code)
            await self._pause(HOUSEKEEPING_EVERY_S)

    async def _drain(self) -> None:
        if self._jobs:
            await asyncio.wait(list(self._jobs), timeout=self._settings.drain_s)
        for task in list(self._jobs):
            task.cancel()
        if self._jobs:
            await asyncio.wait(list(self._jobs))

    async def _pause(self, seconds: float) -> None:
        """Sleep, but wake when we are to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _patiently(
        self, attempt: Callable[[], Awaitable[Reply]], tries: int = 10_000
    ) -> None:
        """Do something that needs Redis, however long Redis takes to come."""
        for _ in range(tries):
            if self._stopping.is_set() and tries > 1:
                return
            try:
                await attempt()
            except MailboxLost:
                await self._pause(SWEEP_EVERY_S)
            else:
                return


def text_of(entry: Entry) -> str:
    """Return the text of a waiting message, "" for anything else."""
    update = Update.model_validate_json(entry.payload)
    return update.message.text if update.message else ""


def parts_of_one_text(entries: Entries) -> int:
    """Return how many of the first entries are one text that a client split: long pieces of one
    person, sent within two seconds of each other, up to and including the first shorter one.
    """
    count = 1
    for before, after in pairwise(entries):
        first = Update.model_validate_json(before.payload).message
        second = Update.model_validate_json(after.payload).message
        if first is None or second is None or units(first.text) < SPLIT_AT_UNITS:
            break
        same = first.sender == second.sender and first.message_thread_id == second.message_thread_id
        if not same or not second.text or second.date - first.date > 2:
            break
        count += 1
    return count
