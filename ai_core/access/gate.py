"""Who may enter: the key, its scope, its address or origin, then its limits.

`identify` reads the key from memory; `admit` asks Redis once per visit for the limits, the cached
answer and whether the keys changed. What it cannot do: the origin of a publishable key is what the
browser says, so it stops other web sites from using the key, not a program that lies.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import ceil
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter
from redis.exceptions import RedisError
from starlette.requests import Request

from ai_core.access.keys import Key, KeyRing, Scope, well_formed
from ai_core.access.rate_limits import WINDOWS, Decision, Limiter, Limits
from ai_core.errors import AddressNotAllowed, KeysUnreadable, OriginNotAllowed, OverQuota
from shared.errors import NotAllowed, NotAuthenticated

Header = tuple[bytes, bytes]


class GateMetrics:
    """Refusals by reason, never by caller, and visits decided without Redis."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter("gate_refused", "Visits refused.", ["reason"], registry=registry)
        self.alone = Counter(
            "gate_decided_alone", "Visits decided without Redis.", registry=registry
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, at a door that opens to the scope `needed`.

    `subject` is whose limits apply: the key, or one visitor of a publishable key.
    """

    key: Key
    subject: str
    needed: Scope

    @property
    def key_id(self) -> str:
        """Return the public id of the key."""
        return self.key.id

    @property
    def scope(self) -> Scope:
        """Return what the key opens; answers are never cached across scopes."""
        return self.key.scope


class Visit:
    """One request let in; `cached` is the answer's body when it was asked for and is known."""

    __slots__ = ("cached", "caller", "decision", "spent")

    def __init__(self, caller: Caller, decision: Decision, reserved: int) -> None:
        self.caller = caller
        self.cached = decision.answer
        self.decision = decision
        self.spent = reserved

    def spend(self, tokens: int) -> None:
        """Say how many tokens the visit took; those reserved stand until it is said."""
        self.spent = tokens


class Gate:
    """Lets callers in, or raises why not."""

    def __init__(self, ring: KeyRing, limiter: Limiter, metrics: GateMetrics) -> None:
        self._ring = ring
        self._limiter = limiter
        self._alone = metrics.alone
        self._refused = {
            reason: metrics.refused.labels(reason)
            for reason in ("key", "scope", "address", "origin", "quota")
        }

    async def identify(self, request: Request, needed: Scope) -> Caller:
        """Return who asks, if their key opens what needs `needed`.

        No round trip, unless the answer is no: the key may be newer than our copy. Raises
        NotAuthenticated, NotAllowed, AddressNotAllowed, OriginNotAllowed, KeysUnreadable.
        """
        presented = _presented(request)
        if presented is None:
            self._refused["key"].inc()
            raise NotAuthenticated("no key")
        version = self._ring.version
        try:
            return self._recognise(request, presented, needed)
        except (NotAuthenticated, NotAllowed, KeysUnreadable):
            if not well_formed(presented):
                raise
            if await self._ring.changed() or self._ring.version != version:
                return self._recognise(request, presented, needed)
            raise

    def admit(
        self,
        request: Request,
        caller: Caller,
        *,
        cost_tokens: int = 0,
        cache_key: str | None = None,
    ) -> "Admission":
        """Let `caller` in for the length of an `async with`, which gives the Visit.

        Reserves `cost_tokens`; leaving settles them and frees the place. Raises OverQuota with
        the exact wait, and what `identify` raises when the key was revoked meanwhile.
        """
        return Admission(self, request, caller, cost_tokens, cache_key)

    async def enter(self, admission: "Admission") -> Visit:
        """Decide on a visit."""
        caller, request = admission.caller, admission.request
        limits = caller.key.limits
        decision = await self._limiter.admit(
            caller.subject, limits, admission.cost_tokens, admission.cache_key
        )
        if decision.alone:
            self._alone.inc()
        elif decision.version != self._ring.version:
            await self._check_again(admission, decision)
        quota = list(quota_headers(limits, decision))
        if quota:
            request.scope["state"].setdefault("headers", []).extend(quota)
        if decision.refused:
            self._refused["quota"].inc()
            raise OverQuota(decision.refused, retry_after_s=decision.wait_s)
        return Visit(caller, decision, admission.cost_tokens)

    async def leave(self, visit: Visit, reserved: int) -> None:
        """Settle a visit."""
        caller = visit.caller
        await self._limiter.settle(
            caller.subject, caller.key.limits, visit.decision, reserved, visit.spent
        )

    async def _check_again(self, admission: "Admission", decision: Decision) -> None:
        """Read the changed keys; refuse the visit just let in if its key opens no more."""
        try:
            await self._ring.refresh(decision.version)
        except RedisError:
            return
        caller = admission.caller
        try:
            self._recognise(admission.request, _presented(admission.request), caller.needed)
        except (NotAuthenticated, NotAllowed):
            if not decision.refused:
                reserved = admission.cost_tokens
                await self._limiter.settle(caller.subject, caller.key.limits, decision, reserved, 0)
            raise

    def _recognise(self, request: Request, presented: str | None, needed: Scope) -> Caller:
        key = self._ring.find(presented) if presented else None
        if key is None:
            self._refused["key"].inc()
            raise NotAuthenticated("no active key")
        if not key.scope.opens(needed):
            self._refused["scope"].inc()
            raise NotAllowed(f"{key.scope} does not open {needed}")
        if key.allowed_networks and not _address_allowed(request, key):
            self._refused["address"].inc()
            raise AddressNotAllowed
        if key.scope is not Scope.PUBLISHABLE:
            return Caller(key, key.id, needed)
        if not _origin_allowed(request, key):
            self._refused["origin"].inc()
            raise OriginNotAllowed
        return Caller(key, f"{key.id}:{_visitor(request, presented or '')}", needed)


class Admission:
    """The context of one visit; see Gate.admit."""

    __slots__ = ("_gate", "_visit", "cache_key", "caller", "cost_tokens", "request")

    def __init__(
        self,
        gate: Gate,
        request: Request,
        caller: Caller,
        cost_tokens: int,
        cache_key: str | None,
    ) -> None:
        self._gate = gate
        self._visit: Visit | None = None
        self.request = request
        self.caller = caller
        self.cost_tokens = cost_tokens
        self.cache_key = cache_key

    async def __aenter__(self) -> Visit:
        """Enter, or raise why not."""
        self._visit = await self._gate.enter(self)
        return self._visit

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave."""
        if self._visit and self._visit.cached is None:
            await self._gate.leave(self._visit, self.cost_tokens)


def quota_headers(limits: Limits, decision: Decision) -> Iterator[Header]:
    """Yield what draft-ietf-httpapi-ratelimit-headers-11 and older clients read.

    A refused visit says after how many seconds it may come back (`t`); otherwise the whole window
    after now is certain to have freed what is used.
    """
    policy, bounded = _policy(*limits.by_window())
    if not bounded:
        return
    wait_s = ceil(decision.wait_s)
    state = ", ".join(
        [
            f'"{WINDOWS[place].name}";r={decision.left[place]}'
            + (f";t={wait_s}" if WINDOWS[place].name == decision.refused else "")
            for place in bounded
        ]
    )
    first = bounded[0]
    yield b"ratelimit-policy", policy
    yield b"ratelimit", state.encode()
    yield b"x-ratelimit-limit", b"%d" % (limits.by_window()[first] or 0)
    yield b"x-ratelimit-remaining", b"%d" % decision.left[first]
    yield b"x-ratelimit-reset", b"%d" % (wait_s or WINDOWS[first].span_s)


@lru_cache(maxsize=1_024)
def _policy(*by_window: int | None) -> tuple[bytes, tuple[int, ...]]:
    """Return the policy of a key's limits, and which of WINDOWS have one."""
    bounded = tuple(place for place, limit in enumerate(by_window) if limit)
    policy = ", ".join(
        f'"{WINDOWS[place].name}";q={by_window[place]};w={WINDOWS[place].span_s}'
        for place in bounded
    )
    return policy.encode(), bounded


def _presented(request: Request) -> str | None:
    bearer = None
    for name, value in request.scope["headers"]:
        if name == b"x-api-key":
            return str(value, "latin-1")
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = str(value[7:].strip(), "latin-1")
    return bearer


def _address(request: Request) -> IPv4Address | IPv6Address | None:
    """Return the client's address as uvicorn found it: X-Forwarded-For's behind trusted proxies."""
    try:
        address = ip_address(request.client.host if request.client else "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _address_allowed(request: Request, key: Key) -> bool:
    address = _address(request)
    return address is not None and any(address in network for network in key.allowed_networks)


def _origin_allowed(request: Request, key: Key) -> bool:
    """Tell whether a browser asks from our page or from an origin the key names.

    A browser sends no Origin with a GET from the same origin, but says so in Sec-Fetch-Site.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "same-origin"
    if origin in key.allowed_origins:
        return True
    host = request.headers.get("host")
    return origin in {f"https://{host}", f"http://{host}"}


def _visitor(request: Request, presented: str) -> str:
    """Return a name for the visitor's address that cannot be read back from Redis.

    An IPv6 visitor holds a whole /64.
    """
    address = _address(request)
    place = address.packed[:8] if address else b""
    return hmac.new(presented.encode(), place, hashlib.sha256).hexdigest()[:16]
