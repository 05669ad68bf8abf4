"""Claims on answers: of several processes that are asked the same, one writes the answer.

The others wait for it in the cache (single_flight.py does the same within a process). A claim is a
lease in Redis that its process renews: when that dies, or cannot store the answer, the next one
writes. While Redis is lost, and after LONGEST_WAIT_S, everybody writes.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from redis.exceptions import RedisError

from ai_core.answering.cache import CacheKey, open_cached
from shared.stores.redis_connection import LuaScript, RedisConnection, Reply

LUA = Path(__file__).parent / "lua"
CLAIM = LuaScript.read(LUA / "claim_answer.lua")
RELEASE = LuaScript.read(LUA / "release_claim.lua")
LEASE_MS = 4_000
RENEW_EVERY_S = 1.0
FIRST_LOOK_S = 0.01
LAST_LOOK_S = 0.2
"""A waiting process looks for the answer after a pause that doubles from the first to the last."""
LONGEST_WAIT_S = 30.0


class AnswerClaims:
    """Claims the writing of answers, before it begins, for this process."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def claimed(self, key: CacheKey) -> AsyncIterator[bytes | None]:
        """Yield the body that another process has written meanwhile, or None: it is ours to write.

        What is written should be stored before this ends.
        """
        name, token = f"{key.name}:claim", secrets.token_hex(8)
        try:
            sealed = await self._sealed(key.name, name, token)
        except RedisError:
            yield None
            return
        if sealed is not None:
            yield open_cached(key, sealed)
            return
        renewing = asyncio.create_task(self._renew(name), name="renew claim")
        try:
            yield None
        finally:
            renewing.cancel()
            self._release(name, token)

    async def _sealed(self, answer: str, claim: str, token: str) -> bytes | None:
        """Wait for the answer, as long as another process writes it; None: it is ours to write."""
        until_s, pause_s = time.monotonic() + LONGEST_WAIT_S, FIRST_LOOK_S
        while True:
            reply = await self._connection.run(CLAIM, (answer, claim), (token, LEASE_MS))
            if isinstance(reply, bytes):
                return reply
            if reply or time.monotonic() >= until_s:
                return None
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_LOOK_S)

    async def _renew(self, claim: str) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            with suppress(RedisError):  # then the lease ends, and another process may write too
                await self._connection.call("PEXPIRE", claim, LEASE_MS)

    def _release(self, claim: str, token: str) -> None:
        """Give a claim back; nobody waits for the reply."""
        with suppress(RedisError):
            script = ("EVAL", RELEASE.source, 1, claim, token)
            self._connection.call(*script).add_done_callback(_ignore)


def _ignore(reply: asyncio.Future[Reply]) -> None:
    if not reply.cancelled():
        reply.exception()
