"""Texts longer than a message: clients split them, and the pieces are one question."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.markdown import units
from telegram_service.channels.opening import Channels
from telegram_service.channels.update import IncomingMessage
from telegram_service.queue.update_queue import CONTROL, QueuedUpdate

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
    queue, channels = context.services.queue, context.services.channels
    if (joined := context.outbox.get("joined")) is None:
        await asyncio.sleep(NEXT_PIECE_S)
        updates = await queue.peek(lease)
        messages = [read_message(channels, update) for update in updates]
        count = count_pieces(messages)
        await context.outbox.write(joined=count)
    else:
        updates, count = await queue.peek(lease), int(joined)
        messages = [read_message(channels, update) for update in updates]
    text = "".join(message.text for message in messages[:count] if message)
    whole = first.model_copy(update={"text": text})
    context.update = context.update.model_copy(update={"message": whole})
    return updates[:count]


def count_pieces(messages: Sequence[IncomingMessage | None]) -> int:
    """Return how many of the first messages are one text that a client split: long pieces of one
    person, sent within two seconds of each other, up to and including the first shorter one.
    """
    count = 1
    for first, second in pairwise(messages):
        if first is None or second is None or units(first.text) < SPLIT_AT_UNITS:
            break
        same = first.sender == second.sender and first.message_thread_id == second.message_thread_id
        if not same or not second.text or second.date - first.date > MAX_DISTANCE_S:
            break
        count += 1
    return count


def read_message(channels: Channels, queued: QueuedUpdate) -> IncomingMessage | None:
    """Return the message of an update, None for any other kind. Raises DecryptionFailed."""
    return channels.read(queued).message
