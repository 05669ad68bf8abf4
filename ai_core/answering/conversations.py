"""Conversations: their turns in Redis, with an expiry after inactivity.

A conversation's id is its key, in both senses. Redis knows it under a hash of the id, and every
turn is encrypted with a key derived from the id and from the caller that started it: for another
caller it does not exist, and whoever reads the disk, a backup included, reads nothing unless they
were given the id. Texts are masked before they are stored. While Redis is lost questions are still
answered, without history, and not stored: a conversation started then is unknown afterwards.
"""

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

import orjson
import structlog
from redis.exceptions import RedisError

from ai_core.engines.base import ChatMessage
from ai_core.errors import UnknownConversation
from ai_core.redis_keys import TAG
from shared.privacy.encryption import DecryptionFailed, DerivedKey
from shared.stores.redis_connection import LuaScript, RedisConnection

log = structlog.get_logger()

APPEND = LuaScript.read(Path(__file__).parent / "lua" / "conversation.lua")
TURN_CHARS = 4_000
ID_BYTES = 24


def new_id() -> str:
    """Return an unguessable id of 192 random bits for a new conversation."""
    return secrets.token_urlsafe(ID_BYTES)


class ConversationStore:
    """Stores conversations; one expires `silence_s` after its last turn and has at most
    `turns_kept` turns. Long turns are truncated.
    """

    def __init__(self, connection: RedisConnection, *, silence_s: int, turns_kept: int) -> None:
        self._connection = connection
        self._silence_s = silence_s
        self._turns_kept = turns_kept

    async def recall(self, conversation_id: str, owner: str) -> tuple[ChatMessage, ...]:
        """Return the turns so far, oldest first; none while Redis is lost.

        Raises UnknownConversation when `owner` has no such conversation, or it has ended.
        """
        try:
            turns = await self._connection.call("LRANGE", _name(conversation_id), 0, -1)
        except RedisError as error:
            log.warning("conversation not loaded", reason=type(error).__name__)
            return ()
        if not turns:
            raise UnknownConversation
        key = _key(conversation_id, owner)
        try:
            return tuple(ChatMessage(*orjson.loads(key.open(turn))) for turn in turns)
        except DecryptionFailed:
            raise UnknownConversation from None

    async def add(
        self, conversation_id: str, owner: str, turns: Sequence[ChatMessage], *, new: bool
    ) -> None:
        """Append turns, unless Redis is lost.

        One that is not `new` must still be there: an answer that was being written while its
        conversation was erased does not bring it back.
        """
        key = _key(conversation_id, owner)
        sealed = [key.seal(orjson.dumps((turn.role, turn.content[:TURN_CHARS]))) for turn in turns]
        try:
            await self._connection.run(
                APPEND,
                (_name(conversation_id),),
                (self._turns_kept, self._silence_s, int(new), *sealed),
            )
        except RedisError as error:
            log.warning("conversation not stored", reason=type(error).__name__)

    async def erase(self, conversation_id: str, owner: str) -> None:
        """Erase a conversation of `owner` now.

        Raises UnknownConversation as `recall` does, and RedisError, so that a failed erasure is
        never reported as done.
        """
        first = await self._connection.call("LINDEX", _name(conversation_id), 0)
        if first is None:
            raise UnknownConversation
        try:
            _key(conversation_id, owner).open(first)
        except DecryptionFailed:
            raise UnknownConversation from None
        await self.erase_for_anybody(conversation_id)

    async def erase_for_anybody(self, conversation_id: str) -> None:
        """Erase a conversation now, whoever started it: for operators.

        Raises UnknownConversation when there is none, and RedisError.
        """
        if not await self._connection.call("DEL", _name(conversation_id)):
            raise UnknownConversation


def _name(conversation_id: str) -> str:
    return f"{TAG}:conversation:{hashlib.sha256(conversation_id.encode()).hexdigest()}"


def _key(conversation_id: str, owner: str) -> DerivedKey:
    return DerivedKey(conversation_id.encode(), f"conversation of {owner}")
