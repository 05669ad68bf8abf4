"""Conversations: their turns in Redis, with an expiry after inactivity.

A conversation belongs to the caller that started it: the caller is part of its key, so for others
it does not exist. Texts are masked before they are stored. While Redis is lost questions are still
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
from shared.stores.redis_connection import LuaScript, RedisConnection

log = structlog.get_logger()

APPEND = LuaScript.read(Path(__file__).parent / "lua" / "conversation.lua")
TURN_CHARS = 4_000


def new_id() -> str:
    """Return an unguessable id for a new conversation."""
    return secrets.token_urlsafe(18)


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
            turns = await self._connection.call("LRANGE", _name(conversation_id, owner), 0, -1)
        except RedisError as error:
            log.warning("conversation not loaded", reason=type(error).__name__)
            return ()
        if not turns:
            raise UnknownConversation
        return tuple(ChatMessage(*orjson.loads(turn)) for turn in turns)

    async def add(self, conversation_id: str, owner: str, turns: Sequence[ChatMessage]) -> None:
        """Append turns, unless Redis is lost."""
        encoded_turns = [orjson.dumps((turn.role, turn.content[:TURN_CHARS])) for turn in turns]
        try:
            await self._connection.run(
                APPEND,
                (_name(conversation_id, owner),),
                (self._turns_kept, self._silence_s, *encoded_turns),
            )
        except RedisError as error:
            log.warning("conversation not stored", reason=type(error).__name__)

    async def erase(self, conversation_id: str, owner: str) -> None:
        """Erase a conversation now.

        Raises UnknownConversation as `recall` does, and RedisError, so that a failed erasure is
        never reported as done.
        """
        if not await self._connection.call("DEL", _name(conversation_id, owner)):
            raise UnknownConversation


def _name(conversation_id: str, owner: str) -> str:
    owned = hashlib.sha256(f"{owner}\0{conversation_id}".encode()).hexdigest()
    return f"{TAG}:conversation:{owned}"
