"""Markdown into messages that Telegram accepts: plain text, entities, bounded lengths.

Never parse_mode: a text that breaks its markup would be refused whole.
"""

from collections.abc import Sequence

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)

from telegram_service.addresses import MessageId
from telegram_service.channels.markdown import BUDGET_UNITS, plain, split, units
from telegram_service.channels.message import Entity, FoldedText, OutgoingMessage, Rows

MARGIN_UNITS = 16
"""White space between the parts of a message."""
LEAST_FOLDED_UNITS = 400
"""A folded part is not cut to less than this."""
FOLDABLE_TYPES = frozenset({"bold", "italic", "underline", "strikethrough", "text_link"})
"""What an expandable quotation may hold: no quotation, no code."""


def _cut(text: str, entities: list[Entity], room: int, notice: str) -> tuple[str, list[Entity]]:
    """Return a text cut to `room` units with `notice` after it, or whole where that is no use."""
    room -= units(notice) + MARGIN_UNITS
    text = text.strip()
    if not notice or room < LEAST_FOLDED_UNITS or units(text) <= room:
        return text, entities
    piece, own = split(text, entities, room)[0]
    return f"{piece.rstrip()}\n{notice}", own


def _messages(
    text: str,
    entities: Sequence[Entity],
    buttons: Rows,
    reply_to: MessageId | None,
) -> list[OutgoingMessage]:
    pieces = split(text, entities)
    last = len(pieces) - 1
    return [
        OutgoingMessage(
            text=piece,
            entities=tuple(own),
            buttons=buttons if number == last else (),
            reply_to=reply_to if number == 0 else None,
        )
        for number, (piece, own) in enumerate(pieces)
    ]


def folded_messages(
    text: FoldedText,
    buttons: Rows = (),
    reply_to: MessageId | None = None,
) -> list[OutgoingMessage]:
    """Return the messages for a text with a folded part; the buttons go under the last one.

    The folded part is cut where it would make a second message, and says so.
    """
    whole, entities = plain(text.head)
    tail, closing = plain(text.tail)
    folded, inside = plain(text.folded.strip())
    folded, inside = _cut(folded, inside, BUDGET_UNITS - units(whole) - units(tail), text.cut)
    if folded.strip():
        whole = f"{whole.rstrip()}\n\n" if whole.strip() else ""
        start, length = units(whole), units(folded)
        whole += folded
        entities.append(Entity(type="expandable_blockquote", offset=start, length=length))
        entities += [
            each.model_copy(update={"offset": each.offset + start})
            for each in inside
            if each.type in FOLDABLE_TYPES and each.offset + each.length <= length
        ]
    if tail.strip():
        whole = f"{whole.rstrip()}\n\n" if whole.strip() else ""
        start = units(whole)
        whole += tail
        entities += [each.model_copy(update={"offset": each.offset + start}) for each in closing]
    return _messages(whole, entities, buttons, reply_to)


def bot_api_entities(message: OutgoingMessage) -> list[MessageEntity]:
    """Return a message's formatting for the Bot API."""
    return [
        MessageEntity(each.type, each.offset, each.length, url=each.url, language=each.language)
        for each in message.entities
    ]


def keyboard(message: OutgoingMessage) -> InlineKeyboardMarkup | None:
    """Return a message's buttons for the Bot API."""
    if not message.buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(b.label, callback_data=b.data, url=b.url) for b in row]
            for row in message.buttons
        ]
    )


def reply_to(message: OutgoingMessage) -> ReplyParameters | None:
    """Return the message replied to; ours is sent even if that one was deleted."""
    if message.reply_to is None:
        return None
    return ReplyParameters(int(message.reply_to), allow_sending_without_reply=True)
