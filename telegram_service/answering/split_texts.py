"""Texts longer than a message: clients split them, and the pieces are one question."""

import asyncio
from itertools import pairwise

from telegram_service.answering.update_context import UpdateContext
from telegram_service.bot_api import Update
from telegram_service.queue.update_queue import CONTROL, QueuedUpdate
from telegram_service.sending.formatting import units

SPLIT_AT_UNITS = 3_900
"""UTF-16 units; a text this long was probably split by the client, which does so at 4096."""
NEXT_PIECE_S = 1.2
"""How long the next piece may take to arrive."""
MAX_DISTANCE_S = 2


async def join_split_text(context: UpdateContext) -> tuple[QueuedUpdate, ...]:
    """Put the pieces of a split text into the update at hand; return the updates they came in."""
    lease = context.lease
    first = context.update.message
    if lease.stream == CONTROL or first is None or units(first.text) < SPLIT_AT_UNITS:
        return lease.updates[:1]
    queue = context.services.queue
    if (joined := context.outbox.get("joined")) is None:
        await asyncio.sleep(NEXT_PIECE_S)
        updates = await queue.peek(lease)
        count = count_pieces(updates)
        await context.outbox.write(joined=count)
    else:
        updates, count = await queue.peek(lease), int(joined)
    text = "".join(_text(update) for update in updates[:count])
    whole = first.model_copy(update={"text": text})
    context.update = context.update.model_copy(update={"message": whole})
    return updates[:count]


def count_pieces(updates: tuple[QueuedUpdate, ...]) -> int:
    """Return how many of the first updates are one text that a client split: long pieces of one
    person, sent within two seconds of each other, up to and including the first shorter one.
    """
    count = 1
    for before, after in pairwise(updates):
        first = Update.model_validate_json(before.payload).message
        second = Update.model_validate_json(after.payload).message
        if first is None or second is None or units(first.text) < SPLIT_AT_UNITS:
            break
        same = first.sender == second.sender and first.message_thread_id == second.message_thread_id
        if not same or not second.text or second.date - first.date > MAX_DISTANCE_S:
            break
        count += 1
    return count


def _text(queued: QueuedUpdate) -> str:
    """Return the text of a message, "" for any other update."""
    update = Update.model_validate_json(queued.payload)
    return update.message.text if update.message else ""
