"""Messages as the Cloud API takes them: lengths, reply buttons, lists, addresses.

Limits are of the pages messages/text-messages, interactive-reply-buttons-messages,
interactive-list-messages and interactive-cta-url-messages of Meta's documentation, lengths in
UTF-16 units, the strictest reading.
"""

from collections.abc import Sequence
from typing import Any

from telegram_service.channels.markdown import plain, split, units
from telegram_service.channels.message import Button, Entity, FoldedText, OutgoingMessage, Rows
from telegram_service.channels.whatsapp.markup import marked_up

MAX_TEXT = 4_096
BUDGET_UNITS = 3_600
"""Of plain text in one message: its marks need room."""
MAX_BODY = 1_024
"""Of a message with buttons or a list."""
BODY_BUDGET_UNITS = 900
MAX_BUTTONS, MAX_BUTTON_TITLE = 3, 20
MAX_ROWS, MAX_ROW_TITLE, MAX_DESCRIPTION, MAX_ROW_ID = 10, 24, 72, 200
LIST_TITLE = "Menu"
"""What opens a list: the same word in French and English. A composed message has no language."""
ELLIPSIS = "…"
JsonObject = dict[str, Any]


def compose(text: FoldedText, buttons: Rows = ()) -> list[OutgoingMessage]:
    """Return the messages for a text, in WhatsApp's markup; the buttons go under the last one."""
    rows, addresses = _fitting(buttons)
    tail = "\n\n".join(filter(str.strip, (text.tail, "\n".join(addresses))))
    parts = [part for part in (text.head, text.folded, tail) if part.strip()]
    whole = "\n\n".join(part.strip() for part in parts)
    if not rows:
        return [OutgoingMessage(text=piece) for piece in _pieces(*plain(whole), BUDGET_UNITS)]
    texts = _pieces(*plain(whole), BODY_BUDGET_UNITS)
    if len(texts) > 1:
        texts = _with_short_end(whole, tail.strip())
    last = OutgoingMessage(text=texts[-1], buttons=rows)
    return [*(OutgoingMessage(text=piece) for piece in texts[:-1]), last]


def _with_short_end(whole: str, tail: str) -> list[str]:
    """Return pieces of which the last is short enough to carry buttons: the tail where it is."""
    if tail and whole != tail and len(ends := _pieces(*plain(tail), BODY_BUDGET_UNITS)) == 1:
        head = whole.removesuffix(tail).strip()
        return [*_pieces(*plain(head), BUDGET_UNITS), *ends]
    text, entities = plain(whole)
    *firsts, _last = split(text, entities, BODY_BUDGET_UNITS)
    start = sum(len(piece) for piece, _ in firsts)
    if not text[start:].strip():
        start = len(text) - len(firsts[-1][0])
    offset = units(text[:start])
    before = [each for each in entities if each.offset + each.length <= offset]
    after = [
        each.model_copy(update={"offset": each.offset - offset})
        for each in entities
        if each.offset >= offset
    ]
    return [
        *_pieces(text[:start], before, BUDGET_UNITS),
        *_pieces(text[start:], after, BODY_BUDGET_UNITS),
    ]


def _pieces(text: str, entities: Sequence[Entity], budget: int) -> list[str]:
    """Return a text in WhatsApp's markup, cut so that no piece with its marks is too long."""
    limit = MAX_BODY if budget == BODY_BUDGET_UNITS else MAX_TEXT
    while True:
        pieces = [marked_up(*piece).strip() for piece in split(text, entities, budget)]
        if all(units(piece) <= limit for piece in pieces) or budget < limit // 8:
            return pieces
        budget //= 2


def _fitting(buttons: Rows) -> tuple[Rows, list[str]]:
    """Return as many buttons as a list takes, and the addresses that must stand in the text.

    Buttons in between are left out, those of the last row stay. A message with a button that opens
    an address has no other.
    """
    pressable = [each for row in buttons for each in row if each.data]
    opening = [each for row in buttons for each in row if each.url]
    if not pressable and len(opening) == 1:
        return ((opening[0],),), []
    if len(pressable) > MAX_ROWS:
        last = [each for each in buttons[-1] if each.data][: MAX_ROWS - 1]
        pressable = [*pressable[: MAX_ROWS - len(last)], *last]
    different = {each.data: each for each in pressable}
    addresses = [f"{each.label} : {each.url}" for each in opening]
    return tuple((each,) for each in different.values()), addresses


def content(message: OutgoingMessage) -> JsonObject:
    """Return a message's type and content for the Cloud API."""
    buttons = [each for row in message.buttons for each in row]
    pressable = [each for each in buttons if each.data]
    addresses = [each for each in buttons if each.url]
    if not pressable and len(addresses) == 1 and _opens_alone(message.text, addresses[0]):
        return _interactive("cta_url", message.text, _address_action(addresses[0]))
    text = "\n".join((message.text, *(f"{each.label} : {each.url}" for each in addresses)))
    if not pressable or units(text) > MAX_BODY:
        return {"type": "text", "text": {"body": text, "preview_url": False}}
    labels = [each.label for each in pressable]
    few = len(labels) <= MAX_BUTTONS and len(set(labels)) == len(labels)
    if few and all(units(label) <= MAX_BUTTON_TITLE for label in labels):
        return _interactive("button", text, {"buttons": [_reply(each) for each in pressable]})
    rows = [_row(each) for each in pressable[:MAX_ROWS]]
    return _interactive("list", text, {"button": LIST_TITLE, "sections": [{"rows": rows}]})


def _opens_alone(text: str, button: Button) -> bool:
    return units(text) <= MAX_BODY and units(button.label) <= MAX_BUTTON_TITLE


def _interactive(kind: str, text: str, action: JsonObject) -> JsonObject:
    content = {"type": kind, "body": {"text": text}, "action": action}
    return {"type": "interactive", "interactive": content}


def _address_action(button: Button) -> JsonObject:
    return {"name": "cta_url", "parameters": {"display_text": button.label, "url": button.url}}


def _reply(button: Button) -> JsonObject:
    return {"type": "reply", "reply": {"id": button.data, "title": button.label}}


def _row(button: Button) -> JsonObject:
    """Return a row of a list; the id of one whose title is cut carries the whole label."""
    if units(button.label) <= MAX_ROW_TITLE:
        return {"id": button.data, "title": button.label}
    whole_id = cut(f"{button.data}\n{button.label}", MAX_ROW_ID)
    return {
        "id": whole_id,
        "title": cut(button.label, MAX_ROW_TITLE),
        "description": cut(button.label, MAX_DESCRIPTION),
    }


def pressed(choice: str, title: str) -> tuple[str, str]:
    """Return the data and the whole label of a button from the id and the title of a reply."""
    data, _, label = choice.partition("\n")
    return data, label or title


def cut(text: str, limit: int) -> str:
    """Return a text of at most `limit` UTF-16 units, cut before a word and marked as cut."""
    if units(text) <= limit:
        return text
    room = text[: limit - 1]
    while units(room) > limit - 1:
        room = room[:-1]
    head = room.rsplit(" ", 1)[0] if " " in room[limit // 2 :] else room
    return head.rstrip(" ,;:\n") + ELLIPSIS
