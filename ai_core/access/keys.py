"""API keys: created, listed, rotated, revoked; stored in Redis, checked against a copy in memory.

A secret is `cdt_live_` + 43 base62 characters (256 bits of entropy) + `_` + 6 base62 characters of
CRC-32, so that a typing error is refused without a look-up. Only the SHA-256 of the whole is
stored: a fast hash is enough for a high-entropy secret, and a slow one would allow CPU-exhaustion
attacks. The reasons are in docs/decisions/0012-api-keys.md.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from ai_core.access.rate_limits import UNLIMITED, RateLimits
from ai_core.access.widgets import WidgetLook
from ai_core.errors import KeysUnreadable, UnknownKey
from ai_core.redis_keys import KEYS, KEYS_VERSION
from shared.clock import Clock
from shared.stores.redis_connection import LuaScript, RedisConnection

log = structlog.get_logger()

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "cdt_live_"
SHAPE = re.compile(r"cdt_live_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")
ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
"""A web origin as browsers send it (RFC 6454): scheme, host, port, nothing else."""
REPLACE = LuaScript.read(Path(__file__).parent / "lua" / "replace_key.lua")
NO_LOOK = WidgetLook()
PUBLISHABLE_REQUESTS_PER_MINUTE = 20
PUBLISHABLE_CONCURRENT = 3
PUBLISHABLE_TOKENS_PER_MINUTE = 30_000
PUBLISHABLE_TOKENS_PER_DAY = 400_000
"""About 150 answers of a model in a day, for everybody behind one address together."""


class Scope(StrEnum):
    """Permissions of a key; each scope includes the lower ones."""

    ADMIN = "admin"
    INFERENCE = "inference"
    PUBLISHABLE = "publishable"

    def includes(self, needed: "Scope") -> bool:
        """Whether a key of this scope may use a route that requires `needed`."""
        return RANKS[self] <= RANKS[needed]


RANKS = {scope: rank for rank, scope in enumerate(Scope)}


class Permission(StrEnum):
    """What a publishable key may allow its visitors besides questions answered from the law."""

    WITHOUT_LAW = "without-law"
    """`knowledge: false` and system messages: a general model, at the operator's cost."""
    JSON_SCHEMA = "json-schema"
    """Answers that follow a JSON Schema of the visitor's."""


VISITOR_LIMITS = RateLimits(
    requests_per_minute=PUBLISHABLE_REQUESTS_PER_MINUTE,
    tokens_per_minute=PUBLISHABLE_TOKENS_PER_MINUTE,
    tokens_per_day=PUBLISHABLE_TOKENS_PER_DAY,
    concurrent=PUBLISHABLE_CONCURRENT,
)
"""Default limits of a publishable key, per visitor, as all visitors share the key."""


class Secret(BaseModel):
    """Hash of one of a key's secrets; `until` ends the overlap of a rotated one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    until: datetime | None = None


class Key(BaseModel):
    """The record of a key. `id` is public; no secret can be derived from a record."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str = Field(min_length=1, max_length=64)
    scope: Scope
    secrets: tuple[Secret, ...]
    limits: RateLimits
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    allowed_models: tuple[str, ...] = ()
    widget: WidgetLook = NO_LOOK
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> str:
        """Return "active", "expired" or "revoked"."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= now else "active"

    def permits(self, permission: Permission) -> bool:
        """Whether callers may use a feature; only publishable keys restrict them."""
        return self.scope is not Scope.PUBLISHABLE or permission in self.permissions

    def permits_model(self, name: str) -> bool:
        """Whether callers may choose a model by its name."""
        return self.scope is not Scope.PUBLISHABLE or name in self.allowed_models


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key and its secret, which is stored nowhere."""

    key: Key
    secret: str


def make_secret() -> str:
    """Return a random secret."""
    entropy = "".join(secrets.choice(BASE62) for _ in range(43))
    return f"{PREFIX}{entropy}_{_checksum(PREFIX + entropy)}"


def well_formed(presented: str) -> bool:
    """Whether a secret has the right format and checksum."""
    if not SHAPE.fullmatch(presented):
        return False
    body, _, checksum = presented.rpartition("_")
    return _checksum(body) == checksum


def digest(presented: str) -> str:
    """Return the hash under which a secret is stored."""
    return hashlib.sha256(presented.encode()).hexdigest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return "".join(reversed(digits))


class KeyRing:
    """The keys: stored in Redis, copied in the memory of this process.

    `version` changes with every change of a key; the gate compares it with the one Redis returns
    with each request, so that a revoked key is refused from the next request on.
    """

    def __init__(self, connection: RedisConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._by_digest: dict[str, tuple[Key, Secret]] | None = None
        self._refreshing = asyncio.Lock()
        self._with_origins: list[Key] = []
        self.version: bytes | None = None

    @property
    def readable(self) -> bool:
        """Whether the keys were ever read."""
        return self._by_digest is not None

    def find(self, presented: str) -> Key | None:
        """Return the active key of a secret; None when it is unknown, expired or revoked.

        Raises KeysUnreadable when the keys were never read.
        """
        if self._by_digest is None:
            raise KeysUnreadable
        presented_digest = digest(presented)
        key, secret = self._by_digest.get(presented_digest, (None, NO_SECRET))
        matches = hmac.compare_digest(secret.digest, presented_digest)
        if not matches or key is None:
            return None
        now = self._clock.now()
        if key.state(now) != "active" or (secret.until and secret.until <= now):
            return None
        return key

    async def refresh(self, newest: bytes | None = None) -> None:
        """Read the keys again, unless they are already at the version `newest`.

        Raises RedisError when Redis does not answer; the copy in memory stays.
        """
        async with self._refreshing:
            if self.readable and newest is not None and newest == self.version:
                return
            version, records = await asyncio.gather(
                self._connection.call("GET", KEYS_VERSION), self._connection.call("HVALS", KEYS)
            )
            keys = [Key.model_validate_json(record) for record in records]
            self._by_digest = {
                secret.digest: (key, secret) for key in keys for secret in key.secrets
            }
            self._with_origins = [
                key for key in keys if key.scope is Scope.PUBLISHABLE and key.allowed_origins
            ]
            self.version = version

    def allows_origin(self, origin: str) -> bool:
        """Whether an active publishable key serves that web origin."""
        now = self._clock.now()
        return any(
            origin in key.allowed_origins and key.state(now) == "active"
            for key in self._with_origins
        )

    async def changed(self) -> bool:
        """Read the keys again if they changed; return whether they did. False without Redis."""
        try:
            newest = await self._connection.call("GET", KEYS_VERSION)
            if self.readable and newest == self.version:
                return False
            await self.refresh(newest)
        except RedisError:
            return False
        return True

    async def create(
        self,
        name: str,
        scope: Scope,
        *,
        limits: RateLimits = UNLIMITED,
        allowed_networks: Sequence[IPv4Network | IPv6Network] = (),
        allowed_origins: Sequence[str] = (),
        permissions: Sequence[Permission] = (),
        allowed_models: Sequence[str] = (),
        widget: WidgetLook = NO_LOOK,
        lifetime: timedelta | None = None,
    ) -> NewKey:
        """Create a key. A publishable one gets those of VISITOR_LIMITS that are not given."""
        if scope is Scope.PUBLISHABLE:
            given = limits.model_dump(exclude_none=True)
            limits = RateLimits.model_validate(VISITOR_LIMITS.model_dump() | given)
        now = self._clock.now()
        secret = make_secret()
        key = Key(
            id=secrets.token_hex(6),
            name=name,
            scope=scope,
            secrets=(Secret(digest=digest(secret)),),
            limits=limits,
            allowed_networks=tuple(allowed_networks),
            allowed_origins=tuple(allowed_origins),
            permissions=tuple(permissions),
            allowed_models=tuple(allowed_models),
            widget=widget,
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
        )
        await self._replace(key, "")
        return NewKey(key, secret)

    async def list(self) -> list[Key]:
        """Return every key, revoked ones included, oldest first."""
        records = await self._connection.call("HVALS", KEYS)
        keys = [Key.model_validate_json(record) for record in records]
        return sorted(keys, key=lambda key: key.created_at)

    async def rotate(self, key_id: str, overlap: timedelta) -> NewKey:
        """Rotate a key's secret; the present ones stay valid for `overlap`.

        Raises UnknownKey when no active key has that id.
        """
        record, key = await self._read(key_id)
        now = self._clock.now()
        if key.state(now) != "active":
            raise UnknownKey(f"{key_id} is {key.state(now)}")
        secret = make_secret()
        until = now + overlap
        kept = [
            Secret(digest=old.digest, until=min(old.until or until, until))
            for old in key.secrets
            if overlap and (old.until is None or old.until > now)
        ]
        renewed = key.model_copy(update={"secrets": (Secret(digest=digest(secret)), *kept)})
        await self._replace(renewed, record)
        return NewKey(renewed, secret)

    async def revoke(self, key_id: str) -> Key:
        """Revoke a key permanently. Raises UnknownKey when no key has that id."""
        record, key = await self._read(key_id)
        revoked = key.model_copy(update={"revoked_at": key.revoked_at or self._clock.now()})
        await self._replace(revoked, record)
        return revoked

    async def change_widget(self, key_id: str, look: WidgetLook) -> Key:
        """Give the widget of a publishable key another look.

        Raises UnknownKey when no active publishable key has that id.
        """
        record, key = await self._read(key_id)
        if key.scope is not Scope.PUBLISHABLE or key.state(self._clock.now()) != "active":
            raise UnknownKey(f"{key_id} is no active publishable key")
        changed = key.model_copy(update={"widget": look})
        await self._replace(changed, record)
        return changed

    async def _read(self, key_id: str) -> tuple[bytes, Key]:
        record = await self._connection.call("HGET", KEYS, key_id)
        if record is None:
            raise UnknownKey(f"no key has the id {key_id}")
        return record, Key.model_validate_json(record)

    async def _replace(self, key: Key, expected: bytes | str) -> None:
        record = key.model_dump_json(exclude_defaults=True)  # readable before a field was added
        arguments = (key.id, expected, record, secrets.token_hex(8))
        if not await self._connection.run(REPLACE, (KEYS, KEYS_VERSION), arguments):
            raise UnknownKey(f"{key.id} was changed by another operator meanwhile")


NO_SECRET = Secret(digest="0" * 64)
