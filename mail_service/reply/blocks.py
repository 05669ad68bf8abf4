"""An answer as blocks for a mail, without links to anything but official sites.

A hostile mail may have injected a prompt that adds a link or an address: every address that is not
of an official site is removed. Parses what our engines write (paragraphs, `> ` quotes, `- ` items,
a URL alone on its line, `**bold**` marks dropped), not all of Markdown.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

OFFICIAL_HOSTS = (
    "legifrance.gouv.fr",
    "service-public.fr",
    "service-public.gouv.fr",
    "code.travail.gouv.fr",
    "travail-emploi.gouv.fr",
    "justice.fr",
    "francetravail.fr",
    "ameli.fr",
    "urssaf.fr",
    "impots.gouv.fr",
    "info-retraite.fr",
    "cnil.fr",
    "defenseurdesdroits.fr",
    "3114.fr",
    "moncompteformation.gouv.fr",
    "mon-cep.org",
    "vae.gouv.fr",
    "gisti.org",
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
INLINE_QUOTATION = re.compile(r"« ?([^«»]{1,4000}?) ?»")
OMISSION = "[…]"
HEADING = re.compile(r"#{1,6} +")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a quotation, a list item, or an official URL alone on its line."""

    kind: Literal["paragraph", "quote", "item", "link"]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the block as one string."""
        return "\n".join(self.lines)


def is_official(url: str) -> bool:
    """Return whether a URL may appear in our mail: https, on an official site."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return False
    known = any(host == name or host.endswith(f".{name}") for name in OFFICIAL_HOSTS)
    return parts.scheme == "https" and known and parts.username is None and parts.port is None


def without_addresses(text: str, replacement: str) -> str:
    """Replace every URL and mail address that is not official; a host's bare name may be."""

    def replace(match: re.Match[str]) -> str:
        found = match[0]
        if match["url"] and not SCHEME.match(found):
            return found
        official = is_official(found) or is_official(f"https://{found}")
        return found if official else replacement

    return ADDRESS.sub(replace, MARKDOWN_LINK.sub(r"\1 \2", text))


def parse_blocks(answer: str, replacement: str) -> tuple[Block, ...]:
    """Return the answer's blocks, with `replacement` for addresses that are not official."""
    return tuple(_blocks(without_addresses(answer, replacement)))


def _blocks(answer: str) -> Iterator[Block]:
    for chunk in re.split(r"\n\s*\n", answer.strip()):
        kind: Literal["paragraph", "quote", "item", "link"] | None = None
        lines: list[str] = []
        for line in chunk.splitlines():
            line_kind, text = _line(line)
            if lines and (line_kind != kind or line_kind in {"item", "link"}):
                yield Block(kind or "paragraph", tuple(lines))
                lines = []
            kind = line_kind
            lines.append(text)
        if any(lines):
            yield Block(kind or "paragraph", tuple(lines))


def _line(line: str) -> tuple[Literal["paragraph", "quote", "item", "link"], str]:
    plain = HEADING.sub("", MARK.sub("", line.strip()))
    if plain.startswith(">"):
        return "quote", plain.lstrip("> ").strip()
    if re.match(r"[-*•] +", plain):
        return "item", plain[2:].strip()
    return ("link", plain) if is_official(plain) and " " not in plain else ("paragraph", plain)


def unquoted(answer: str, sources: Iterable[str] = ()) -> str:
    """Return the answer without what it quotes: lines after `>`, and « … » of these lines.

    A quotation within a sentence counts only where a quoted line or one of `sources` has it word
    for word, omissions apart.
    """
    lines = answer.splitlines()
    quoted = [line.lstrip()[1:] for line in lines if line.lstrip().startswith(">")]
    held = " ".join(" ".join((*quoted, *sources)).split())
    own = "\n".join(line for line in lines if not line.lstrip().startswith(">"))

    def without(match: re.Match[str]) -> str:
        pieces = (" ".join(piece.split()) for piece in match[1].split(OMISSION))
        return "" if all(piece in held for piece in pieces) else match[0]

    return INLINE_QUOTATION.sub(without, own)
