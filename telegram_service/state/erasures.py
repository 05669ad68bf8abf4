"""Erasures under way, in Redis: one that was confirmed is carried out, whatever crashes or is down.

An erasure is stored before anything is deleted, and forgotten after everything was: until then
every worker tries to complete it. `covers` keeps out what a person had sent before: it is not
answered, and what is being answered then is not kept.
docs/decisions/0119-an-erasure-is-a-stored-task.md
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared.languages import Language
from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection
from telegram_service.addresses import ChatId, MessageId
from telegram_service.queue.update_queue import TTL_S
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import ERASURE, Vault

UPDATE_ERASURE = LuaScript.read(Path(__file__).parent / "lua" / "update_erasure.lua")
ERASURES = f"{KEY_PREFIX}:erasures"
REWRITE_DUE = f"{KEY_PREFIX}:rewrite_due"
"""Set while the append-only file may still hold what was deleted."""


class Erasure(BaseModel):
    """An erasure that a person confirmed.

    It is about what was received until `received_ms`. `conversations` are the ids in ai_core;
    `redis_erased` and `messages` (how many were erased in Postgres, None until they were) say how
    far it has come. `message_id` is the message that tells the person, `reply_token` LINE's.
    """

    model_config = ConfigDict(frozen=True)

    person: ChatId
    chat: ChatId
    receipt: str
    at: datetime
    received_ms: int
    language: Language
    message_id: MessageId
    reply_token: str = ""
    conversations: tuple[str, ...]
    redis_erased: bool = False
    messages: int | None = None


class Erasures:
    """The erasures not completed. Raises RedisUnavailable."""

    def __init__(self, redis: RedisConnection, vault: Vault) -> None:
        self._redis = redis
        self._vault = vault

    async def begin(self, erasure: Erasure) -> Erasure:
        """Store an erasure; return it, or the one of the same person that is under way."""
        await self._redis.call("SET", self._mark(erasure.person), erasure.received_ms, "EX", TTL_S)
        name = self._vault.name(erasure.person)
        await self._redis.call("HSETNX", ERASURES, name, self._sealed(erasure))
        return self._opened(await self._redis.call("HGET", ERASURES, name)) or erasure

    async def update(self, erasure: Erasure) -> None:
        """Store how far an erasure has come, unless another worker has completed it."""
        args: list[RedisArg] = [self._vault.name(erasure.person), self._sealed(erasure)]
        await self._redis.run(UPDATE_ERASURE, [ERASURES], args)

    async def complete(self, erasure: Erasure) -> None:
        """Forget an erasure that was carried out."""
        await self._redis.call("HDEL", ERASURES, self._vault.name(erasure.person))

    async def under_way(self) -> Sequence[Erasure]:
        """Return the erasures not completed. Raises DecryptionFailed."""
        stored = await self._redis.call("HVALS", ERASURES)
        return [erasure for erasure in map(self._opened, stored) if erasure]

    async def covers(self, person: ChatId, received_ms: int) -> bool:
        """Whether a person confirmed an erasure after an update of theirs was received."""
        mark = await self._redis.call("GET", self._mark(person))
        return mark is not None and received_ms <= int(mark)

    async def ask_for_rewrite(self) -> None:
        """Have the append-only file rewritten, soon."""
        await self._redis.call("SET", REWRITE_DUE, 1)

    async def rewrite(self) -> bool:
        """Start the rewriting that is due; whether one was started.

        Raises ResponseError while Redis cannot, or is not allowed to.
        """
        if not await self._redis.call("EXISTS", REWRITE_DUE):
            return False
        await self._redis.call("BGREWRITEAOF")
        await self._redis.call("DEL", REWRITE_DUE)
        return True

    def _mark(self, person: ChatId) -> str:
        return f"{KEY_PREFIX}:erased:{self._vault.name(person)}"

    def _sealed(self, erasure: Erasure) -> bytes:
        return self._vault.seal(erasure.model_dump_json().encode(), ERASURE)

    def _opened(self, sealed: bytes | None) -> Erasure | None:
        if sealed is None:
            return None
        return Erasure.model_validate_json(self._vault.open(sealed, ERASURE))
