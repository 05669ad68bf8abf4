"""Places in a classification: "position 2.1, coefficient 115", "groupe F", "niveau III échelon 2".

A row of a grid, or a sentence, that names another place is not for whoever tells theirs.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

_TEXTS_REMEMBERED = 8_192  # a few MiB
_NAMES = (
    r"(?:coefficients?|coefs?|coeff|indices?|positions?|niveaux|niveau|echelons?|groupes?|classes?"
    r"|paliers?|degres?|filieres?)"
)
_LABEL = r"(?:\d{1,4}(?:\.\d{1,2})?|[ivx]{1,4}|[a-i](?:\s?\d{1,2})?)"
_TOLD = re.compile(rf"\b{_NAMES}\s+(?:d'emplois?\s+|de\s+|n\s?[°o]\s?)?({_LABEL})\b(?!')")
_LISTED = re.compile(
    rf"\b{_NAMES}\s+(?:d'emplois?\s+)?({_LABEL}(?:(?:\s?[,;/-]\s?|\s+(?:a|et|ou|au)\s+){_LABEL})*)\b(?!')"
)
_CELL = re.compile(rf"{_LABEL}(?:(?:\s?[,;/-]\s?|\s+(?:a|et|ou)\s+){_LABEL})*")
_ONE = re.compile(rf"\b{_LABEL}\b")


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
