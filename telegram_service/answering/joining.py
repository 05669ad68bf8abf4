"""Messages that are one question: a text the client split, an album, a comment with what it is
about, an opening word and the question after it.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from telegram_service.addresses import channel_of
from telegram_service.answering.live_preview import LivePreview
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.markdown import units
from telegram_service.channels.update import IncomingMessage
from telegram_service.queue.update_queue import CONTROL, QueuedUpdate

SPLIT_AT_UNITS = 3_900
"""UTF-16 units; a text this long was probably split by the client, which does so at 4096."""
NEXT_PIECE_S = 1.2
"""How long the next piece may take to arrive."""
GLANCE_S = 0.15
"""How long a message may take that was sent together with the one before."""
TOGETHER_S, SOON_S = 2, 4
"""Seconds between messages sent together, and between an opening and its question."""
MAX_OPENING_CHARACTERS, MAX_AWAITED_CHARACTERS = 120, 40
"""A text without a question mark may open a question; one this short is waited for."""
QUESTION_MARKS = ("?", "？", "؟", "ไหม", "吗", "呢")


async def join_messages(context: UpdateContext) -> tuple[QueuedUpdate, ...]:
    """Put all messages of a question into the context; return the updates they came in."""
    lease, first = context.lease, context.update.message
    if lease.stream == CONTROL or first is None or starts_alone(first):
        return lease.updates[:1]
    queue, read = context.services.queue, context.services.channels.read
    if (joined := context.outbox.get("joined")) is None:
        updates, messages = await _gathered(context)
        await context.outbox.write(joined=len(messages))
    else:
        updates = (await queue.peek(lease))[: int(joined)]
        messages = [message for update in updates if (message := read(update).message)]
    context.parts = tuple(messages)
    whole = first.model_copy(update={"addressed": any(part.addressed for part in messages)})
    context.update = context.update.model_copy(update={"message": whole})
    return updates[: len(messages)]


async def _gathered(
    context: UpdateContext,
) -> tuple[tuple[QueuedUpdate, ...], list[IncomingMessage]]:
    """Return the updates of one question, and their messages, once no more is to be expected."""
    queue, read = context.services.queue, context.services.channels.read
    shown, count = False, 0
    while True:
        updates = await queue.peek(context.lease)
        messages = [read(update).message for update in updates]
        together = [message for message in messages[: count_parts(messages)] if message]
        pause_s = pause_for(together)
        if len(together) == count or not pause_s:
            return updates, together
        count = len(together)
        if not shown and context.chat.is_private:
            shown = True
            if not await is_late_in_album(context, together):
                await LivePreview(context).show_early_sign()
        await asyncio.sleep(pause_s)


async def is_late_in_album(context: UpdateContext, parts: Sequence[IncomingMessage]) -> bool:
    """Return whether these are pictures, without a word, of an album answered without them."""
    album = parts[0].media_group_id
    if not album:
        return False
    sessions, update_id = context.services.sessions, context.update.update_id
    is_first = await sessions.is_first_of_album(context.address, album, update_id)
    return not is_first and not any(each.text or each.caption or each.document for each in parts)


def starts_alone(message: IncomingMessage) -> bool:
    """Whether a message is never joined with the next: a command."""
    return (message.text or message.caption).startswith("/")


def count_parts(messages: Sequence[IncomingMessage | None]) -> int:
    """Return how many of the first messages are one question."""
    count = 1
    for first, second in pairwise(messages):
        if first is None or second is None or not continues(first, second):
            break
        count += 1
    return count


def continues(first: IncomingMessage, second: IncomingMessage) -> bool:
    """Whether the second message belongs to the same question as the first."""
    same = first.sender == second.sender and first.message_thread_id == second.message_thread_id
    apart_s = second.date - first.date
    if not same or starts_alone(second) or apart_s > SOON_S:
        return False
    if first.media_group_id or second.media_group_id:
        return first.media_group_id == second.media_group_id
    if is_unmarked_picture(first) and is_unmarked_picture(second):
        return True
    if first.forward_origin or second.forward_origin:
        return apart_s <= TOGETHER_S
    if units(first.text) >= SPLIT_AT_UNITS:
        return bool(second.text) and apart_s <= TOGETHER_S
    return first.chat.is_private and is_opening(first)


def is_unmarked_picture(message: IncomingMessage) -> bool:
    """Whether it may be one of several pictures: WhatsApp sends each by itself, unmarked."""
    return bool(message.photo) and channel_of(message.chat.id) == "whatsapp"


def is_opening(message: IncomingMessage) -> bool:
    """Whether a text may only open a question: it is short and asks nothing."""
    text = message.text
    return 0 < len(text) <= MAX_OPENING_CHARACTERS and not asks(text)


def asks(text: str) -> bool:
    """Whether a text has a question mark, or a word that is one."""
    return any(mark in text for mark in QUESTION_MARKS)


def pause_for(messages: Sequence[IncomingMessage]) -> float:
    """Return how long to wait for another message of the same question."""
    last = messages[-1]
    typed = any(part.text and not part.forward_origin for part in messages)
    together = last.media_group_id or is_unmarked_picture(last)
    if together or units(last.text) >= SPLIT_AT_UNITS:
        return NEXT_PIECE_S
    if last.forward_origin:
        return GLANCE_S if typed else NEXT_PIECE_S
    if not last.chat.is_private or not last.text:
        return 0.0
    awaited = is_opening(last) and len(last.text) <= MAX_AWAITED_CHARACTERS
    return NEXT_PIECE_S if awaited else GLANCE_S
