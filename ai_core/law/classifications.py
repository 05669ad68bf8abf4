"""Places in a classification: "position 2.1, coefficient 115", "groupe F", "niveau III échelon 2".

A row of a grid, or a sentence, that names another place is not for whoever tells theirs.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TEXTS_REMEMBERED = 8_192  # a few MiB
_KINDS = {
    "coefficient": r"coefficients?|coefs?|coeffs?|indices?",
    "position": r"positions?",
    "niveau": r"niveaux|niveau|niv",
    "echelon": r"echelons?|ech",
    "groupe": r"groupes?",
    "classe": r"classes?",
    "palier": r"paliers?",
    "degre": r"degres?",
    "filiere": r"filieres?",
    "categorie": r"categories?",
}
_NAMES = "(?:" + "|".join(_KINDS.values()) + ")"
_LABEL = (
    r"(?:\d{1,4}(?:\.\d{1,2}){1,2}|\d{1,4}(?:\s?[a-z](?![a-z'’]))?|[ivx]{1,4}"
    r"|[a-i](?:\s?\d{1,2})?|(?!et|ou|au|de|du|art)[a-z]{2,4}\s?\d{1,2}[a-z]?)"
)
_JOIN = r"(?:\s?[,;/-]\s?|\s+(?:a|et|ou|au)\s+)"
_TOLD = re.compile(rf"\b{_NAMES}\s+(?:d'emplois?\s+|de\s+|n\s?[°o]\s?)?({_LABEL})\b(?!')")
_LISTED = re.compile(rf"\b{_NAMES}\s+(?:d'emplois?\s+)?({_LABEL}(?:{_JOIN}{_LABEL})*)\b(?!')")
_CELL = re.compile(rf"{_LABEL}(?:{_JOIN}{_LABEL})*")
_BEGUN = re.compile(rf"\(\s?({_LABEL})\b|({_LABEL})\s?[–(:-]\s?[a-z]")
"""A cell that begins with a place: "(2 B - apres 6 mois)"."""
_ONE = re.compile(rf"\b{_LABEL}\b")
_OF_KIND = {
    kind: re.compile(
        rf"\b(?:{names})\s+(?:d'emplois?\s+|de\s+|n\s?[°o]\s?)?({_LABEL}(?:{_JOIN}{_LABEL})*)\b(?!')"
    )
    for kind, names in _KINDS.items()
}
_NAMED_KIND = {kind: re.compile(rf"\b(?:{names})\b") for kind, names in _KINDS.items()}
_ANY_PLACE = re.compile(
    r"\b(?:coefficients?|coefs?|indices?|positions?|niveaux?|[ée]chelons?|groupes?|classes?)"
    r"(?:\s+(?:d['’]emplois?\s+)?[\w.]{1,6})?",
    re.IGNORECASE,
)
_ALONE = re.compile(r"\b(?:[a-z]{2,4}\d[a-z]?|[a-h]\d{1,2}|\d{1,2}[a-h])\b")
"""A place told without the name of its kind: "agent AS1", "C6"; read only where rows have it."""
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8",
          "ix": "9", "x": "10"}  # fmt: skip
_NUMBERED = ("niveau", "echelon", "position", "degre", "categorie")
_AMOUNT = re.compile(r"\d{1,3}(?:[ \u202f\u00a0.]?\d{3})*,\d{1,4}(?:\s?(?:€|eur\w*|%))?")
_TELLING_DIGITS = 3
_COTATION = re.compile(r"([a-i])(\d{1,2})")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a classification: its kind ("coefficient"), empty where none is told."""

    kind: str
    value: str


@lru_cache(_TEXTS_REMEMBERED)
def told_labels(folded: str) -> frozenset[str]:
    """Return the places in a classification that a folded question tells."""
    return frozenset(_TOLD.findall(folded))


@lru_cache(_TEXTS_REMEMBERED)
def spoken_labels(folded: str) -> frozenset[str]:
    """Return the places in a classification that a folded sentence names."""
    return frozenset(one for named in _LISTED.findall(folded) for one in _ONE.findall(named))


def labels_in_cells(cells: Sequence[str]) -> frozenset[str]:
    """Return the places that the folded cells of a row stand for."""
    whole = (cell.strip() for cell in cells)
    named = [cell for cell in whole if _CELL.fullmatch(cell)]
    return frozenset(one for cell in named for one in _ONE.findall(cell)).union(
        *(spoken_labels(cell) for cell in cells)
    )


@lru_cache(_TEXTS_REMEMBERED)
def places_told(folded: str) -> frozenset[Place]:
    """Return the places in a classification that folded words name, each with its kind.

    "groupe C6" and "classe C6" are a group and a class, as the metalworking agreement writes them.
    """
    found = set()
    for kind, named in _OF_KIND.items():
        for match in named.finditer(folded):
            found |= {_place(kind, one) for one in _ONE.findall(match[1])}
    values = {one.value for one in found}
    alone = (one.replace(" ", "") for one in _ALONE.findall(folded))
    found |= {Place("", one) for one in alone if one not in values}
    return frozenset(found)


def places_of_cell(folded: str, head: str) -> frozenset[Place]:
    """Return the places that a folded cell stands for, of the kinds that its head names."""
    cell = folded.strip()
    if _AMOUNT.fullmatch(cell):
        return frozenset()
    named = frozenset(one for one in places_told(cell) if one.kind)
    begun = _BEGUN.match(cell)
    if named or not (begun or _CELL.fullmatch(cell)):
        return named
    cell = (begun[1] or begun[2]) if begun else cell
    kinds = kinds_named(head) or {""}
    return frozenset(_place(kind, one) for kind in kinds for one in _ONE.findall(cell))


def kinds_named(head: str) -> frozenset[str]:
    """Return the kinds of places that the folded head of a column names."""
    return frozenset(kind for kind, name in _NAMED_KIND.items() if name.search(head))


def fits(told: Iterable[Place], row: frozenset[Place]) -> int:
    """Return how many of the places told a row is for, or -1 where it is for others."""
    matched = 0
    for one in told:
        same = [other for other in row if _same_kind(one, other)]
        if any(_same(one, other, row) for other in row):
            matched += 1
        elif same and one.kind:
            return -1
    return matched


def without_places(text: str) -> str:
    """Blank out the places in a classification that a text tells, with their kinds."""
    return _ANY_PLACE.sub(" ", text)


def places_in(text: str) -> frozenset[Place]:
    """Return the places that the lines and rows of a text name; `text` is folded."""
    lines = [line.split("\t") for line in text.splitlines()]
    cells = (places_of_cell(cell, "") for line in lines for cell in line)
    return frozenset().union(*cells, places_told(text))


def _place(kind: str, label: str) -> Place:
    value = label.replace(" ", "")
    return Place(kind, _ROMAN.get(value, value) if kind in _NUMBERED else value)


def _same_kind(one: Place, other: Place) -> bool:
    return bool(one.kind) and one.kind == other.kind


def _same(told: Place, other: Place, row: frozenset[Place]) -> bool:
    """Whether a place told is one of a row: by its value, or by its letter and number apart.

    A bare figure counts only where both say what it is, or where it is long enough to tell.
    """
    cotation = _COTATION.fullmatch(told.value)
    if cotation and other.value == cotation[1]:
        numbers = {one.value for one in row if one.value.isdigit()}
        return not numbers or cotation[2] in numbers
    if told.value != other.value or (told.kind and other.kind and told.kind != other.kind):
        return False
    vague = told.value.isdigit() and len(told.value) < _TELLING_DIGITS
    return not vague or bool(told.kind and other.kind)
