"""Sessions of the desk, in Redis: found by a random id of which only a hash is stored.

A session ends after a time without use, after a time in any case, when it is closed, and when the
account's password, second factor or identity changes (`credentials`, a hash of them, is compared
with every request).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from ai_core.redis_keys import TAG
from shared.clock import Clock
from shared.privacy.encryption import DecryptionFailed, DerivedKey
from shared.stores.redis_connection import RedisConnection

UNFINISHED_S = 10 * 60
"""How long somebody who gave a password may look for their second factor."""
LEFT_S = 5 * 60
"""How long what is shown once waits to be shown."""
SEEN_EVERY_S = 30.0
PURPOSE = "left in a session of the desk"


class Stage(StrEnum):
    """How far a sign-in has come."""

    SECOND_FACTOR = "second_factor"
    ENROLMENT = "enrolment"
    OPEN = "open"


class Session(BaseModel):
    """A session's record. `method` is how its account signed in: password or oidc."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_id: int
    stage: Stage
    method: str
    credentials: str
    csrf_token: str
    began_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session with its secret id (`token`), as the browser that holds it presents it."""

    token: str
    session: Session

    @property
    def digest(self) -> str:
        """Return what the session is found by; no secret."""
        return digest(self.token)


class Sessions:
    """Opens, finds and closes sessions."""

    def __init__(
        self, connection: RedisConnection, clock: Clock, *, idle_s: int, longest_s: int
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._idle_s = idle_s
        self._longest_s = longest_s

    async def open(
        self, account_id: int, stage: Stage, method: str, credentials: str
    ) -> OpenSession:
        """Open a session under a new id."""
        now = self._clock.now()
        session = Session(
            account_id=account_id,
            stage=stage,
            method=method,
            credentials=credentials,
            csrf_token=secrets.token_urlsafe(32),
            began_at=now,
            seen_at=now,
        )
        opened = OpenSession(secrets.token_urlsafe(32), session)
        kept_s = self._idle_s if stage is Stage.OPEN else UNFINISHED_S
        record = session.model_dump_json()
        await self._connection.call("SET", _key(opened.digest), record, "EX", kept_s)
        index = _index(account_id)
        await self._connection.call("SADD", index, opened.digest)
        await self._connection.call("EXPIRE", index, self._longest_s)
        return opened

    async def find(self, token: str) -> OpenSession | None:
        """Return the session of an id, and note its use; None when it has ended."""
        record = await self._connection.call("GET", _key(digest(token)))
        if record is None:
            return None
        found, now = OpenSession(token, Session.model_validate_json(record)), self._clock.now()
        if self.ended(found.session, now):
            await self.close(found.session.account_id, found.digest)
            return None
        if found.session.stage is not Stage.OPEN:
            return found
        if now - found.session.seen_at >= timedelta(seconds=SEEN_EVERY_S):
            seen = found.session.model_copy(update={"seen_at": now})
            options = ("XX", "EX", self._idle_s)  # XX: one that was closed meanwhile stays closed
            key = _key(found.digest)
            await self._connection.call("SET", key, seen.model_dump_json(), *options)
            return OpenSession(token, seen)
        return found

    def ended(self, session: Session, now: datetime) -> bool:
        """Whether a session has lasted too long, or was not used for too long."""
        longest_s = self._longest_s if session.stage is Stage.OPEN else UNFINISHED_S
        lasted, idle = now - session.began_at, now - session.seen_at
        return lasted.total_seconds() >= longest_s or idle.total_seconds() >= self._idle_s

    async def of_account(self, account_id: int) -> list[tuple[str, Session]]:
        """Return an account's open sessions by digest, the latest used first."""
        digests = [
            item.decode() for item in await self._connection.call("SMEMBERS", _index(account_id))
        ]
        if not digests:
            return []
        records = await self._connection.call("MGET", *map(_key, digests))
        now = self._clock.now()
        read = [
            (one, Session.model_validate_json(record))
            for one, record in zip(digests, records, strict=True)
            if record
        ]
        lasting = [
            pair for pair in read if pair[1].stage is Stage.OPEN and not self.ended(pair[1], now)
        ]
        return sorted(lasting, key=lambda pair: pair[1].seen_at, reverse=True)

    async def close(self, account_id: int, *digests: str) -> None:
        """End sessions of an account; those of others stay."""
        held = {
            item.decode() for item in await self._connection.call("SMEMBERS", _index(account_id))
        }
        ended = [one for one in digests if one in held]
        if ended:
            await self._connection.call("DEL", *map(_key, ended))
            await self._connection.call("SREM", _index(account_id), *ended)

    async def close_all(self, account_id: int, *, but: str = "") -> None:
        """End every session of an account, but the one with that digest."""
        held = await self._connection.call("SMEMBERS", _index(account_id))
        await self.close(account_id, *(item.decode() for item in held if item.decode() != but))

    async def leave(self, opened: OpenSession, name: str, text: str) -> None:
        """Leave a text in a session, to be taken once: sealed with its id, which is not stored."""
        sealed = DerivedKey(opened.token.encode(), PURPOSE).seal(text.encode())
        await self._connection.call("SET", _left_key(opened, name), sealed, "EX", LEFT_S)

    async def peek(self, opened: OpenSession, name: str) -> str | None:
        """Return a text that was left, and leave it there."""
        return _opened(opened, await self._connection.call("GET", _left_key(opened, name)))

    async def take(self, opened: OpenSession, name: str) -> str | None:
        """Return a text that was left, once."""
        return _opened(opened, await self._connection.call("GETDEL", _left_key(opened, name)))


def digest(token: str) -> str:
    """Return what is stored of a session's id: a fast hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _opened(opened: OpenSession, sealed: bytes | None) -> str | None:
    if sealed is None:
        return None
    try:
        return DerivedKey(opened.token.encode(), PURPOSE).open(sealed).decode()
    except DecryptionFailed:
        return None


def credentials_of(parts: Sequence[object]) -> str:
    """Return a hash of what an account signs in with: another one ends its sessions."""
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()[:32]


def _key(session_digest: str) -> str:
    return f"{TAG}:console:session:{session_digest}"


def _index(account_id: int) -> str:
    return f"{TAG}:console:sessions:{account_id}"


def _left_key(opened: OpenSession, name: str) -> str:
    return f"{TAG}:console:left:{opened.digest}:{name}"
