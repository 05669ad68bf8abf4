"""Authentication and admission: the API key, its scope, its address or origin, then its limits.

A request passes twice. `Gate.identify` checks the key it presents against the copy in memory
(access/keys.py: `KeyRing.find`). `Gate.admit` returns a Permit; entering it asks Redis, in one
round trip, for the rate limits (access/rate_limits.py), the cached reply and the keys' version.

The origin check of a publishable key relies on the browser's header: it stops other web sites, not
a program that forges the header. The file is long because the whole admission of a request stands
in it.
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf
from types import TracebackType
from typing import Self

from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Counter
from redis.exceptions import RedisError
from starlette.requests import Request

from ai_core.access.hosts import OwnHosts
from ai_core.access.keys import Key, KeyRing, Scope, well_formed
from ai_core.access.rate_limits import REQUESTS, Decision, Limiter, RateLimits, Refusals
from ai_core.access.usage import KeyUsage
from ai_core.access.visitors import Visitors, client_address
from ai_core.errors import (
    AddressNotAllowed,
    HostNotAllowed,
    KeysUnreadable,
    OriginNotAllowed,
    OverQuota,
)
from shared.errors import NotAllowed, NotAuthenticated
from shared.web.tracing import NO_TRACER

Header = tuple[bytes, bytes]


class GateMetrics:
    """Refusals by reason, never by caller, and requests decided without Redis."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter("gate_refused", "Requests refused.", ["reason"], registry=registry)
        self.without_redis = Counter(
            "gate_decided_alone", "Requests decided without Redis.", registry=registry
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated client of a route that requires the scope `needed`.

    `subject` identifies the caller to the rate limits: the key, or one visitor of a publishable
    key.
    """

    key: Key
    subject: str
    needed: Scope

    @property
    def key_id(self) -> str:
        """Return the public id of the key."""
        return self.key.id

    @property
    def names(self) -> tuple[str, str]:
        """Return the public id of the key, and its name."""
        return self.key.id, self.key.name

    @property
    def scope(self) -> Scope:
        """Return the key's scope; answers are never cached across scopes."""
        return self.key.scope

    @property
    def sees_cache(self) -> bool:
        """Whether the caller is told what came from the cache.

        Not with a publishable key: it would tell one visitor that another asked the same question
        (decision 0110).
        """
        return self.key.scope is not Scope.PUBLISHABLE


class Permit:
    """Admission of one request: `async with` decides on entry, and settles on exit.

    It may be entered before the request is parsed, with a guess of its tokens; `async with` then
    only looks for the cached reply. `cached_reply` is what is stored under `cache_key`, when Redis
    has it. Entering raises OverQuota with the exact wait, and what `Gate.identify` raises when the
    key was revoked since.
    """

    __slots__ = (
        "_gate",
        "cache_key",
        "cached_reply",
        "caller",
        "cost_tokens",
        "decision",
        "request",
        "spent_tokens",
    )

    def __init__(
        self,
        gate: "Gate",
        request: Request,
        caller: Caller,
        cost_tokens: int,
        cache_key: str | None,
    ) -> None:
        self._gate = gate
        self.request = request
        self.caller = caller
        self.cost_tokens = cost_tokens
        self.cache_key = cache_key
        self.spent_tokens: int | None = None
        self.cached_reply: bytes | None = None
        self.decision: Decision | None = None

    def price(self, cost_tokens: int, cache_key: str | None) -> None:
        """Set the tokens to reserve, unless the request has entered, and its cached reply's key."""
        self.cache_key = cache_key
        if self.decision is None:
            self.cost_tokens = cost_tokens

    def spend(self, tokens: int) -> None:
        """Set how many tokens the request took; until then those reserved are charged."""
        self.spent_tokens = tokens

    async def enter(self) -> None:
        """Enter, or raise the refusal."""
        with self._gate.tracer.start_span("gate"):
            await self._gate.enter(self)

    async def leave(self) -> None:
        """Charge the tokens that were spent and free the concurrency slot, the first time."""
        decision, self.decision = self.decision, None
        if decision:
            await self._gate.settle(self, decision)

    async def __aenter__(self) -> Self:
        """Enter, or raise the refusal; look for the cached reply of a request that has entered."""
        if self.decision is None:
            await self.enter()
        elif self.cache_key:
            self.cached_reply = await self._gate.cached_reply(self.cache_key)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave."""
        await self.leave()


class Gate:
    """Admits requests, or raises the reason for refusing them."""

    def __init__(
        self,
        ring: KeyRing,
        limiter: Limiter,
        metrics: GateMetrics,
        visitors: Visitors,
        hosts: OwnHosts,
        tracer: Tracer = NO_TRACER,
        usage: KeyUsage | None = None,
    ) -> None:
        self.tracer = tracer
        self._usage = usage
        self._ring = ring
        self._limiter = limiter
        self._visitors = visitors
        self._hosts = hosts
        self._looked_s = -inf
        self._refusals = Refusals()
        self._without_redis = metrics.without_redis
        self._refused = {
            reason: metrics.refused.labels(reason)
            for reason in ("key", "scope", "address", "host", "origin", "quota")
        }

    async def identify(self, request: Request, needed: Scope) -> Caller:
        """Return the caller, if their key has the scope `needed`.

        No round trip, unless the key is unknown or invalid: it may be newer than our copy. Raises
        NotAuthenticated, NotAllowed, AddressNotAllowed, HostNotAllowed, OriginNotAllowed,
        KeysUnreadable.
        """
        presented = _presented_key(request)
        if presented is None:
            self._refused["key"].inc()
            raise NotAuthenticated("no key")
        version = self._ring.version
        try:
            return self._authenticate(request, presented, needed)
        except (NotAuthenticated, NotAllowed, KeysUnreadable):
            if not well_formed(presented):
                raise
            if await self._ring.changed() or self._ring.version != version:
                return self._authenticate(request, presented, needed)
            raise

    async def publishable_key(self, presented: str) -> Key:
        """Return the active publishable key of a secret, for what its page may embed.

        Raises NotAuthenticated, KeysUnreadable.
        """
        key = self._ring.find(presented)
        if key is None and well_formed(presented) and await self._ring.changed():
            key = self._ring.find(presented)
        if key is None or key.scope is not Scope.PUBLISHABLE:
            self._refused["key"].inc()
            raise NotAuthenticated("no active publishable key")
        return key

    async def allows_origin(self, origin: str) -> bool:
        """Whether some key serves a web origin: its scripts may then read our responses.

        Which key a preflight is for is not known: it carries none. Keys made a moment ago are
        looked for, at most once a second.
        """
        if self._ring.allows_origin(origin):
            return True
        now_s = time.monotonic()
        if now_s - self._looked_s < 1.0:
            return False
        self._looked_s = now_s
        return await self._ring.changed() and self._ring.allows_origin(origin)

    def require_own_page(self, request: Request, caller: Caller) -> None:
        """Refuse a browser's request unless it comes from a page of ours or of the key's.

        Programs send neither of the headers that tell. Raises HostNotAllowed, OriginNotAllowed.
        """
        if not {"origin", "sec-fetch-site"} & set(request.headers.keys()):
            return
        self._require_pages(request, caller.key.allowed_origins)

    async def admit_form(
        self, request: Request, name: str, of_visitor: RateLimits, of_everyone: RateLimits
    ) -> None:
        """Count one sending of our form `name`, which costs a token of each limit.

        Raises HostNotAllowed, OriginNotAllowed, OverQuota.
        """
        self._require_pages(request, ())
        visitor = f"{name}:{self._visitors.pseudonym(client_address(request))}"
        for subject, limits in ((visitor, of_visitor), (name, of_everyone)):
            decision = await self._limiter.admit(subject, limits, 1, None)
            if decision.refused:
                raise OverQuota(decision.refused, retry_after_s=decision.wait_s)

    def admit(
        self,
        request: Request,
        caller: Caller,
        *,
        cost_tokens: int = 0,
        cache_key: str | None = None,
    ) -> Permit:
        """Return the permit of a request that reserves `cost_tokens`, to be entered."""
        return Permit(self, request, caller, cost_tokens, cache_key)

    async def enter(self, permit: Permit) -> None:
        """Decide on a request, for Permit."""
        caller, request = permit.caller, permit.request
        limits = caller.key.limits
        decision = await self._limiter.admit(
            caller.subject, limits, permit.cost_tokens, permit.cache_key
        )
        if decision.without_redis:
            self._without_redis.inc()
        elif decision.key_version != self._ring.version:
            await self._authenticate_again(permit, decision)
        self._refusals.remember(caller.subject, limits, decision)
        self._answer_quota(request, caller, decision)
        permit.decision, permit.cached_reply = decision, decision.cached_reply

    def raise_if_refused(self, request: Request, caller: Caller) -> None:
        """Raise OverQuota again, without Redis, while the wait it was given last lasts."""
        refusal = self._refusals.of(caller.subject, caller.key.limits)
        if refusal:
            self._answer_quota(request, caller, refusal)

    def _answer_quota(self, request: Request, caller: Caller, decision: Decision) -> None:
        """Add the headers of the limits to the response. Raises OverQuota for a refusal."""
        limits = caller.key.limits
        quota = list(quota_headers(limits, decision, with_tokens=caller.sees_cache))
        if quota:
            request.scope["state"].setdefault("headers", []).extend(quota)
        if decision.refused:
            self._refused["quota"].inc()
            raise OverQuota(decision.refused, retry_after_s=decision.wait_s)

    async def cached_reply(self, cache_key: str) -> bytes | None:
        """Return a cached reply, for Permit; None without Redis."""
        return (await self._limiter.read(cache_key)).cached_reply

    async def settle(self, permit: Permit, decision: Decision) -> None:
        """Settle a request, for Permit; a cached reply reserved nothing."""
        spent = permit.cost_tokens if permit.spent_tokens is None else permit.spent_tokens
        if self._usage:
            self._usage.count(permit.caller.key_id, 0 if permit.cached_reply else spent)
        await self._limiter.settle(decision, spent)

    async def _authenticate_again(self, permit: Permit, decision: Decision) -> None:
        """Read the changed keys; refuse the request just admitted if its key is no longer valid."""
        try:
            await self._ring.refresh(decision.key_version)
        except RedisError:
            return
        presented = _presented_key(permit.request)
        try:
            self._authenticate(permit.request, presented, permit.caller.needed)
        except (NotAuthenticated, NotAllowed):
            await self._limiter.settle(decision, 0)
            raise

    def _authenticate(self, request: Request, presented: str | None, needed: Scope) -> Caller:
        key = self._ring.find(presented) if presented else None
        if key is None:
            self._refused["key"].inc()
            raise NotAuthenticated("no active key")
        if not key.scope.includes(needed):
            self._refused["scope"].inc()
            raise NotAllowed(f"{key.scope} does not include {needed}")
        if key.allowed_networks and not _address_allowed(request, key):
            self._refused["address"].inc()
            raise AddressNotAllowed
        if key.scope is not Scope.PUBLISHABLE:
            return Caller(key, key.id, needed)
        self._require_pages(request, key.allowed_origins)
        return Caller(key, f"{key.id}:{self._visitors.pseudonym(client_address(request))}", needed)

    def _require_pages(self, request: Request, origins: Collection[str]) -> None:
        host = self._hosts.host_of(request)
        if host is None:
            self._refused["host"].inc()
            raise HostNotAllowed
        if not _from_pages(request, origins, host):
            self._refused["origin"].inc()
            raise OriginNotAllowed


def quota_headers(
    limits: RateLimits, decision: Decision, *, with_tokens: bool = True
) -> Iterator[Header]:
    """Yield the headers of draft-ietf-httpapi-ratelimit-headers-11, and X-RateLimit-* beside them.

    `t` is a refused request's wait in seconds. X-RateLimit-Reset of an admitted one is the whole
    window: by then all that is used has expired. Without `with_tokens` a window of tokens is named
    only when it refuses: what is left of it tells whether an answer came from the cache.
    """
    if not limits.windows:
        return
    wait_s = ceil(decision.wait_s)
    state = [
        f'"{window.name}";r={left}' + (f";t={wait_s}" if window.name == decision.refused else "")
        for (window, _), left in zip(limits.windows, decision.left, strict=True)
        if with_tokens or window is REQUESTS or window.name == decision.refused
    ]
    first, limit = limits.windows[0]
    yield b"ratelimit-policy", _policy(limits)
    yield b"ratelimit", ", ".join(state).encode()
    if not (with_tokens or first is REQUESTS):
        return
    yield b"x-ratelimit-limit", b"%d" % limit
    yield b"x-ratelimit-remaining", b"%d" % decision.left[0]
    yield b"x-ratelimit-reset", b"%d" % (wait_s or first.span_s)


@lru_cache(maxsize=1_024)
def _policy(limits: RateLimits) -> bytes:
    return ", ".join(
        f'"{window.name}";q={limit};w={window.span_s}' for window, limit in limits.windows
    ).encode()


def _presented_key(request: Request) -> str | None:
    bearer = None
    for name, value in request.scope["headers"]:
        if name == b"x-api-key":
            return str(value, "latin-1")
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = str(value[7:].strip(), "latin-1")
    return bearer


def _address_allowed(request: Request, key: Key) -> bool:
    address = client_address(request)
    return address is not None and any(address in network for network in key.allowed_networks)


def _from_pages(request: Request, origins: Collection[str], host: str) -> bool:
    """Whether a request to `host`, one of ours, comes from our page or one of the `origins`.

    A browser sends no Origin with our own GET, and "null" with a form of a page that sends no
    referrer, but then sends Sec-Fetch-Site, which no page can set.
    """
    origin = request.headers.get("origin")
    if origin in (None, "null"):
        return request.headers.get("sec-fetch-site") == "same-origin"
    return origin in origins or origin in {f"https://{host}", f"http://{host}"}
