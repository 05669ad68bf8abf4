"""Commands as people write them: `/article L1234-1`, `/help@bot`, before a space of any kind."""

import re
from dataclasses import dataclass

COMMAND = re.compile(r"/([A-Za-z0-9_]{1,64})(?:@([A-Za-z0-9_]+))?(?![\w/@])")
"""As Telegram finds them (td/telegram/MessageEntity.cpp); `/a/b.pdf` is a path, no command."""
AROUND = "\u200b\u2060\ufeff"
"""Invisible characters, that `str.strip` leaves."""


@dataclass(frozen=True)
class CommandText:
    """A command: its name in lower case, the bot it names or "", and what follows it."""

    name: str
    bot: str
    arguments: str


def command_of(text: str) -> CommandText | None:
    """Return the command a text begins with, None for any other text."""
    found = COMMAND.match(text)
    if found is None:
        return None
    arguments = text[found.end() :].strip().strip(AROUND).strip()
    return CommandText(found[1].lower(), found[2] or "", arguments)
