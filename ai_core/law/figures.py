"""Figures with a unit in a sentence: durations, amounts, shares; written in digits or in words.

French and English, so that an English sentence can be compared with the French passage it rests on:
"two months", "deux mois" and "2 mois" are the same figure. Numbers in words are read up to 99, then
cent, mille and their multiples; a number beyond is read in digits only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from shared.privacy.folding import fold

_UNITS = {
    "day": "jours? journees? days?",
    "week": "semaines? weeks?",
    "month": "mois months?",
    "year": "ans? annees? years?",
    "hour": "heures? h hours?",
    "minute": "minutes? min mn",
    "euro": "€ euros? eur",
    "percent": "% pour[ ]cent percent per[ ]cent",
    "employee": "salaries? salariees? employees? employes?",
}
_BY_VALUE = {
    1: "un une one",
    2: "deux two",
    3: "trois three",
    4: "quatre four",
    5: "cinq five",
    6: "six",
    7: "sept seven",
    8: "huit eight",
    9: "neuf nine",
    10: "dix ten",
    11: "onze eleven",
    12: "douze twelve",
    13: "treize thirteen",
    14: "quatorze fourteen",
    15: "quinze fifteen",
    16: "seize sixteen",
    17: "seventeen",
    18: "eighteen",
    19: "nineteen",
    20: "vingt twenty",
    30: "trente thirty",
    40: "quarante forty",
    50: "cinquante fifty",
    60: "soixante sixty",
    70: "septante seventy",
    80: "huitante eighty",
    90: "nonante ninety",
}
_WORDS = {word: value for value, words in _BY_VALUE.items() for word in words.split()}
_SCALES = {"cent": 100, "cents": 100, "hundred": 100, "mille": 1_000, "thousand": 1_000}
_NUMBER_WORD = "|".join(sorted({*_WORDS, *_SCALES, "vingts"}, key=len, reverse=True))
_NUMBER = (
    rf"(?P<digits>\d+(?:[ .\u202f]\d{{3}})*(?:[.,]\d+)?)"
    rf"|(?P<words>(?:{_NUMBER_WORD})(?:(?:[- ]|[- ]et[- ]|[- ]and[- ])(?:{_NUMBER_WORD}))*)"
)
_UNIT = "|".join(
    rf"(?P<{name}>(?:{'|'.join(words.split())}))" for name, words in _UNITS.items()
).replace("[ ]", " ")
_ADJECTIVE = (
    r"(?:premiers?|premieres?|derniers?|dernieres?|consecutifs?|consecutives?|full|first|last"
    r"|consecutive|working|calendar|more|\(\d+\))"
)
_FIGURE = re.compile(rf"(?<![\w.,-])(?:{_NUMBER})\s?(?:{_ADJECTIVE} )?(?:{_UNIT})(?![a-z])")


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its unit, such as 2 and `month`."""

    value: Decimal
    unit: str


def figures_in(text: str) -> Iterator[Figure]:
    """Yield the figures with a unit in a text, in its order."""
    folded = fold(text).folded
    for found in _FIGURE.finditer(folded):
        value = _value(found)
        if value is not None:
            yield Figure(value, next(name for name in _UNITS if found[name] is not None))


def _value(found: re.Match[str]) -> Decimal | None:
    if found["words"] is not None:
        return _in_words(found["words"])
    digits = found["digits"].replace(" ", "").replace("\u202f", "")
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", digits):
        digits = digits.replace(".", "")
    try:
        return Decimal(digits.replace(",", ".")).normalize()
    except InvalidOperation:
        return None


def _in_words(words: str) -> Decimal:
    total = 0
    part = 0
    for word in re.split(r"[- ]", words.replace("quatre-vingts", "quatre-vingt")):
        if word in _SCALES:
            part = max(part, 1) * _SCALES[word]
            if _SCALES[word] == 1_000:
                total, part = total + part, 0
        elif word in {"vingt", "vingts"} and part % 100 == 4:
            part += 76
        elif word in _WORDS:
            part += _WORDS[word]
    return Decimal(total + part)
