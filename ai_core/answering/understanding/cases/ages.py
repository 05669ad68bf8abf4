"""Whether years that nothing names ("12 ans, 3 800 brut, 52 ans") are an age or a service.

Nobody has worked for an employer since before the age of 14 (Code du travail, L4153-1 with its
exceptions): of two numbers of years the larger is an age where that leaves room for the smaller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

YOUNGEST_AGE, OLDEST_AGE = 16, 75
_FIRST_WORK_AGE = 14
_MONTHS_A_YEAR = 12
_LEAST_UNCLEAR, _MOST_SERVICE = 30, 50
"""Years told alone below this are a service; above that, an age."""

Meaning = Literal["age", "served", "unclear", ""]


@dataclass(frozen=True, slots=True)
class KnownYears:
    """The years of age and of service that the words of a message tell; None: they do not."""

    age: bool = False
    service: float | None = None


def meanings(years: Sequence[float], known: KnownYears) -> list[Meaning]:
    """Return what each number of years without a name is; empty: what the calculator needs."""
    if known.age:
        return [""] * len(years)
    if known.service is not None:
        return ["age" if _is_age_beside(one, known.service) else "" for one in years]
    if len(years) == 1:
        return [_alone(years[0])]
    if len(years) == 2 and _is_age_beside(max(years), min(years)):
        return ["age" if one == max(years) else "served" for one in years]
    return [""] * len(years)


def _alone(years: float) -> Meaning:
    if years < _LEAST_UNCLEAR:
        return ""
    return "age" if _MOST_SERVICE < years <= OLDEST_AGE else "unclear"


def _is_age_beside(years: float, service: float) -> bool:
    return YOUNGEST_AGE <= years <= OLDEST_AGE and years - service >= _FIRST_WORK_AGE


def with_years_told(told: Mapping[str, object], unclear: int | None) -> dict[str, object]:
    """Return what years of an earlier message are, once a later one tells the other thing."""
    names = set(told)
    if unclear is None or "years_unclear" in names:
        return {}
    if told.get("seniority_months") == _MONTHS_A_YEAR * unclear:
        return {}
    if {"seniority_months", "entry"} & names and "age" not in names:
        return {"age": unclear}
    if "age" in names and not {"seniority_months", "entry"} & names and told["age"] != unclear:
        return {"seniority_months": Fraction(_MONTHS_A_YEAR * unclear)}
    return {}
