"""The same Idempotency-Key, from the same caller: the same answer, written once.

Follows draft-ietf-httpapi-idempotency-key-header-07. The answer is kept for a day under a hash of
caller and key; the request is kept only as a hash under the key itself, which Redis never sees.
Refusals that may be different later (429, 5xx) are not kept. While Redis is lost nothing can be
remembered: requests are answered, each for itself.
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
from shared.errors import BadInput
from shared.stores.redis_connection import RedisLink

KEPT_S = 24 * 3600
LEASE_S = 4.0
"""A process that dies while answering lets the next try in after this long."""
RENEWALS = 4
"""Times a lease is renewed while it lasts."""
PATIENCE_S = 6.0
"""How long the same request waits for the first one. It is longer than a lease, so that nginx may
send a request to another instance when one dies, and the caller sees an answer, not a conflict."""
LOOK_EVERY_S = 0.1
MAX_KEY_CHARACTERS = 255
UNDER_WAY = b""
RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request was answered; `replayed` when it had been answered before."""

    status: int
    body: bytes
    replayed: bool = False


def check(idempotency_key: str) -> str:
    """Return the key. Raises BadInput when it is empty, too long or not printable ASCII."""
    if not 1 <= len(idempotency_key) <= MAX_KEY_CHARACTERS:
        raise BadInput("Idempotency-Key: 1 to 255 characters")
    if not (idempotency_key.isascii() and idempotency_key.isprintable()):
        raise BadInput("Idempotency-Key: printable ASCII")
    return idempotency_key


class Idempotency:
    """Remembers answers by caller and Idempotency-Key."""

    def __init__(
        self, link: RedisLink, *, lease_s: float = LEASE_S, patience_s: float = PATIENCE_S
    ) -> None:
        self._link = link
        self._lease_ms = int(lease_s * 1000)
        self._patience_s = patience_s

    async def answer(
        self,
        caller_id: str,
        idempotency_key: str,
        request: bytes,
        write: Callable[[], Awaitable[Outcome]],
    ) -> Outcome:
        """Write the answer to `request` (its route and body), or repeat the one given before.

        Waits a while for a first answer that is being written. Raises IdempotencyMismatch when the
        key came with another request, StillAnswering when the first answer is not finished by
        then, and what `write` raises.
        """
        check(idempotency_key)
        name = hashlib.sha256(f"{caller_id}\n{idempotency_key}".encode()).hexdigest()
        place = f"{TAG}:idempotency:{name}"
        print_ = hmac.digest(idempotency_key.encode(), request, "sha256")
        try:
            known = await self._begin(place, print_)
        except RedisError:
            return await write()
        if known is not None:
            return known
        return await self._write(place, print_, write)

    async def _begin(self, place: str, fingerprint: bytes) -> Outcome | None:
        lease = ("NX", "PX", self._lease_ms)
        give_up_s = time.monotonic() + self._patience_s
        while not await self._link.call("SET", place, fingerprint, *lease):
            record = await self._link.call("GET", place)
            if record is None:
                continue
            if (known := _known(record, fingerprint)) is not None:
                return known
            if time.monotonic() > give_up_s:
                raise StillAnswering(retry_after_s=RETRY_AFTER_S)
            await asyncio.sleep(LOOK_EVERY_S)
        return None

    async def _write(
        self, place: str, fingerprint: bytes, write: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        outcome = None
        try:
            async with self._renewed(place):
                outcome = await write()
        finally:
            with suppress(RedisError):  # the lease ends by itself
                if outcome and _keeps(outcome.status):
                    record = b"%b%d %b" % (fingerprint, outcome.status, outcome.body)
                    await self._link.call("SET", place, record, "EX", KEPT_S)
                else:
                    await self._link.call("DEL", place)
        return outcome

    @asynccontextmanager
    async def _renewed(self, place: str) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(self._lease_ms / 1000 / RENEWALS)
                with suppress(RedisError):
                    await self._link.call("PEXPIRE", place, self._lease_ms)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def _known(record: bytes, fingerprint: bytes) -> Outcome | None:
    """Return the answer on record, None while it is being written."""
    size = hashlib.sha256().digest_size
    if not hmac.compare_digest(record[:size], fingerprint):
        raise IdempotencyMismatch
    if record[size:] == UNDER_WAY:
        return None
    status, _, body = record[size:].partition(b" ")
    return Outcome(int(status), body, replayed=True)


def _keeps(status: int) -> bool:
    return status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS
