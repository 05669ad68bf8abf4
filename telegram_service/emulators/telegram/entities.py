"""The entities Telegram finds by itself in what people write: mentions, commands, addresses.

MessageEntity: "type" and, in UTF-16 code units, "offset" and "length". The patterns follow
td/telegram/MessageEntity.cpp: a name after a letter, as in an e-mail address, is no mention, and a
longer name is another account's.
"""

import re

from telegram_service.emulators.telegram.objects import JsonObject, units

PATTERNS = (
    ("email", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("url", re.compile(r"https?://\S+")),
    ("bot_command", re.compile(r"(?<![\w/<>])/\w{1,64}(?:@\w{3,32})?(?![\w/<>])", re.ASCII)),
    ("mention", re.compile(r"(?<!\w)@\w{3,32}(?!\w)")),
)


def found_entities(text: str) -> list[JsonObject]:
    """Return the entities of a text in order; none overlaps another."""
    taken: list[tuple[int, int]] = []
    entities: list[JsonObject] = []
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            taken.append((start, end))
            offset = units(text[:start])
            entities.append({"type": kind, "offset": offset, "length": units(match[0])})
    return sorted(entities, key=lambda each: int(each["offset"]))


def mentions(text: str, name: str) -> bool:
    """Whether a text mentions an account."""
    wanted = f"@{name}".lower()
    pattern = dict(PATTERNS)["mention"]
    return any(match[0].lower() == wanted for match in pattern.finditer(text))
