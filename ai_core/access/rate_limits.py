"""How much a caller may use: requests and tokens over sliding windows, and visits at one time.

Redis decides, in one round trip per request (lua/admit.lua), for all processes together. What it
grants is also counted here, so that when Redis is lost this process goes on from the same figures,
and when it is found again the first request brings them to it: no outage opens a quota. Several
processes that lose Redis at once each allow the whole quota; the service runs as one process.
The reasons are in docs/decisions/0013-limits-in-one-round-trip.md and 0014-local-limits.md.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from ai_core.redis_keys import KEYS_VERSION, TAG
from shared.stores.redis_connection import RedisLink, Script

LUA = Path(__file__).parent / "lua"
ADMIT = Script.read(LUA / "admit.lua")
SETTLE = Script.read(LUA / "settle.lua")
RENEW = Script.read(LUA / "renew.lua")
LEASE_S = 20
"""A visit whose process died frees its place after this long."""
RENEW_EVERY_S = LEASE_S / 4
BUSY_WAIT_S = 1.0
MOST_UNRELEASED = 10_000


class Limits(BaseModel):
    """What a caller may use; None is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_day: int | None = Field(default=None, gt=0)
    concurrent: int | None = Field(default=None, gt=0)

    def by_window(self) -> tuple[int | None, int | None, int | None]:
        """Return the limit of each of WINDOWS."""
        return self.requests_per_minute, self.tokens_per_minute, self.tokens_per_day

    def __bool__(self) -> bool:
        """Tell whether there is a limit at all."""
        return bool(self.concurrent) or any(self.by_window())


UNLIMITED = Limits()


class Window(NamedTuple):
    """A span of `slots` slots, after which what was used is forgotten."""

    name: str
    slot_s: float
    slots: int

    @property
    def span_s(self) -> int:
        """Return its length."""
        return int(self.slot_s * self.slots)


WINDOWS = (
    Window("requests", 1.0, 60),
    Window("tokens-minute", 1.0, 60),
    Window("tokens-day", 900.0, 96),
)
"""The same, in the same order, as in lua/admit.lua."""


class Tally:
    """What was used over the last window, slot by slot.

    It counts one slot more than the window has, so that no span as long as the window ever holds
    more than a limit kept against it.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._slots: deque[list[int]] = deque()
        self._sum = 0

    def used(self, now_s: float) -> int:
        """Return what was used over the window that ends now."""
        oldest = int(now_s / self._window.slot_s) - self._window.slots
        while self._slots and self._slots[0][0] < oldest:
            self._sum -= self._slots.popleft()[1]
        return self._sum

    def add(self, now_s: float, amount: int) -> None:
        """Count `amount` now; it may be negative, to give back."""
        slot = int(now_s / self._window.slot_s)
        if not self._slots or self._slots[-1][0] < slot:
            self._slots.append([slot, 0])
        self._slots[-1][1] += amount
        self._sum += amount

    def wait_s(self, now_s: float, excess: int) -> float:
        """Return how long until `excess` has been forgotten."""
        for slot, amount in self._slots:
            excess -= amount
            if excess <= 0:
                return (slot + self._window.slots + 1) * self._window.slot_s - now_s
        return self._window.slot_s


@dataclass(slots=True)
class Account:
    """What one subject used, as far as this process knows; `epoch` is when Redis last heard it."""

    tallies: tuple[Tally, ...] = field(
        default_factory=lambda: tuple(Tally(window) for window in WINDOWS)
    )
    open: set[str] = field(default_factory=set)
    epoch: int = 0


class Decision(NamedTuple):
    """May the visit begin?

    `refused` names the window (or "concurrent") that says no, for `wait_s`. `left` is what
    remains of each of WINDOWS (-1: no limit). `cached_reply` and `key_version` come from Redis;
    both are None when it was not asked (`without_redis`). `slots`: where the tokens were counted.
    """

    visit: str
    key_version: bytes | None = None
    cached_reply: bytes | None = None
    refused: str | None = None
    wait_s: float = 0.0
    left: tuple[int, int, int] = (-1, -1, -1)
    slots: tuple[int, int] = (0, 0)
    without_redis: bool = False


REFUSALS = (None, *(window.name for window in WINDOWS), "concurrent")


class Limiter:
    """Admits visits and settles what they used."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._accounts: dict[str, Account] = {}
        self._unreleased: set[tuple[str, str]] = set()
        self._epoch = link.epoch
        self._process = secrets.token_hex(8)
        self._visits = count()

    async def admit(
        self, subject: str, limits: Limits, cost_tokens: int, answer_key: str | None
    ) -> Decision:
        """Decide on a visit of `subject`, and look up an answer in the same round trip."""
        if not limits:
            return await self._look(answer_key)
        account = self._accounts.get(subject)
        if account is None:
            account = self._accounts[subject] = Account(epoch=self._link.epoch)
        visit = f"{self._process}:{next(self._visits)}"
        try:
            decision = await self._ask(account, subject, limits, cost_tokens, answer_key, visit)
        except RedisError:
            decision = _decide(account, limits, cost_tokens, visit, time.monotonic())
        except asyncio.CancelledError:  # the caller left; Redis may let the visit in all the same
            self._release(subject, visit)
            raise
        if decision.refused is None:
            _count(account, decision, limits, cost_tokens)
        return decision

    async def settle(
        self, subject: str, limits: Limits, decision: Decision, reserved: int, spent: int
    ) -> None:
        """End a visit: free its place, and count the tokens it spent instead of those reserved."""
        account = self._accounts.get(subject)
        if account is None or decision.cached_reply is not None:
            return
        account.open.discard(decision.visit)
        differences = [
            spent - min(reserved, limit) if limit else 0 for limit in limits.by_window()[1:]
        ]
        now_s = time.monotonic()
        for tally, difference in zip(account.tallies[1:], differences, strict=True):
            if difference:
                tally.add(now_s, difference)
        if limits.concurrent or any(differences):
            await self._settle_in_redis(subject, decision, differences)

    async def renew_leases(self) -> None:
        """Tell Redis, for as long as this runs, that the open visits are still open."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            self._forget_idle()
            with suppress(RedisError):  # the leases outlast a short outage
                await asyncio.gather(
                    *(
                        self._link.run(
                            RENEW, (_open(subject),), (int(LEASE_S * 1000), *account.open)
                        )
                        for subject, account in self._accounts.items()
                        if account.open
                    )
                )

    async def _look(self, answer_key: str | None) -> Decision:
        try:
            if answer_key is None:
                return Decision("", key_version=await self._link.call("GET", KEYS_VERSION))
            version, answer = await self._link.call("MGET", KEYS_VERSION, answer_key)
        except RedisError:
            return Decision("", without_redis=True)
        return Decision("", key_version=version, cached_reply=answer)

    async def _ask(
        self,
        account: Account,
        subject: str,
        limits: Limits,
        cost_tokens: int,
        answer_key: str | None,
        visit: str,
    ) -> Decision:
        self._release_what_is_owed()
        epoch = self._link.epoch
        floors = (0, 0, 0)
        if account.epoch != epoch:
            now_s = time.monotonic()
            requests, minute, day = (tally.used(now_s) for tally in account.tallies)
            floors = (requests, minute, day)
        keys = [KEYS_VERSION, _used(subject), _open(subject)]
        if answer_key is not None:
            keys.append(answer_key)
        requests_limit, minute_limit, day_limit = limits.by_window()
        reply = await self._link.run(
            ADMIT,
            keys,
            (
                *(visit, int(LEASE_S * 1000), limits.concurrent or 0, len(account.open)),
                *(requests_limit or 0, 1, floors[0]),
                *(minute_limit or 0, cost_tokens, floors[1]),
                *(day_limit or 0, cost_tokens, floors[2]),
            ),
        )
        account.epoch = epoch
        version, answer, refused, wait_ms, *rest = reply
        return Decision(
            visit=visit,
            key_version=version,
            cached_reply=answer,
            refused=REFUSALS[refused],
            wait_s=wait_ms / 1000,
            left=(rest[0], rest[1], rest[2]),
            slots=(rest[3], rest[4]),
        )

    async def _settle_in_redis(
        self, subject: str, decision: Decision, differences: list[int]
    ) -> None:
        minute, day = decision.slots
        keys = (_used(subject), _open(subject))
        words = (decision.visit, minute, differences[0], day, differences[1])
        try:
            await self._link.run(SETTLE, keys, words)
        except RedisError:
            self._release(subject, decision.visit)

    def _release(self, subject: str, visit: str) -> None:
        try:
            self._link.call("ZREM", _open(subject), visit).add_done_callback(_forget)
        except RedisError:
            if len(self._unreleased) < MOST_UNRELEASED:  # beyond, the leases end by themselves
                self._unreleased.add((subject, visit))

    def _release_what_is_owed(self) -> None:
        """Free the places of visits that ended while Redis was lost: it may have counted them."""
        if self._epoch == self._link.epoch:
            return
        self._epoch = self._link.epoch
        owed, self._unreleased = self._unreleased, set()
        for subject, visit in owed:
            self._release(subject, visit)

    def _forget_idle(self) -> None:
        now_s = time.monotonic()
        idle = [
            subject
            for subject, account in self._accounts.items()
            if not account.open and not any(tally.used(now_s) for tally in account.tallies)
        ]
        for subject in idle:
            del self._accounts[subject]


def _decide(
    account: Account, limits: Limits, cost_tokens: int, visit: str, now_s: float
) -> Decision:
    """Decide alone, by the rule of lua/admit.lua."""
    refused, wait_s = None, 0.0
    left = []
    for window, tally, limit, cost in _bounded(account, limits, cost_tokens):
        used = tally.used(now_s) if limit else 0
        left.append(max(limit - used - cost, 0) if limit else -1)
        if cost and used + cost > limit:
            needed_s = tally.wait_s(now_s, used + cost - limit)
            if needed_s > wait_s:
                refused, wait_s = window.name, needed_s
    if limits.concurrent and len(account.open) >= limits.concurrent and refused is None:
        refused, wait_s = "concurrent", BUSY_WAIT_S
    return Decision(
        visit, refused=refused, wait_s=wait_s, left=(left[0], left[1], left[2]), without_redis=True
    )


def _count(account: Account, decision: Decision, limits: Limits, cost_tokens: int) -> None:
    now_s = time.monotonic()
    tokens = 0 if decision.cached_reply is not None else cost_tokens
    for _, tally, limit, cost in _bounded(account, limits, tokens):
        if limit and cost:
            tally.add(now_s, cost)
    if limits.concurrent and decision.cached_reply is None:
        account.open.add(decision.visit)


def _bounded(
    account: Account, limits: Limits, cost_tokens: int
) -> Iterator[tuple[Window, Tally, int, int]]:
    """Yield each window with its tally, limit (0: none) and cost, no cost above its limit."""
    costs = (1, cost_tokens, cost_tokens)
    for window, tally, limit, cost in zip(
        WINDOWS, account.tallies, limits.by_window(), costs, strict=True
    ):
        yield window, tally, limit or 0, min(cost, limit or 0)


def _used(subject: str) -> str:
    return f"{TAG}:used:{subject}"


def _open(subject: str) -> str:
    return f"{TAG}:open:{subject}"


def _forget(reply: asyncio.Future[object]) -> None:
    if not reply.cancelled():
        reply.exception()
