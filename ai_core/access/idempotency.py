"""Idempotency-Key: a repeated request gets the first one's response, computed once.

Follows draft-ietf-httpapi-idempotency-key-header-07. The response is stored for a day under a hash
of caller and key, with an HMAC of the request, and encrypted with a key derived from the
idempotency key and the request: Redis gets neither, and only the same request opens it.
Transient failures (429, 5xx) are not stored. While Redis is lost there is no deduplication.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from redis.exceptions import RedisError

from ai_core.errors import IdempotencyMismatch, StillAnswering
from ai_core.redis_keys import TAG
from shared.privacy.encryption import DerivedKey
from shared.stores.redis_connection import RedisConnection
from shared.web.problems import InvalidFields

KEPT_S = 24 * 3600
LEASE_S = 4.0
"""Lease of a request; the next attempt may start this long after a crash of its process."""
RENEWALS_PER_LEASE = 4
WAIT_S = 6.0
"""How long a repeated request waits for the first one's response.

It is longer than a lease: when an instance crashes, nginx may retry on another, and the client gets
a response, not a conflict.
"""
POLL_EVERY_S = 0.1
MAX_KEY_CHARACTERS = 255
UNDER_WAY = b""
PURPOSE = "idempotency"
RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An HTTP response; `replayed` when it comes from an earlier request with the same key."""

    status: int
    body: bytes
    replayed: bool = False


def check_key(idempotency_key: str) -> None:
    """Raise InvalidFields when a key is empty, too long or not printable ASCII."""
    printable = idempotency_key.isascii() and idempotency_key.isprintable()
    if not (printable and 1 <= len(idempotency_key) <= MAX_KEY_CHARACTERS):
        limit = {"limit": MAX_KEY_CHARACTERS}
        raise InvalidFields(
            [{"type": "idempotency_key", "loc": ("Idempotency-Key",), "ctx": limit}]
        )


class Idempotency:
    """Responses by caller and Idempotency-Key."""

    def __init__(
        self, connection: RedisConnection, *, lease_s: float = LEASE_S, wait_s: float = WAIT_S
    ) -> None:
        self._connection = connection
        self._lease_ms = int(lease_s * 1000)
        self._wait_s = wait_s

    async def run_once(
        self,
        caller_id: str,
        idempotency_key: str,
        request: bytes,
        respond: Callable[[], Awaitable[StoredResponse]],
    ) -> StoredResponse:
        """Return the response stored for `request` (its route and body), or that of `respond`.

        Waits up to `wait_s` while the first request is under way. Raises IdempotencyMismatch when
        the key came with another request, StillAnswering when the first one takes longer than
        that, BadInput for an invalid key, and what `respond` raises.
        """
        check_key(idempotency_key)
        name = hashlib.sha256(f"{caller_id}\n{idempotency_key}".encode()).hexdigest()
        redis_key = f"{TAG}:idempotency:{name}"
        fingerprint = hmac.digest(idempotency_key.encode(), request, "sha256")
        try:
            record = await self._begin(redis_key, fingerprint)
        except RedisError:
            return await respond()
        key = DerivedKey(f"{caller_id}\n{idempotency_key}\n".encode() + request, PURPOSE)
        if record is not None:
            return _parse(key.open(record))
        return await self._respond(redis_key, fingerprint, key, respond)

    async def _begin(self, redis_key: str, fingerprint: bytes) -> bytes | None:
        """Take the lease and return None, or return the sealed response that is stored."""
        lease = ("NX", "PX", self._lease_ms)
        give_up_s = time.monotonic() + self._wait_s
        while not await self._connection.call("SET", redis_key, fingerprint, *lease):
            record = await self._connection.call("GET", redis_key)
            if record is None:
                continue
            if (sealed := _sealed_response(record, fingerprint)) is not None:
                return sealed
            if time.monotonic() > give_up_s:
                raise StillAnswering(retry_after_s=RETRY_AFTER_S)
            await asyncio.sleep(POLL_EVERY_S)
        return None

    async def _respond(
        self,
        redis_key: str,
        fingerprint: bytes,
        key: DerivedKey,
        respond: Callable[[], Awaitable[StoredResponse]],
    ) -> StoredResponse:
        response = None
        try:
            async with self._lease_renewed(redis_key):
                response = await respond()
        finally:
            with suppress(RedisError):  # the lease expires
                if response and _is_final(response.status):
                    sealed = key.seal(b"%d %b" % (response.status, response.body))
                    record = fingerprint + sealed
                    await self._connection.call("SET", redis_key, record, "EX", KEPT_S)
                else:
                    await self._connection.call("DEL", redis_key)
        return response

    @asynccontextmanager
    async def _lease_renewed(self, redis_key: str) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lease_ms / 1000 / RENEWALS_PER_LEASE)
                with suppress(RedisError):
                    await self._connection.call("PEXPIRE", redis_key, self._lease_ms)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def _sealed_response(record: bytes, fingerprint: bytes) -> bytes | None:
    """Return the sealed response of a record, None while its request is under way.

    Raises IdempotencyMismatch when the record belongs to another request.
    """
    size = hashlib.sha256().digest_size
    if not hmac.compare_digest(record[:size], fingerprint):
        raise IdempotencyMismatch
    return record[size:] if record[size:] != UNDER_WAY else None


def _parse(opened: bytes) -> StoredResponse:
    status, _, body = opened.partition(b" ")
    return StoredResponse(int(status), body, replayed=True)


def _is_final(status: int) -> bool:
    return status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS
