"""Markdown into plain text with entities, cut into pieces of bounded length.

The pieces, joined, are the text exactly; no one exceeds the budget or splits a character.
"""

from collections.abc import Sequence
from itertools import accumulate

from telegramify_markdown import convert
from telegramify_markdown.config import RenderConfig

from telegram_service.channels.literal_signs import with_literal_signs
from telegram_service.channels.message import Entity

BUDGET_UNITS = 4_000
"""UTF-16 units in one message.

Telegram's 4096 is contested (units or characters); this is below both readings, and leaves room for
white space carried over.
"""
MAX_ENTITIES = 100
SEPARATORS = ("\n\n", "\n", ". ", " ")
HEADING_CHARACTERS = 120
EARLIEST_CUT = 0.5
"""A cut before this part of the budget would waste the message."""
ENTITY_TYPES = frozenset(
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


def render_config() -> RenderConfig:
    """Return the converter's configuration, without its own decorations."""
    config = RenderConfig.isolated()
    config.cite_expandable = False
    symbols = config.markdown_symbol
    for level in range(1, 7):
        setattr(symbols, f"heading_level_{level}", "")
    symbols.unordered_list_item = "•"
    symbols.image = symbols.link = ""
    symbols.task_completed, symbols.task_uncompleted = "☑", "☐"
    return config


RENDERING = render_config()


def units(text: str) -> int:
    """Return the length in UTF-16 units, Telegram's measure."""
    return len(text) + sum(character > "\uffff" for character in text)


def plain(markdown: str) -> tuple[str, list[Entity]]:
    """Return the text without its markup, and the markup as entities."""
    text, converted = convert(with_literal_signs(markdown.replace("\x00", "")), config=RENDERING)
    entities = [
        Entity(
            type=each.type,
            offset=each.offset,
            length=each.length,
            url=each.url,
            language=each.language,
        )
        for each in converted
        if each.type in ENTITY_TYPES and each.length > 0
    ]
    return text, nested(entities)


def nested(entities: Sequence[Entity]) -> list[Entity]:
    """Return the entities without those that partly overlap an earlier one.

    Telegram refuses the whole message for one of them; the converter makes them of `||`.
    """
    kept: list[Entity] = []
    ends: list[int] = []
    for entity in sorted(entities, key=lambda each: (each.offset, -each.length)):
        end = entity.offset + entity.length
        while ends and ends[-1] <= entity.offset:
            ends.pop()
        if not ends or end <= ends[-1]:
            kept.append(entity)
            ends.append(end)
    return kept


def split(
    text: str, entities: Sequence[Entity], budget: int = BUDGET_UNITS
) -> list[tuple[str, list[Entity]]]:
    """Cut a text, and its entities with it, into pieces of at most `budget` units, 100 entities."""
    offsets = [0, *accumulate(2 if character > "\uffff" else 1 for character in text)]
    starts = sorted(entity.offset for entity in entities)
    pieces, start = [], 0
    while start < len(text):
        end = furthest(offsets, start, budget)
        if end < len(text):
            end = best_cut(text, start, end)
            end = before_heading(text, entities, offsets, start, end)
        end = within_entities(offsets, starts, start, end)
        end = past_blanks(text, start, end)
        pieces.append((text[start:end], clipped(entities, offsets[start], offsets[end])))
        start = end
    return [piece for piece in pieces if piece[0].strip()]


def furthest(offsets: Sequence[int], start: int, budget: int) -> int:
    """Return the last index whose text from `start` fits the budget, at least one character on."""
    end = start + 1
    step = min(len(offsets) - 1, start + budget)
    while step > end and offsets[step] - offsets[start] > budget:
        step -= max(1, (offsets[step] - offsets[start] - budget) // 2)
    return max(end, step)


def best_cut(text: str, start: int, end: int) -> int:
    """Return the best index before `end` to cut at: a paragraph, a line, a sentence, a word."""
    earliest = start + int((end - start) * EARLIEST_CUT)
    for separator in SEPARATORS:
        index = text.rfind(separator, earliest, end)
        if index > start:
            return index + len(separator)
    return end


def before_heading(
    text: str, entities: Sequence[Entity], offsets: Sequence[int], start: int, end: int
) -> int:
    """Return an `end` before the headings that a piece would end with: they go with their text."""
    while True:
        last = start + len(text[start:end].rstrip())
        first = text.rfind("\n", start, last) + 1
        if first <= start or not _is_heading(text[first:last], entities, offsets[first : last + 1]):
            return end
        end = first


def _is_heading(line: str, entities: Sequence[Entity], offsets: Sequence[int]) -> bool:
    """Whether a line introduces what follows: it is bold as a whole, or ends with a colon."""
    if len(line) > HEADING_CHARACTERS:
        return False
    return line.endswith((":", "：")) or any(
        entity.type == "bold"
        and entity.offset <= offsets[0]
        and entity.offset + entity.length >= offsets[-1]
        for entity in entities
    )


def within_entities(offsets: Sequence[int], starts: Sequence[int], start: int, end: int) -> int:
    """Return an `end` before the entity that would be one too many."""
    inside = [offset for offset in starts if offsets[start] <= offset < offsets[end]]
    if len(inside) <= MAX_ENTITIES:
        return end
    limit = inside[MAX_ENTITIES]
    while end > start + 1 and offsets[end] > limit:
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


def clipped(entities: Sequence[Entity], start: int, end: int) -> list[Entity]:
    """Return the entities clipped to the piece between two UTF-16 offsets, relative to it."""
    own = []
    for entity in entities:
        first, last = max(entity.offset, start), min(entity.offset + entity.length, end)
        if first < last:
            own.append(entity.model_copy(update={"offset": first - start, "length": last - first}))
    return own[:MAX_ENTITIES]
