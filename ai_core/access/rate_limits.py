"""Rate limits of a caller: requests and tokens per sliding window, and requests at the same time.

Redis decides for all processes together, in one round trip per request (lua/admit.lua). Granted
requests are also counted in this process: while Redis is lost it decides by the same rule
(sliding_window.py), and after a reconnection the first request of each caller adds what Redis did
not hear of to its count, which is at least the local one, so that an outage resets no quota. The
workers of one host that lose Redis together each allow their share; hosts each allow the quota.
Why: docs/decisions/0090-one-rule-for-rate-limits.md, 0169-workers-share-a-port.md.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from ai_core.access.sliding_window import Charge, Usage, Window, count, decide
from ai_core.redis_keys import KEYS_VERSION, TAG
from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection, Reply

LUA = Path(__file__).parent / "lua"
ADMIT = LuaScript.read(LUA / "admit.lua")
SETTLE = LuaScript.read(LUA / "settle.lua")
LEASE_S = 20.0
"""Lease of a concurrency slot; after a crash it is free this much later."""
RENEW_EVERY_S = LEASE_S / 4

MOST_REFUSALS = 4_096
REQUESTS = Window("requests", 1_000, 60)
TOKENS_MINUTE = Window("tokens-minute", 1_000, 60)
TOKENS_DAY = Window("tokens-day", 900_000, 96)


class RateLimits(BaseModel):
    """Limits of a caller; None is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_day: int | None = Field(default=None, gt=0)
    concurrent: int | None = Field(default=None, gt=0)

    @cached_property
    def windows(self) -> tuple[tuple[Window, int], ...]:
        """Each window that has a limit, with its limit."""
        limits = (
            (REQUESTS, self.requests_per_minute),
            (TOKENS_MINUTE, self.tokens_per_minute),
            (TOKENS_DAY, self.tokens_per_day),
        )
        return tuple((window, limit) for window, limit in limits if limit)

    def charges(self, tokens: int) -> tuple[Charge, ...]:
        """Return the cost of a request that reserves `tokens`, in each window that has a limit."""
        return tuple(
            Charge(window, limit, min(1 if window is REQUESTS else tokens, limit))
            for window, limit in self.windows
        )

    def __bool__(self) -> bool:
        """Whether there is any limit."""
        return bool(self.concurrent or self.windows)


UNLIMITED = RateLimits()


class Reservation(NamedTuple):
    """Reserved capacity of a request; `concurrent` is the caller's limit, 0 when it has none."""

    id: str
    subject: str
    concurrent: int
    charges: tuple[Charge, ...]


class Decision(NamedTuple):
    """Whether a request is admitted.

    `cached_reply` and `key_version` come from Redis: None when it was not asked (`without_redis`).
    `refused` names the window (or "concurrent") that refuses the request for `wait_s`; `left` is
    the remaining quota of each window that has a limit. Without a reservation there is nothing to
    settle.
    """

    key_version: bytes | None = None
    cached_reply: bytes | None = None
    refused: str | None = None
    wait_s: float = 0.0
    left: Sequence[int] = ()
    decided_ms: int = 0
    reservation: Reservation | None = None
    without_redis: bool = False


@dataclass(slots=True)
class CallerUsage:
    """Local count of one caller: its usage per window, and its open requests.

    Redis had all of it when the connection's epoch was `epoch`; `unheard` is what it was not told
    since. `open` holds ids of requests that hold a concurrency slot.
    """

    epoch: int
    usage: Usage = field(default_factory=dict)
    unheard: Usage = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def is_idle(self, now_ms: int) -> bool:
        """Drop expired slots; return whether nothing is left."""
        total = sum(window.total(used, now_ms) for window, used in self.usage.items())
        return not (self.open or total)

    def count(self, charges: Sequence[tuple[Window, int]], at_ms: int, *, heard: bool) -> None:
        """Count amounts by window; `heard`: Redis was asked to, too."""
        for window, amount in charges:
            count(self.usage, window, at_ms, amount)
            if not heard:
                count(self.unheard, window, at_ms, amount)


class Refusals:
    """Callers that Redis refused for their number of requests: nothing frees them before the wait.

    Refusals for tokens and concurrency end when a request does, so they are not kept.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, RateLimits, Decision]] = {}

    def remember(self, subject: str, limits: RateLimits, decision: Decision) -> None:
        """Keep a refusal; the oldest goes when there are too many."""
        if decision.refused != REQUESTS.name:
            return
        if len(self._known) >= MOST_REFUSALS:
            del self._known[next(iter(self._known))]
        self._known[subject] = (time.monotonic() + decision.wait_s, limits, decision)

    def of(self, subject: str, limits: RateLimits) -> Decision | None:
        """Return the refusal of a caller, with what is left of its wait; None when it is over."""
        if subject not in self._known:
            return None
        until_s, known_limits, decision = self._known[subject]
        wait_s = until_s - time.monotonic()
        if wait_s <= 0 or known_limits != limits:
            del self._known[subject]
            return None
        return decision._replace(wait_s=wait_s)


class Limiter:
    """Admits requests, and settles the tokens they used.

    While Redis is lost each of `processes` on this host allows its share of a limit, at least one.
    """

    def __init__(self, connection: RedisConnection, *, processes: int = 1) -> None:
        self._connection = connection
        self._processes = processes
        self._accounts: dict[str, CallerUsage] = {}

    async def admit(
        self, subject: str, limits: RateLimits, cost_tokens: int, cache_key: str | None
    ) -> Decision:
        """Decide on a request of `subject`, and read its cached reply in the same round trip."""
        if not limits:
            return await self.read(cache_key)
        account = self._accounts.setdefault(subject, CallerUsage(self._connection.epoch))
        wanted = Reservation(
            secrets.token_hex(8), subject, limits.concurrent or 0, limits.charges(cost_tokens)
        )
        told = self._connection.found.is_set()
        try:
            decision = await self._admit_in_redis(wanted, account, cache_key)
        except RedisError:
            decision = _admit_here(wanted, account, self._processes)
        except asyncio.CancelledError:  # Redis may have admitted it all the same
            with suppress(RedisError):  # the lease expires
                self._connection.call("ZREM", _open_key(subject), wanted.id).add_done_callback(
                    _ignore
                )
            raise
        if decision.refused is None:
            charges = [
                (window, cost)
                for window, _, cost in wanted.charges
                if window is REQUESTS or decision.reservation
            ]
            account.count(charges, decision.decided_ms, heard=told)
        if wanted.concurrent and decision.reservation:
            account.open.add(wanted.id)
        return decision

    async def settle(self, decision: Decision, spent_tokens: int) -> None:
        """End a request: free its concurrency slot and charge the tokens it really used."""
        reservation = decision.reservation
        if reservation is None:
            return
        corrections = [
            (window, spent_tokens - cost)
            for window, _, cost in reservation.charges
            if window is not REQUESTS and spent_tokens != cost
        ]
        account = self._accounts.get(reservation.subject)
        if account:
            account.open.discard(reservation.id)
            account.count(corrections, decision.decided_ms, heard=True)
        if not (reservation.concurrent or corrections):
            return
        keys = (_open_key(reservation.subject), _usage_key(reservation.subject))
        args: list[RedisArg] = [reservation.id]
        for window, difference in corrections:
            args += [window.name, decision.decided_ms // window.slot_ms, difference]
        told = self._connection.found.is_set()
        with suppress(RedisError):  # the lease expires
            await self._connection.run(SETTLE, keys, args)
        if account and not told:
            for window, difference in corrections:
                count(account.unheard, window, decision.decided_ms, difference)

    async def renew_leases(self) -> None:
        """Renew the leases of open requests, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            self._forget_idle()
            with suppress(RedisError):  # the leases outlast a short outage
                await asyncio.gather(*self._renewals())

    async def read(self, cache_key: str | None) -> Decision:
        """Read the version of the keys and a cached reply; no limit is asked."""
        names = (KEYS_VERSION,) if cache_key is None else (KEYS_VERSION, cache_key)
        try:
            return Decision(*await self._connection.call("MGET", *names))
        except RedisError:
            return Decision(without_redis=True)

    async def _admit_in_redis(
        self, wanted: Reservation, account: CallerUsage, cache_key: str | None
    ) -> Decision:
        epoch = self._connection.epoch
        redis_knows = account.epoch == epoch
        keys = [KEYS_VERSION, _open_key(wanted.subject), _usage_key(wanted.subject)]
        args: list[RedisArg] = [wanted.id, _lease_ms(), wanted.concurrent, len(account.open)]
        unheard: Usage = {}
        if self._connection.found.is_set():  # told once, whoever else asks meanwhile
            unheard, account.unheard = account.unheard, {}
        for window, limit, cost in wanted.charges:
            known = 0 if redis_knows else window.total(account.usage.get(window, {}), _now_ms())
            args += [*window, limit, cost, known, window.total(unheard.get(window, {}), _now_ms())]
        if cache_key is not None:
            keys.append(cache_key)
        reply = await self._connection.run(ADMIT, keys, args)
        version, cached_reply, now_ms, refused, wait_ms, *left = reply
        account.epoch = epoch
        return Decision(
            key_version=version,
            cached_reply=cached_reply,
            refused=refused.decode() or None,
            wait_s=wait_ms / 1_000,
            left=left,
            decided_ms=now_ms,
            reservation=None if refused or cached_reply is not None else wanted,
        )

    def _renewals(self) -> Iterator[asyncio.Future[Reply]]:
        until_ms = _now_ms() + _lease_ms()
        for subject, account in self._accounts.items():
            for request_id in account.open:
                yield self._connection.call("ZADD", _open_key(subject), until_ms, request_id)
                yield self._connection.call("PEXPIRE", _open_key(subject), _lease_ms())

    def _forget_idle(self) -> None:
        now_ms = _now_ms()
        self._accounts = {
            subject: account
            for subject, account in self._accounts.items()
            if not account.is_idle(now_ms)
        }


def _admit_here(wanted: Reservation, account: CallerUsage, processes: int) -> Decision:
    """Decide by the local count, within one process's share of the limits."""
    now_ms = _now_ms()
    shares = [charge.share_of(processes) for charge in wanted.charges]
    busy = wanted.concurrent > 0 and len(account.open) >= max(1, wanted.concurrent // processes)
    refused, wait_ms, left = decide(account.usage, shares, now_ms, busy=busy)
    return Decision(
        refused=refused,
        wait_s=wait_ms / 1_000,
        left=left,
        decided_ms=now_ms,
        reservation=None if refused else wanted,
        without_redis=True,
    )


def _open_key(subject: str) -> str:
    """Return the Redis key of a caller's open requests: a sorted set of ids by end of lease."""
    return f"{TAG}:open:{subject}"


def _usage_key(subject: str) -> str:
    """Return the Redis key of a caller's usage, MessagePack."""
    return f"{TAG}:usage:{subject}"


def _now_ms() -> int:
    return int(time.time() * 1_000)


def _lease_ms() -> int:
    return int(LEASE_S * 1_000)


def _ignore(reply: asyncio.Future[Reply]) -> None:
    if not reply.cancelled():
        reply.exception()
