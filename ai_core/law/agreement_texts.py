"""What the titles of an agreement's text say of it: is it the base text, its date, its territory.

The publisher writes them into the path of titles above each clause: "Texte de base : …", or "Textes
Attachés" / "Textes Salaires" and below it the side agreement's own title, with its date and, first
or in brackets, the place of a local one.
"""

import re
from datetime import date
from functools import lru_cache
from importlib.resources import files

from ai_core.law.records import AgreementText, TextRank

_BASE = "texte de base"
_PAY = "textes salaires"
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre"),
    *("octobre", "novembre", "décembre"),
)
_DATE = re.compile(rf"\b(\d{{1,2}})(?:er)?\s+({'|'.join(_MONTHS)})\s+(\d{{4}})\b", re.IGNORECASE)
_ANNEX = re.compile(
    r"""^\s*annexe | \bannexe\s+[IVX\d]+ | \brelatif\s+aux\s+(?:personnels?\s+)?(?:ouvriers|employés
    |cadres|ingénieurs|techniciens|agents\s+de\s+maîtrise|voyageurs|collaborateurs)
    | ^\s*avenant\s+["«“]""",
    re.VERBOSE | re.IGNORECASE,
)
_FORMER_IDCC = re.compile(r"\s*\(ex-?\s*(?:IDCC)?\s*\d+\)")
_PLACES = tuple(
    (files("ai_core.law") / "data" / "places.txt").read_text("utf-8").strip().splitlines()
)
_PLACE = "|".join(re.escape(place) for place in sorted(_PLACES, key=len, reverse=True))
_LEADING = re.compile(rf"^(?:région\s+)?(?:{_PLACE})\b", re.IGNORECASE)
_DOCUMENT = re.compile(
    r"[\s,.:–―-]*\b(?:accord|avenant|annexe|protocole|convention|salaires?|indemnités|primes?"
    r"|adhésion|dénonciation|classification|montant)\w*\b.*",
    re.IGNORECASE | re.DOTALL,
)
_WITHIN = re.compile(
    rf"""(?: [Rr]égion | [Dd]épartement(?:al|ale)?(?:\s+d[eu'’]\s*(?:la\s+|l['’])?)? | [Rr]égionale?
    | \( (?:[Rr]égion\s+)? )\s* ((?:{_PLACE})(?:(?:,|\s+et|\s+-)\s+(?:{_PLACE}))*) \b""",
    re.VERBOSE,
)


@lru_cache(maxsize=16_384)
def describe(path: tuple[str, ...]) -> AgreementText:
    """Describe the text that the clauses below this path of titles belong to."""
    head = path[0] if path else ""
    if head.lower().startswith(_BASE):
        title = head.partition(":")[2].strip()
        return AgreementText(title, TextRank.BASE, first_date(title), None)
    title = path[1] if len(path) > 1 else head
    place = _territory(title)
    if head.lower().startswith(_PAY):
        rank = TextRank.PAY
    elif _ANNEX.search(title) and place is None:
        rank = TextRank.ANNEX
    else:
        rank = TextRank.SIDE
    return AgreementText(title, rank, first_date(title), place)


def first_date(title: str) -> date | None:
    """Return the first date that words name: of a text's title, the day it was signed."""
    found = _DATE.search(title)
    if found is None:
        return None
    day, month, year = found.groups()
    try:
        return date(int(year), _MONTHS.index(month.lower()) + 1, int(day))
    except ValueError:
        return None


def _territory(title: str) -> str | None:
    """Return the place a local agreement is of, as its title writes it."""
    if _LEADING.match(title):
        return _FORMER_IDCC.sub("", _DOCUMENT.sub("", title)).strip(" -–,.(") or None
    found = _WITHIN.search(title)
    return found[1] if found else None
