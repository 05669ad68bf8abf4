"""From the model's Markdown to messages Telegram takes: plain text, entities, safe lengths.

Never parse_mode: a text that breaks its markup would be refused whole. The messages, joined, are
the text exactly; no one exceeds the budget or splits a character.
"""

from collections.abc import Sequence
from itertools import accumulate

from pydantic import BaseModel, ConfigDict
from telegramify_markdown import convert
from telegramify_markdown.config import RenderConfig

BUDGET_UNITS = 4_000
"""UTF-16 units in one message. Telegram's 4096 is contested (units or characters); this is below
both readings, and leaves room for white space carried over."""
MOST_ENTITIES = 100
CUTS = ("\n\n", "\n", ". ", " ")
EARLIEST_CUT = 0.5
"""A cut before this part of the budget would waste the message."""
TELEGRAM_TYPES = frozenset(
    {
        "bold",
        "italic",
        "underline",
        "strikethrough",
        "spoiler",
        "blockquote",
        "code",
        "pre",
        "text_link",
    }
)


class Mark(BaseModel):
    """A formatted stretch of text; offset and length in UTF-16 units."""

    model_config = ConfigDict(frozen=True)

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None


class Button(BaseModel):
    """A button under a message: it opens `url`, or sends `data` (64 bytes) back."""

    model_config = ConfigDict(frozen=True)

    label: str
    data: str | None = None
    url: str | None = None


class Letter(BaseModel):
    """One message, ready to send."""

    model_config = ConfigDict(frozen=True)

    text: str
    marks: tuple[Mark, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    reply_to: int | None = None


def rendering() -> RenderConfig:
    """Return how Markdown becomes text: no ornaments of the library's own."""
    config = RenderConfig.isolated()
    config.cite_expandable = False
    symbols = config.markdown_symbol
    for level in range(1, 7):
        setattr(symbols, f"heading_level_{level}", "")
    symbols.unordered_list_item = "•"
    symbols.image = symbols.link = ""
    symbols.task_completed, symbols.task_uncompleted = "☑", "☐"
    return config


RENDERING = rendering()


def units(text: str) -> int:
    """Return the length in UTF-16 units, Telegram's measure."""
    return len(text) + sum(character > "\uffff" for character in text)


def plain(markdown: str) -> tuple[str, list[Mark]]:
    """Return the text without its markup, and the markup as entities."""
    text, entities = convert(markdown.replace("\x00", ""), config=RENDERING)
    marks = [
        Mark(
            type=entity.type,
            offset=entity.offset,
            length=entity.length,
            url=entity.url,
            language=entity.language,
        )
        for entity in entities
        if entity.type in TELEGRAM_TYPES and entity.length > 0
    ]
    return text, nested(marks)


def nested(marks: Sequence[Mark]) -> list[Mark]:
    """Return the marks without those that begin inside another one and end outside it.

    Telegram refuses the whole message for one of them; the converter makes them of `||`.
    """
    kept: list[Mark] = []
    ends: list[int] = []
    for mark in sorted(marks, key=lambda each: (each.offset, -each.length)):
        end = mark.offset + mark.length
        while ends and ends[-1] <= mark.offset:
            ends.pop()
        if not ends or end <= ends[-1]:
            kept.append(mark)
            ends.append(end)
    return kept


def letters(
    markdown: str, buttons: tuple[tuple[Button, ...], ...] = (), reply_to: int | None = None
) -> list[Letter]:
    """Return the messages for a Markdown text; the buttons go under the last one."""
    text, marks = plain(markdown)
    pieces = split(text, marks)
    last = len(pieces) - 1
    return [
        Letter(
            text=piece,
            marks=tuple(own),
            buttons=buttons if number == last else (),
            reply_to=reply_to if number == 0 else None,
        )
        for number, (piece, own) in enumerate(pieces)
    ]


def split(
    text: str, marks: Sequence[Mark], budget: int = BUDGET_UNITS
) -> list[tuple[str, list[Mark]]]:
    """Cut a text into pieces of at most `budget` units and 100 entities; marks are cut with it."""
    places = [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]
    starts = sorted(mark.offset for mark in marks)
    pieces, start = [], 0
    while start < len(text):
        end = furthest(places, start, budget)
        if end < len(text):
            end = best_cut(text, start, end)
        end = within_entities(places, starts, start, end)
        end = past_blanks(text, start, end)
        pieces.append((text[start:end], clipped(marks, places[start], places[end])))
        start = end
    return [piece for piece in pieces if piece[0].strip()]


def furthest(places: Sequence[int], start: int, budget: int) -> int:
    """Return the last index whose text from `start` fits the budget, at least one character on."""
    end = start + 1
    step = min(len(places) - 1, start + budget)
    while step > end and places[step] - places[start] > budget:
        step -= max(1, (places[step] - places[start] - budget) // 2)
    return max(end, step)


def best_cut(text: str, start: int, end: int) -> int:
    """Return the best place to cut before `end`: a paragraph, a line, a sentence, a word."""
    earliest = start + int((end - start) * EARLIEST_CUT)
    for mark in CUTS:
        place = text.rfind(mark, earliest, end)
        if place > start:
            return place + len(mark)
    return end


def within_entities(places: Sequence[int], starts: Sequence[int], start: int, end: int) -> int:
    """Return an `end` before the entity that would be one too many."""
    inside = [offset for offset in starts if places[start] <= offset < places[end]]
    if len(inside) <= MOST_ENTITIES:
        return end
    limit = inside[MOST_ENTITIES]
    while end > start + 1 and places[end] > limit:
        end -= 1
    return end


def past_blanks(text: str, start: int, end: int) -> int:
    """Return `end` moved past white space: no message is blank. At most 64 characters further."""
    if text[start:end].strip():
        most = min(len(text), end + 64)
        while end < most and text[end].isspace():
            end += 1
        return end
    while end < len(text) and text[end].isspace():
        end += 1
    return end


def clipped(marks: Sequence[Mark], start: int, end: int) -> list[Mark]:
    """Return the marks as seen from the piece between two UTF-16 places."""
    own = []
    for mark in marks:
        first, last = max(mark.offset, start), min(mark.offset + mark.length, end)
        if first < last:
            own.append(mark.model_copy(update={"offset": first - start, "length": last - first}))
    return own[:MOST_ENTITIES]
