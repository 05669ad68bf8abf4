"""`conversation erase`: an operator erases a stored conversation, whoever began it."""

import argparse
import asyncio
import sys

from redis.exceptions import RedisError

from ai_core.answering.conversations import ConversationStore
from ai_core.redis_keys import TAG
from ai_core.settings import Settings
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


async def _erase(conversation_id: str, settings: Settings) -> None:
    connection = RedisConnection(str(settings.redis.url), TAG)
    await connection.open()
    try:
        await asyncio.wait_for(connection.found.wait(), REDIS_WAIT_S)
        kept = settings.conversations
        store = ConversationStore(connection, silence_s=kept.silence_s, turns_kept=kept.turns_kept)
        await store.erase_for_anybody(conversation_id)
    except TimeoutError as error:
        raise Unavailable(f"Redis was not found within {REDIS_WAIT_S:g} s") from error
    except RedisError as error:
        raise Unavailable(f"Redis does not answer: {type(error).__name__}") from error
    finally:
        await connection.close()
