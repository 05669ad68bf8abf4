"""Figures with a unit in a sentence: durations, amounts, shares; written in digits or in words.

French and English, so that an English sentence can be compared with the French passage it rests on:
"two months", "deux mois" and "2 mois" are the same figure, and so are "€1,823.03" and "1 823,03 €".
Numbers in words are read up to 99, then cent, mille and their multiples; a number beyond is read in
digits only. One unit may close two numbers: "six et douze mois" are six months and twelve months.
"a salaried employee" and "un salarié" count nobody.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

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
UNIT_NAMES = tuple(_UNITS)
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
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[ .\u202f]\d{3})*(?:[.,]\d+)?"
_SPELLED = rf"(?:{_NUMBER_WORD})(?:(?:[- ]|-et-)(?:{_NUMBER_WORD}))*"
_NUMBER = rf"(?:{_DIGITS}|{_SPELLED})"
_BETWEEN = " (?:et|and|ou|or|a|to) "
_UNIT = "|".join(
    rf"(?P<{name}>(?:{'|'.join(words.split())}))" for name, words in _UNITS.items()
).replace("[ ]", " ")
_ADJECTIVE = (
    r"(?:premiers?|premieres?|derniers?|dernieres?|consecutifs?|consecutives?|full|first|last"
    r"|consecutive|working|calendar|more|\(\d+\))"
)
_FIGURE = re.compile(
    rf"(?<![\w.,-])(?P<numbers>{_NUMBER}(?:{_BETWEEN}{_NUMBER})*)"
    rf"\s?(?:{_ADJECTIVE} )?(?:{_UNIT})(?![a-z])"
    rf"|(?<!\w)(?:€|eur)\s?(?P<euros>{_DIGITS})(?![\d%])"
)
_PART = re.compile(rf"(?P<digits>{_DIGITS})|(?P<word>{_NUMBER_WORD})|(?P<between>{_BETWEEN})")
_COMMA_GROUPS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+\.\d+")
_POINT_GROUPS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+")
_GROUPS = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
_TENS = "vingt trente quarante cinquante soixante septante huitante nonante"
_WITH_ET = frozenset(_TENS.split())
_COUNTS_ONE = re.compile(r"(?:(?:moins|plus) d'|(?:moins|least|most|than|seul|only) )$")
"""What stands before "un salarié" where it counts, as in "au moins un salarié"."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value and its unit, such as 2 and `month`."""

    value: Decimal
    unit: str


def figures_in(text: str) -> Iterator[Figure]:
    """Yield the figures with a unit in a text, in its order."""
    folded = fold(text).folded
    for found in _FIGURE.finditer(folded):
        if found["euros"] is not None:
            yield Figure(_in_digits(found["euros"], "euro"), "euro")
            continue
        unit = next(name for name in _UNITS if found[name] is not None)
        if not _is_an_article(found["numbers"], unit, folded[: found.start()]):
            yield from (Figure(value, unit) for value in _values(found["numbers"], unit))


def _is_an_article(numbers: str, unit: str, before: str) -> bool:
    """Whether "un" in "un salarié" is the article."""
    one = unit == "employee" and numbers in {"un", "une", "one"}
    return one and not _COUNTS_ONE.search(before[-10:])


def _values(numbers: str, unit: str) -> Iterator[Decimal]:
    """Yield the numbers that share a unit: "six et douze" are two, "vingt et un" one."""
    number, between = _SpelledNumber(), ""
    for part in _PART.finditer(numbers):
        if part["between"] is not None:
            between = part["between"].strip()
            continue
        if part["digits"] is not None:
            yield from number.ended()
            yield _in_digits(part["digits"], unit)
        elif not number.takes(part["word"], between):
            yield from number.ended()
            number.takes(part["word"], "")
        between = ""
    yield from number.ended()


def _in_digits(digits: str, unit: str) -> Decimal:
    """Read digits: three after a point or a comma are thousands, except of a share."""
    plain = digits.replace(" ", "").replace("\u202f", "")
    if _COMMA_GROUPS.fullmatch(plain):
        plain = plain.replace(",", "")
    elif _POINT_GROUPS.fullmatch(plain):
        plain = plain.replace(".", "")
    elif unit != "percent" and _GROUPS.fullmatch(plain):
        plain = re.sub("[.,]", "", plain)
    return Decimal(plain.replace(",", ".")).normalize()


class _SpelledNumber:
    """A number being read word by word."""

    def __init__(self) -> None:
        self._thousands = self._rest = 0
        self._last = ""

    def takes(self, word: str, between: str) -> bool:
        """Take a word that goes on with the number; False where it begins another one."""
        if self._last and not self._goes_on(word, between):
            return False
        if word in _SCALES:
            scaled = max(self._rest, 1) * _SCALES[word]
            if _SCALES[word] == 1_000:
                self._thousands, self._rest = self._thousands + scaled, 0
            else:
                self._rest = scaled
        else:
            self._rest += 76 if self._makes_eighty(word) else _WORDS.get(word, 20)
        self._last = word
        return True

    def ended(self) -> Iterator[Decimal]:
        """Yield the number where one was read, and begin anew."""
        if self._last:
            yield Decimal(self._thousands + self._rest).normalize()
        self._thousands = self._rest = 0
        self._last = ""

    def _makes_eighty(self, word: str) -> bool:
        return word in {"vingt", "vingts"} and self._last == "quatre"

    def _goes_on(self, word: str, between: str) -> bool:
        if between == "and":
            return self._last in _SCALES
        if between == "et":
            return self._last in _WITH_ET and word in {"un", "une", "onze"}
        if between:
            return False
        if word in _SCALES:
            return self._rest < _SCALES[word] and self._last != word
        value = _WORDS.get(word, 20)
        if self._makes_eighty(word) or self._last in _SCALES:
            return True
        tens, units = divmod(self._rest % 100, 10)
        if units or not tens:
            return False
        return value < (20 if tens in {6, 8} else 10)
