"""`conversation erase`: an operator erases a stored conversation, whoever began it."""

import argparse
import asyncio
import sys

from redis.exceptions import RedisError

from ai_core.answering.conversations import ConversationStore
from ai_core.errors import UnknownConversation
from ai_core.records.database import open_records
from ai_core.records.kept_conversations import KeptConversations
from ai_core.redis_keys import TAG
from ai_core.settings import Settings
from shared.clock import SystemClock
from shared.errors import Unavailable
from shared.stores.redis_connection import RedisConnection

REDIS_WAIT_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `conversation` and their options."""
    actions = parser.add_subparsers(dest="action", required=True)
    erase = actions.add_parser("erase", help="erase a stored conversation now")
    erase.add_argument("id", help="its conversation_id, as in a reply")


def run(arguments: argparse.Namespace, settings: Settings) -> None:
    """Erase the conversation and say so.

    Raises UnknownConversation, and Unavailable when Redis does not answer.
    """
    asyncio.run(_erase(arguments.id, settings))
    sys.stdout.write("erased\n")


async def _erase_kept(conversation_id: str, settings: Settings) -> bool:
    """Erase what Postgres keeps of it, where there is one; False when that is nothing."""
    if not settings.postgres.url:
        return False
    async with open_records(settings.postgres, SystemClock()) as records:
        try:
            await asyncio.wait_for(records.wait_until_up(), REDIS_WAIT_S)
        except TimeoutError as error:
            raise Unavailable("Postgres does not answer") from error
        return await KeptConversations(records).erase(conversation_id, None)


async def _erase(conversation_id: str, settings: Settings) -> None:
    connection = RedisConnection(str(settings.redis.url), TAG)
    await connection.open()
    try:
        await asyncio.wait_for(connection.found.wait(), REDIS_WAIT_S)
        kept = settings.conversations
        store = ConversationStore(connection, silence_s=kept.silence_s, turns_kept=kept.turns_kept)
        kept_too = await _erase_kept(conversation_id, settings)
        try:
            await store.erase_for_anybody(conversation_id)
        except UnknownConversation:
            if not kept_too:
                raise
    except TimeoutError as error:
        raise Unavailable(f"Redis was not found within {REDIS_WAIT_S:g} s") from error
    except RedisError as error:
        raise Unavailable(f"Redis does not answer: {type(error).__name__}") from error
    finally:
        await connection.close()
