"""Amounts in words and figures: the seniority, age or number of employees a question tells, and the
bounds that a row or a sentence sets ("de 6 mois à moins de 2 ans", "au moins onze salariés").
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_WORDS = {
    "un": 1, "une": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "six": 6, "sept": 7,
    "huit": 8, "neuf": 9, "dix": 10, "onze": 11, "douze": 12, "treize": 13, "quatorze": 14,
    "quinze": 15, "seize": 16, "dix-huit": 18, "vingt": 20, "vingt-cinq": 25, "trente": 30,
    "quarante": 40, "cinquante": 50, "soixante": 60, "cent": 100, "trois cents": 300,
}  # fmt: skip
_NUMBER = r"(?P<{0}>\d+(?:[.,]\d+)?|" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")"
_UNIT = r"(?P<{0}>ans?|annees?|mois|semaines?|jours?|salaries?|personnes|employes)\b"
_MONTHS = {"a": 12.0, "m": 1.0, "s": 12 / 52, "j": 12 / 365}
_SENIORITY = re.compile(
    r"anciennet|presence|accueilli|service|age|salaries|effectif|personnes|entreprise"
)
_AGE_TOLD = re.compile(
    r"\b(?:ai|agee? de|a) (?:que )?\d+ ans\b"
    r"(?! (?:d[e'] ?)?(?:anciennet|boite|maison|presence|service))"
)


_NOT_TOLD = re.compile(r"\b(?:jusqu'a|moins de|plus de|au-dela de|avant) [\w,-]+ \w+")
"""A bound in a question is asked about: "jusqu'à dix ans" tells nobody's seniority."""


def _pattern(words: str) -> re.Pattern[str]:
    names = {"n": _NUMBER.format("n"), "m": _NUMBER.format("m")}
    units = {"u": _UNIT.format("u"), "v": _UNIT.format("v")}
    return re.compile(r"\b" + words.format(**names, **units))


_BETWEEN = _pattern(
    r"(?:(?:comprise? )?entre |de |plus de )?{n} (?:(?:{u}) )?(?:revolus? )?"
    r"(?:et|a|jusqu'a)(?: moins de)? {m} {v}"
)
_UNDER = _pattern(r"(?:moins de|inferieure? a|avant|jusqu'a|au plus|n'excedant pas) {n} {u}")
_OVER = _pattern(
    r"(?:plus de|au moins(?: egale? a)?|au-dela de|a partir de|a compter de"
    r"|superieure?(?: ou egale?)? a|apres|minimum de|minimale? de|des) {n} {u}"
)
_OR_MORE = _pattern(
    r"{n} {u} (?:\w+ )?(?:et plus|ou plus|et au-dela|au moins|minimum|et davantage)"
)
_TOLD = _pattern(r"{n} {u}( et demi)?")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Lowest (included) and highest (excluded) amount, in months or in persons."""

    lowest: float
    highest: float
    persons: bool


@dataclass(frozen=True, slots=True)
class Told:
    """An amount a question tells."""

    amount: float
    persons: bool


def _amount(number: str, unit: str) -> tuple[float, bool]:
    value = float(_WORDS.get(number) or number.replace(",", "."))
    persons = unit[:3] in {"sal", "per", "emp"}
    return (value, True) if persons else (value * _MONTHS[unit[0]], False)


@lru_cache(2_048)
def bounds(folded: str) -> tuple[Bounds, ...]:
    """Return the bounds of seniority, age or workforce that a folded text sets."""
    found: list[Bounds] = []
    rest = folded
    for match in _BETWEEN.finditer(folded):
        low, persons = _amount(match["n"], match["u"] or match["v"])
        high, same = _amount(match["m"], match["v"])
        if persons == same and low < high:
            found.append(Bounds(low, high, persons))
            rest = rest.replace(match[0], " ")
    for pattern in (_OR_MORE, _OVER):
        for match in pattern.finditer(rest):
            low, persons = _amount(match["n"], match["u"])
            found.append(Bounds(low, float("inf"), persons))
            rest = rest.replace(match[0], " ")
    for match in _UNDER.finditer(rest):
        high, persons = _amount(match["n"], match["u"])
        found.append(Bounds(0, high, persons))
    return tuple(found)


def told(folded: str) -> tuple[Told, ...]:
    """Return the durations and numbers of persons a question tells; ages and bounds are none."""
    found = []
    for match in _TOLD.finditer(_NOT_TOLD.sub(" ", _AGE_TOLD.sub(" ", folded))):
        amount, persons = _amount(match["n"], match["u"])
        found.append(Told(amount + (6 if match[3] and not persons else 0), persons))
    years = [one for one in found if not one.persons]
    if len(years) == 2 and re.search(r"ans? (?:et )?\d+ mois", folded):
        found = [Told(years[0].amount + years[1].amount, persons=False)]
    return tuple(found)


def is_condition(folded: str) -> bool:
    """Whether the amounts of a folded text bound who is meant, rather than what is due."""
    return _SENIORITY.search(folded) is not None


def fit(asked: tuple[Told, ...], limits: tuple[Bounds, ...]) -> int:
    """Return 1 when an amount told is within bounds, -1 when bounds exclude all of them, else 0."""
    pairs = [(t, b) for t in asked for b in limits if t.persons == b.persons]
    if not pairs:
        return 0
    return 1 if any(b.lowest <= t.amount < b.highest for t, b in pairs) else -1
