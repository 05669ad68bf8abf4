"""An answer's words as blocks a letter can show, with nothing in them that leads elsewhere.

A model may have been told by a hostile mail to add a link or an address: every address that is not
an official site's is taken out. Understands what our engines write (paragraphs, `> ` quotes, `- `
items, an address alone on its line, `**bold**` marks dropped), not the whole of Markdown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

OFFICIAL_HOSTS = (
    "legifrance.gouv.fr",
    "service-public.fr",
    "service-public.gouv.fr",
    "code.travail.gouv.fr",
    "travail-emploi.gouv.fr",
)
MARKDOWN_LINK = re.compile(r"!?\[([^\]\n]{0,300})\]\(\s*<?([^\s)>]{1,2000})[^)\n]{0,300}\)")
ADDRESS = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]{1,20}:/{0,2}[^\s<>\"«»]*[^\s<>\"«».,;:!?)\]])"
    r"|[\w.+-]{1,64}@[\w.-]{1,255}"
    r"|\b(?:[a-z0-9-]{1,63}\.){1,8}(?:com|net|org|info|io|fr|eu|de|uk|ru|cn|xyz|top|biz|co|me|app|"
    r"dev|online|site|shop|click|link|ly|gl|page|live|tk|club)\b(?:/[^\s<>\"]*)?",
    re.IGNORECASE,
)
SCHEME = re.compile(r"(?:https?|ftp|file|mailto|javascript|data|tel):", re.IGNORECASE)
MARK = re.compile(r"\*\*|__|`")
HEADING = re.compile(r"#{1,6} +")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a quotation, an item of a list, or an official address alone."""

    kind: Literal["paragraph", "quote", "item", "link"]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the block as one string."""
        return "\n".join(self.lines)


def is_official(url: str) -> bool:
    """Tell whether an address may appear in our mail: https, on an official site."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    known = any(host == name or host.endswith(f".{name}") for name in OFFICIAL_HOSTS)
    return parts.scheme == "https" and known and parts.username is None and parts.port is None


def without_addresses(text: str, instead: str) -> str:
    """Put `instead` in place of every address that is not official."""

    def judge(match: re.Match[str]) -> str:
        found = match[0]
        if match["url"] and not SCHEME.match(found):
            return found
        return found if is_official(found) else instead

    return ADDRESS.sub(judge, MARKDOWN_LINK.sub(r"\1 \2", text))


def blocks(answer: str, instead: str) -> tuple[Block, ...]:
    """Return the answer's blocks, without foreign addresses."""
    return tuple(_blocks(without_addresses(answer, instead)))


def _blocks(answer: str) -> Iterator[Block]:
    for chunk in re.split(r"\n\s*\n", answer.strip()):
        kind: Literal["paragraph", "quote", "item", "link"] | None = None
        lines: list[str] = []
        for line in chunk.splitlines():
            now, words = _line(line)
            if lines and (now != kind or now in {"item", "link"}):
                yield Block(kind or "paragraph", tuple(lines))
                lines = []
            kind = now
            lines.append(words)
        if any(lines):
            yield Block(kind or "paragraph", tuple(lines))


def _line(line: str) -> tuple[Literal["paragraph", "quote", "item", "link"], str]:
    plain = HEADING.sub("", MARK.sub("", line.strip()))
    if plain.startswith(">"):
        return "quote", plain.lstrip("> ").strip()
    if re.match(r"[-*•] +", plain):
        return "item", plain[2:].strip()
    return ("link", plain) if is_official(plain) and " " not in plain else ("paragraph", plain)


def unquoted(answer: str) -> str:
    """Return the words that are the answer's own, without what it quotes from a source."""
    return "\n".join(line for line in answer.splitlines() if not line.lstrip().startswith(">"))
