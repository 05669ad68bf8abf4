"""Finds the collective agreement a question names: by IDCC, by an alias, or by its title.

Names come from `data/agreement_aliases.toml` and from the titles. Ordinary words ("sport",
"banque") count only where the question speaks of an agreement or of the asker's trade, so that
"rupture conventionnelle" or "convention de forfait" name none. A question that names two agreements
gets the one named at greater length.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from ai_core.law.records import Agreement

_ALIASES = Path(__file__).with_name("data") / "agreement_aliases.toml"
_GAP_WORDS = 5
_TITLE_SHARE = 0.6
"""Least share of the words that follow "convention" a title must hold."""

_WORD = re.compile(r"[a-z0-9]+|\+|(?<=\s)-(?=\s)")
_CONVENTION = r"\b(?:convention|convetion|convntion|covention|convension|convantion)"
_COLLECTIVE = rf"(?:{_CONVENTION}\s+col\w+(?:\s+nat\w+)?|\bccn[ts]?|\bcc)"
_IDCC = re.compile(
    rf"""\bidcc(?:\s+(?:n|no|numero))?\s*(\d{{1,4}})\b
    | (?:{_COLLECTIVE}|{_CONVENTION})\s+(?:(?:n|no|numero)\s+)?(\d{{4}})\b
      (?!\s+(?:euro|salarie))""",
    re.VERBOSE,
)
_FILLER = r"""(?:\s+(?:comme|en|tant|que|applicable|dite?|pour|au|sein|dans|chez|un|une|a|aux?|des?
    |du|d|la|le|l|les?|mon|ma|notre|entreprise|societe|boite|magasin|etablissement|secteur|branche
    |domaine|metier|personnel|salariee?|employee?|ouvrier|ouvriere|cadre|etam|technicien
    |technicienne|apprentie?|agent|cabinet|activite|est|celle|celui))*\s*$"""
_FIELD = re.compile(
    rf"""(?:{_COLLECTIVE}{_FILLER} | {_CONVENTION}\s*$
    | \b(?:branche|secteur|filiere|metier|domaine
        |travaill(?:e|on|ez|ent|ai|ait|er|ant)|bosse|idcc\s+\d{{1,4}})\b{_FILLER})""",
    re.VERBOSE,
)
_PERSON = re.compile(rf"(?:\bsuis|\bj\s+etai|{_CONVENTION}){_FILLER}", re.VERBOSE)
_TITLE_BEFORE = re.compile(rf"{_COLLECTIVE}\s+(?:(?:des?|du|d|la|les?|l)\s+)*")
_EMPTY_WORDS = frozenset(
    [
        *("a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "ou"),
        *("par", "pour", "qui", "que", "quel", "quelle", "un", "une", "convention", "collective"),
        *("nationale", "applicable", "concernant", "branche", "personnel", "entreprise", "est"),
        *("ce", "il", "je", "mon", "ma"),
    ]
)
_TITLE_WORDS = 4
"""Shorter titles ("Sport", "Banque") are ordinary words: the table of aliases has their reach."""


class Reach(StrEnum):
    """Where an alias counts."""

    NAMES = "names"
    TRADES = "trades"
    TOPICS = "topics"


@dataclass(frozen=True, slots=True)
class _Alias:
    idcc: str
    pattern: re.Pattern[str]
    reach: Reach
    parts: int
    first_word: str

    def counts(self, plain: str, leading: str, found: re.Match[str]) -> bool:
        """Whether this match of the alias names an agreement."""
        before = plain[: found.start()]
        if self.reach is Reach.NAMES or _FIELD.search(before):
            return True
        named = found[0] == leading or _PERSON.search(before)
        return self.reach is Reach.TRADES and bool(named)


def _plain(text: str) -> str:
    """Fold case and accents, and collapse the characters between words to one space."""
    folded = unicodedata.normalize("NFKD", text.lower().replace("œ", "oe"))
    bare = "".join(c if c.isascii() else " " for c in folded if not unicodedata.combining(c))
    return " ".join(_stem(word) for word in _WORD.findall(bare))


def _stem(word: str) -> str:
    """Remove a plural ending."""
    return word[:-1] if len(word) > 4 and word[-1] in "sx" else word


def _alias(idcc: str, name: str, reach: Reach) -> _Alias:
    gap = rf"(?: \S+){{0,{_GAP_WORDS}}} "
    parts = [_plain(part) for part in name.split("…")]
    pattern = re.compile(rf"(?<!\S){gap.join(map(re.escape, parts))}(?!\S)")
    return _Alias(idcc, pattern, reach, len(parts), parts[0].partition(" ")[0])


def _aliases(agreements: Iterable[Agreement]) -> Iterator[_Alias]:
    """Compile the aliases: those of the table, and each agreement's titles."""
    tables: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(
        _ALIASES.read_text(encoding="utf-8")
    )
    for agreement in agreements:
        for title in (agreement.title, agreement.short_title):
            if len(_plain(title).split()) >= _TITLE_WORDS:
                yield _alias(agreement.idcc, title, Reach.NAMES)
        for reach, names in tables.get(agreement.idcc, {}).items():
            for name in names:
                yield _alias(agreement.idcc, name, Reach(reach))


class AgreementFinder:
    """Finds the agreement a question names, among those the corpus holds."""

    def __init__(self, agreements: Iterable[Agreement]) -> None:
        self._by_idcc = {agreement.idcc: agreement for agreement in agreements}
        self._aliases = tuple(_aliases(self._by_idcc.values()))
        self._titles = {
            idcc: {
                word
                for word in _plain(f"{agreement.title} {agreement.short_title}").split()
                if word not in _EMPTY_WORDS
            }
            for idcc, agreement in self._by_idcc.items()
        }

    def find(self, question: str) -> Agreement | None:
        """Return the agreement the question names, or None."""
        plain = _plain(question)
        numbers = [number for found in _IDCC.finditer(plain) for number in found.groups() if number]
        for number in numbers:
            if agreement := self._by_idcc.get(number.zfill(4)):
                return agreement
        if numbers:
            return None
        head, colon, _ = question.partition(":")
        leading = _plain(head) if colon else plain
        idcc = self._by_alias(plain, leading) or self._by_title(plain)
        return self._by_idcc[idcc] if idcc else None

    def _by_alias(self, plain: str, leading: str) -> str | None:
        """Return the agreement of the alias in most parts, else of the longest alias."""
        words = set(plain.split())
        found = [
            (alias.parts, match.end() - match.start(), alias.reach is Reach.NAMES, alias.idcc)
            for alias in self._aliases
            if alias.first_word in words
            for match in alias.pattern.finditer(plain)
            if alias.counts(plain, leading, match)
        ]
        return max(found)[-1] if found else None

    def _by_title(self, plain: str) -> str | None:
        """Return the agreement whose title has most of the words after "convention"."""
        named = _TITLE_BEFORE.search(plain)
        if not named:
            return None
        words = [w for w in plain[named.end() :].split()[:8] if w not in _EMPTY_WORDS]
        vocabulary = {word for title in self._titles.values() for word in title}
        known = [close[0] for w in words if (close := get_close_matches(w, vocabulary, 1, 0.86))]
        best = max(
            ((sum(w in title for w in known), idcc) for idcc, title in self._titles.items()),
            default=(0, ""),
        )
        return best[1] if known and best[0] >= max(1, _TITLE_SHARE * len(words)) else None
