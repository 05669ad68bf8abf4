"""Messages as LINE shows them: plain text, quick replies, and a card for sources.

LINE has no bold and no links in a text, so a link's address follows its words. One OutgoingMessage
is one call: up to four texts and one card. Buttons become

* a card, which stays in the chat: sources, which show an article here or open an address;
* quick replies, under the newest message until somebody writes: everything else. One that asks is
  said by the person's own app, word for word.

Limits: "Message objects", "Action objects" and "Character counting in a text" of LINE's reference.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from telegram_service.channels.markdown import plain, split, units
from telegram_service.channels.message import (
    Button,
    Entity,
    FoldedText,
    OutgoingMessage,
    Rows,
)

JsonObject = dict[str, Any]

TEXT_UNITS = 4_900
"""Of 5,000 UTF-16 units: white space is carried over at a cut."""
MAX_MESSAGES = 5
MAX_TEXTS = MAX_MESSAGES - 1
"""One message of a call is left for the card."""
MAX_QUICK_REPLIES = 13
MAX_LABEL = 20
MAX_SPOKEN = 300
MAX_ADDRESS_UNITS = 1_000
MAX_ALT_UNITS = 400
MAX_CARD_ROWS = 12
CARD_ACTIONS = frozenset({"art"})
ASKS = "ask"
LINK_COLOUR = "#1F4E96"
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def compose(text: FoldedText, buttons: Rows = ()) -> list[OutgoingMessage]:
    """Return the messages that carry a text, the buttons under the last one."""
    parts = [written(part) for part in (text.head, text.folded, text.tail)]
    whole = "\n\n".join(part for part in parts if part)
    pieces = [piece for piece, _ in split(whole, [], TEXT_UNITS)]
    calls = [pieces[first : first + MAX_TEXTS] for first in range(0, len(pieces), MAX_TEXTS)]
    last = len(calls) - 1
    return [
        OutgoingMessage(text="".join(call), buttons=buttons if number == last else ())
        for number, call in enumerate(calls)
    ]


def written(markdown: str) -> str:
    """Return Markdown as plain text, the address of each link after its words."""
    text, entities = plain(markdown)
    return _BLANK_LINES.sub("\n\n", with_addresses(text, entities)).strip()


def with_addresses(text: str, entities: Sequence[Entity]) -> str:
    """Return a text with the addresses that its links hide."""
    encoded = text.encode("utf-16-le")
    links = [each for each in entities if each.type == "text_link" and each.url]
    for link in sorted(links, key=lambda each: each.offset, reverse=True):
        start, end = 2 * link.offset, 2 * (link.offset + link.length)
        words = encoded[start:end].decode("utf-16-le")
        if str(link.url).rstrip("/") != words.strip().rstrip("/"):
            encoded = encoded[:end] + f" ({link.url})".encode("utf-16-le") + encoded[end:]
    return encoded.decode("utf-16-le")


def message_objects(message: OutgoingMessage) -> list[JsonObject]:
    """Return the messages of one call, within LINE's limits."""
    texts = [piece.strip() for piece, _ in split(message.text, [], TEXT_UNITS)]
    objects: list[JsonObject] = [{"type": "text", "text": text} for text in texts[:MAX_TEXTS]]
    buttons = [button for row in message.buttons for button in row]
    shown = [button for button in buttons if on_card(button)]
    if shown:
        objects.append(card(shown[:MAX_CARD_ROWS]))
    items = [quick_reply(button) for button in buttons if button.data and not on_card(button)]
    if items and objects:
        objects[-1]["quickReply"] = {"items": items[:MAX_QUICK_REPLIES]}
    return objects


def without_headings(markdown: str) -> str:
    """Return Markdown without the signs that make a line a heading; the rest stays as written."""
    return _HEADING.sub("", markdown)


def file_messages(content: str, caption: str) -> list[list[JsonObject]]:
    """Return a text file as messages after its caption, in calls of as many as LINE takes."""
    pieces = [piece for piece, _ in split(f"{caption}\n\n{content}", [], TEXT_UNITS)]
    return [
        [{"type": "text", "text": piece} for piece in pieces[first : first + MAX_MESSAGES]]
        for first in range(0, len(pieces), MAX_MESSAGES)
    ]


def on_card(button: Button) -> bool:
    """Whether a button is a source, which stays in the chat."""
    return bool(button.url) or action_of(button) in CARD_ACTIONS


def action_of(button: Button) -> str:
    """Return the action in a button's data (answering/buttons.py)."""
    return (button.data or "").split("|", 2)[1] if "|" in (button.data or "") else ""


def quick_reply(button: Button) -> JsonObject:
    """Return a quick reply."""
    label = cut(button.label, MAX_LABEL)
    if action_of(button) == ASKS:
        said = cut(button.label, MAX_SPOKEN)
        return {"type": "action", "action": {"type": "message", "label": label, "text": said}}
    action = {"type": "postback", "label": label, "data": button.data}
    return {"type": "action", "action": {**action, "displayText": cut(button.label, MAX_SPOKEN)}}


def card(buttons: Sequence[Button]) -> JsonObject:
    """Return a Flex Message with a line to tap for each source."""
    rows: list[JsonObject] = []
    for button in buttons:
        if rows:
            rows.append({"type": "separator", "margin": "md"})
        rows.append(card_row(button, first=not rows))
    names = " · ".join(button.label for button in buttons)
    body = {"type": "box", "layout": "vertical", "contents": rows}
    return {
        "type": "flex",
        "altText": split(f"📖 {names}", [], MAX_ALT_UNITS)[0][0],
        "contents": {"type": "bubble", "size": "kilo", "body": body},
    }


def card_row(button: Button, *, first: bool) -> JsonObject:
    """Return one source's line; a source whose address LINE would refuse is shown without it."""
    row: JsonObject = {
        "type": "text",
        "text": f"📖 {button.label}",
        "wrap": True,
        "color": LINK_COLOUR,
        **({} if first else {"margin": "md"}),
    }
    if button.data:
        shown = cut(button.label, MAX_SPOKEN)
        row["action"] = {"type": "postback", "data": button.data, "displayText": shown}
    elif button.url and units(button.url) <= MAX_ADDRESS_UNITS and button.url.startswith("http"):
        row["action"] = {"type": "uri", "uri": button.url}
    return row


def cut(text: str, most: int) -> str:
    """Return at most `most` characters of a text, never between a letter and its marks.

    LINE counts grapheme clusters; counted in code points this is never more.
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    end = most - 1
    while end > 1 and is_mark(text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def is_mark(character: str) -> bool:
    """Whether a character belongs to the one before: Thai vowels and tones, accents, joiners."""
    return unicodedata.category(character) in {"Mn", "Me", "Mc"} or character in "\u200d\ufe0f"
