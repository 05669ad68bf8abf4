"""A worker: claims chats that have updates, answers, completes; several run side by side.

It may crash at any moment. Its leases expire after `lease_s` without renewal and another worker
claims its chats; sent messages are in the outbox, and fencing keeps a worker out that was only
frozen.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog
from pydantic import ValidationError
from redis.exceptions import ResponseError

from shared.errors import AppError, TooMany, Unavailable
from shared.privacy.encryption import DecryptionFailed
from shared.stores.postgres import PostgresLost
from shared.stores.redis_connection import Reply
from telegram_service.addresses import ChatId
from telegram_service.answering.apology import UNREADABLE, apologise
from telegram_service.answering.feedback_forwarding import forward_feedback
from telegram_service.answering.joining import join_messages
from telegram_service.answering.moved_group import follow_group
from telegram_service.answering.services import Services
from telegram_service.answering.update_context import UpdateContext, open_context
from telegram_service.bot import answer
from telegram_service.commands.supprimer import carry_out_waiting
from telegram_service.errors import (
    AiAway,
    ChannelOff,
    ChannelRefused,
    ChatMoved,
    LeaseLost,
    NoRight,
    RedisUnavailable,
    Unreachable,
)
from telegram_service.queue.update_queue import CONTROL, READY, Lease, Outcome, QueuedUpdate
from telegram_service.state.records import PersonSeen

log = structlog.get_logger()

READ_TIMEOUT_MS, FULL_READ_TIMEOUT_MS = 200, 20
MAX_CONTROLS = 32
MAX_FAILURES = 3
MAX_DEATHS = 8
"""Deaths before an update counts as poison.

More than failures: a worker that is killed takes all its chats with it, and one of them may be
unlucky several times running.
"""
RETRY_AFTER_FAILURE_S = 1.0
REQUEUE_EVERY_S = 0.25
REDIS_RETRY_S = 0.25
MAINTENANCE_EVERY_S = 2.0
FORWARD_EVERY_S = 2.0
RETENTION_EVERY_S = 3_600.0


class Worker:
    """Runs until `stop()`; then finishes what it holds, within its drain time."""

    def __init__(self, services: Services, name: str = "") -> None:
        self._services = services
        self._queue = services.queue
        self._settings = services.settings.worker
        self._name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._jobs: dict[asyncio.Task[None], Lease] = {}
        self._contexts: dict[Lease, UpdateContext] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Claim nothing new, finish what is held, end."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        await self._retry_redis(self._queue.create_streams)
        renewing = asyncio.create_task(self._renew_leases(), name="renew leases")
        renewing.add_done_callback(lambda _: self.stop())  # leases would lapse in silence
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read())
                group.create_task(self._reclaim())
                group.create_task(self._requeue_postponed())
                group.create_task(self._maintain())
                group.create_task(self._forward_feedback())
        finally:  # else what is held would fail, and count as a failure, once services close
            await self._drain()
            renewing.cancel()
        await asyncio.wait([renewing])
        if not renewing.cancelled():
            renewing.result()
        await self._retry_redis(lambda: self._queue.remove_worker(self._name), tries=1)

    async def _read(self) -> None:
        """Claim what is new; the control lane even while as many chats are held as may be."""
        while not self._stopping.is_set():
            held = sum(lease.stream == READY for lease in self._jobs.values())
            free = self._settings.chats - held
            streams, count, timeout_ms = (
                ([CONTROL, READY], free, READ_TIMEOUT_MS)
                if free > 0
                else ([CONTROL], MAX_CONTROLS, FULL_READ_TIMEOUT_MS)
            )
            try:
                for found in await self._queue.read(self._name, streams, count, timeout_ms):
                    await self._start(*found)
            except RedisUnavailable:
                await asyncio.sleep(REDIS_RETRY_S)

    async def _reclaim(self) -> None:
        """Claim the leases of crashed workers, also while nothing new arrives."""
        lease_s = self._settings.lease_s
        while not self._stopping.is_set():
            try:
                for stream in (READY, CONTROL):
                    for stream_id, fields in await self._queue.read_abandoned(
                        self._name, stream, lease_s, 16
                    ):
                        await self._start(stream, stream_id, fields)
            except RedisUnavailable:
                log.info("redis unavailable", task="reclaim")
            await self._pause(lease_s / 4)

    async def _start(self, stream: str, stream_id: bytes, fields: list[bytes]) -> None:
        if any(lease.stream_id == stream_id for lease in self._jobs.values()):
            return
        chat = fields[1].decode()
        if stream == CONTROL:
            lease: Lease | None = await self._queue.claim_control(stream_id, chat, fields[3])
        else:
            lease = await self._queue.claim(stream_id, chat)
        if lease is None:
            return
        task = asyncio.create_task(self._process(lease), name=f"chat {lease.update_id}")
        self._jobs[task] = lease
        task.add_done_callback(lambda done: self._jobs.pop(done, None))

    async def _process(self, lease: Lease) -> None:
        """Process one lease, and handle every outcome."""
        structlog.contextvars.bind_contextvars(update_id=lease.update_id)
        started = time.monotonic()
        try:
            attributes = {"update_id": lease.update_id}
            with self._services.tracer.start_as_current_span("update", attributes=attributes):
                outcome, updates = await self._answer(lease)
            await self._queue.complete(lease, outcome, updates)
            duration_ms = round((time.monotonic() - started) * 1000)
            log.info("update", outcome=outcome, count=len(updates), duration_ms=duration_ms)
        except (LeaseLost, RedisUnavailable) as error:
            log.info("lease abandoned", reason=error.code)
        except (Unavailable, TooMany) as error:
            await self._postpone(lease, error)
        except Exception as error:  # noqa: BLE001 - the worker's edge: one update never stops it
            await self._fail(lease, error)
        finally:
            self._contexts.pop(lease, None)

    async def _answer(self, lease: Lease) -> tuple[Outcome, Sequence[QueuedUpdate]]:
        head = lease.updates[:1]
        if lease.deaths >= MAX_DEATHS or lease.failures >= MAX_FAILURES:
            await self._move_to_dead_letters(lease, "deaths" if lease.deaths else "failures")
            return "dead", head
        services, first = self._services, lease.updates[0]
        try:
            update = services.channels.read(first)
        except (ValidationError, ChannelOff) as error:
            reason = error.code if isinstance(error, ChannelOff) else UNREADABLE
            await self._move_to_dead_letters(lease, reason)
            return "dead", head
        context = await open_context(services, lease, update)
        if context is None:
            return "ignored", head
        if lease.stream == READY and await services.erasures.covers(
            context.person.id, first.received_ms
        ):
            return "stopped", head
        if lease.stop_before > lease.update_id:
            context.stopped.set()
        self._contexts[lease] = context
        updates = await join_messages(context)
        try:
            return await answer(context), updates
        except ChannelRefused as refusal:
            return await self._accept_refusal(lease, context, refusal), updates

    async def _accept_refusal(
        self, lease: Lease, context: UpdateContext, refusal: ChannelRefused
    ) -> Outcome:
        """Settle an update whose answer was refused: trying it again would change nothing.

        It is tried again where the group has moved. Who cannot be reached is the chat, not the
        person who wrote in it.
        """
        services = self._services
        match refusal:
            case ChatMoved():
                await follow_group(services, context.chat.id, refusal.new_chat)
                raise Unavailable("the group has moved", retry_after_s=0.1) from refusal
            case Unreachable():
                log.info("chat unreachable", detail=str(refusal))
                seen = PersonSeen(person=context.chat.id, at=services.clock.now(), reachable=False)
                await services.journal.put(seen)
                return "ignored"
            case NoRight():
                log.warning("may not write in a chat", detail=str(refusal))
                return "ignored"
        log.error("refused for good", detail=str(refusal))
        await self._move_to_dead_letters(lease, "refused")
        return "dead"

    async def _postpone(self, lease: Lease, error: Unavailable | TooMany) -> None:
        """Retry the chat when the dependency may be back; notify the person once."""
        log.warning("postponed", reason=error.code, detail=str(error))
        delay_s = error.retry_after_s or self._services.settings.ai.retry_s
        context = self._contexts.get(lease)
        try:
            if context and isinstance(error, (AiAway, PostgresLost)):
                await context.reply("kept" if isinstance(error, AiAway) else "later")
        except (LeaseLost, Unavailable, TooMany, ChannelRefused) as untold:
            log.info("person not told", reason=untold.code)
        try:
            await self._queue.postpone(lease, delay_s)
        except (LeaseLost, Unavailable, TooMany) as again:
            log.info("lease abandoned", reason=again.code)

    async def _fail(self, lease: Lease, error: Exception) -> None:
        log.error("update failed", exc_info=error)
        try:
            failures = await self._queue.postpone(lease, RETRY_AFTER_FAILURE_S, failed=True)
            if lease.stream == CONTROL and failures >= MAX_FAILURES:
                await self._move_to_dead_letters(lease, type(error).__name__)
                await self._queue.complete(lease, "dead", lease.updates)
        except (LeaseLost, Unavailable, TooMany) as again:
            log.info("lease abandoned", reason=again.code)

    async def _move_to_dead_letters(self, lease: Lease, reason: str) -> None:
        """Apologise, and move a poison update, encrypted as it is, to the dead letters.

        The apology comes first: while the channel is away this is tried again, and would add a
        letter each time. Where this failed itself, the letter alone is written, so that it ends.
        """
        failed_here = lease.failures > MAX_FAILURES or lease.deaths > MAX_DEATHS
        chat, person = (None, None) if failed_here else self._origin(lease)
        if chat is not None:
            await apologise(self._services, lease, chat, reason)
        name = self._services.vault.name(person) if person else ""
        await self._queue.add_dead_letter(lease, reason, name)
        log.error("dead letter", reason=reason)

    def _origin(self, lease: Lease) -> tuple[ChatId | None, ChatId | None]:
        """Return the ids of the chat and the sender of a poison update, as far as can be read."""
        try:
            return self._services.channels.origin(lease.updates[0])
        except (
            DecryptionFailed, ChannelOff, ValueError, KeyError, TypeError, AttributeError,
        ) as error:  # fmt: skip
            log.warning("update unreadable", reason=type(error).__name__)
            return None, None

    async def _renew_leases(self) -> None:
        """Renew the leases; stop what a person stopped, drop what another worker has claimed."""
        while True:
            held = list(self._jobs.items())
            try:
                leases = [lease for _, lease in held]
                leases.sort(key=lambda lease: lease.stream != READY)
                renewed = await self._queue.renew(self._name, leases)
                stops = dict(zip(leases, renewed, strict=True))
                for task, lease in held:
                    self._apply(stops[lease], task, lease)
            except RedisUnavailable:
                log.info("redis unavailable", task="renew leases")
            await asyncio.sleep(self._settings.lease_s / 6)

    def _apply(self, stop_before: int | None, task: asyncio.Task[None], lease: Lease) -> None:
        context = self._contexts.get(lease)
        if stop_before is None:
            if not task.done() and task in self._jobs:
                task.cancel()
        elif context and stop_before > lease.update_id:
            context.stopped.set()

    async def _requeue_postponed(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._queue.requeue_due()
            except RedisUnavailable:
                log.info("redis unavailable", task="requeue")
            await self._pause(REQUEUE_EVERY_S)

    async def _maintain(self) -> None:
        """Migrate, drain the journal into Postgres, delete what expired, rotate the key."""
        services, migrated, next_retention = self._services, False, 0.0
        while not self._stopping.is_set():
            try:
                if not migrated:
                    await services.store.migrate()
                    migrated = True
                await services.journal.drain()
                await carry_out_waiting(services)
                await self._rewrite()
                if time.monotonic() >= next_retention:
                    deleted = await services.store.delete_expired(services.clock.now())
                    resealed = await services.store.reseal()
                    log.info("expired messages deleted", deleted=deleted, resealed=resealed)
                    next_retention = time.monotonic() + (0.0 if resealed else RETENTION_EVERY_S)
            except AppError as error:
                log.warning("maintenance postponed", reason=error.code)
            await self._pause(MAINTENANCE_EVERY_S)

    async def _forward_feedback(self) -> None:
        while not self._stopping.is_set():
            try:
                await forward_feedback(self._services)
            except AppError as error:
                log.info("feedback waits", reason=error.code)
            await self._pause(FORWARD_EVERY_S)

    async def _rewrite(self) -> None:
        """Have Redis rewrite its append-only file after an erasure; a refusal is tried again."""
        try:
            if await self._services.erasures.rewrite():
                log.info("append-only file is being rewritten")
        except ResponseError as error:
            log.warning("append-only file not rewritten", reason=str(error))

    async def _drain(self) -> None:
        if self._jobs:
            await asyncio.wait(list(self._jobs), timeout=self._settings.drain_s)
        for task in list(self._jobs):
            task.cancel()
        if self._jobs:
            await asyncio.wait(list(self._jobs))

    async def _pause(self, duration_s: float) -> None:
        """Sleep, but wake when stopping."""
        try:
            async with asyncio.timeout(duration_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _retry_redis(
        self, attempt: Callable[[], Awaitable[Reply]], tries: int = 10_000
    ) -> None:
        """Call until Redis answers."""
        for _ in range(tries):
            if self._stopping.is_set() and tries > 1:
                return
            try:
                await attempt()
            except RedisUnavailable:
                await self._pause(REDIS_RETRY_S)
            else:
                return
