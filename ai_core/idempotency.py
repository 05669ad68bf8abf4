"""The same Idempotency-Key, from the same caller: the same answer, written once.

Follows draft-ietf-httpapi-idempotency-key-header-07. The answer is kept for a day under a hash of
caller and key; the request is kept only as a hash under the key itself, which Redis never sees.
Refusals that may be different later (429, 5xx) are not kept. While Redis is lost nothing can be
remembered: requests are answered, each for itself.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus

from redis.exceptions import RedisError

from ai_core.errors import IdempotencyMismatch, StillAnswering
from shared.errors import BadInput
from shared.redis_link import RedisLink

KEPT_S = 24 * 3600
LEASE_S = 30
"""A process that dies while answering lets the next try in after this long."""
RENEW_EVERY_S = LEASE_S / 3
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

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def answer(
        self,
        caller_id: str,
        idempotency_key: str,
        request: bytes,
        write: Callable[[], Awaitable[Outcome]],
    ) -> Outcome:
        """Write the answer to `request` (its route and body), or repeat the one given before.

        Raises IdempotencyMismatch when the key came with another request, StillAnswering when the
        first answer is not finished, and what `write` raises.
        """
        check(idempotency_key)
        name = hashlib.sha256(f"{caller_id}\n{idempotency_key}".encode()).hexdigest()
        place = f"idempotency:{name}"
        print_ = hmac.digest(idempotency_key.encode(), request, "sha256")
        try:
            known = await self._begin(place, print_)
        except RedisError:
            return await write()
        if known is not None:
            return known
        return await self._write(place, print_, write)

    async def _begin(self, place: str, fingerprint: bytes) -> Outcome | None:
        lease = ("NX", "PX", LEASE_S * 1000)
        while not await self._link.call("SET", place, fingerprint, *lease):
            record = await self._link.call("GET", place)
            if record is not None:
                return _known(record, fingerprint)
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
                await asyncio.sleep(RENEW_EVERY_S)
                with suppress(RedisError):
                    await self._link.call("PEXPIRE", place, LEASE_S * 1000)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def _known(record: bytes, fingerprint: bytes) -> Outcome:
    size = hashlib.sha256().digest_size
    if not hmac.compare_digest(record[:size], fingerprint):
        raise IdempotencyMismatch
    if record[size:] == UNDER_WAY:
        raise StillAnswering(retry_after_s=RETRY_AFTER_S)
    status, _, body = record[size:].partition(b" ")
    return Outcome(int(status), body, replayed=True)


def _keeps(status: int) -> bool:
    return status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS
