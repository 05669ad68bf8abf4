"""Durations and dates in French and English words, as people write them in a chat.

Texts are folded: lower case, no accents, straight apostrophes (`ai_core.law.search.stems.fold`).
"""

import re
from datetime import date

_UNITS = (
    *("zero", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"),
    *("onze", "douze", "treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit"),
    *("dix-neuf", "vingt"),
)
_ENGLISH_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
)
_WORDS = {
    **{word: number for number, word in enumerate(_ENGLISH_UNITS)},
    **{word: number for number, word in enumerate(_UNITS)},
    "une": 1,
    "a": 1,
    "an": 1,
    "trente": 30,
    "thirty": 30,
    "quarante": 40,
    "forty": 40,
}
NUMBER = (
    r"(?:\d{1,3}(?:[.,]\d{1,2})?|"
    + "|".join(sorted((re.escape(word) for word in _WORDS), key=len, reverse=True))
    + ")"
)
DURATION = (
    rf"(?:(?P<years>{NUMBER}) ?(?:ans?|annees?|years?|yrs?)\b(?P<half> (?:et demie?|and a half))?"
    rf"(?:,? (?:et |and )?(?P<extra>{NUMBER}) ?(?:mois|months?)\b)?"
    rf"|(?P<months>{NUMBER}) ?(?:mois|months?)\b(?P<half_month> et demi)?"
    rf"|(?P<years_half>{NUMBER}) and a half years\b)"
)
"""A duration in years and months; `months_of` reads its match."""

_MONTHS = (
    ("janvier", "january"),
    ("fevrier", "february"),
    ("mars", "march"),
    ("avril", "april"),
    ("mai", "may"),
    ("juin", "june"),
    ("juillet", "july"),
    ("aout", "august"),
    ("septembre", "september"),
    ("octobre", "october"),
    ("novembre", "november"),
    ("decembre", "december"),
)
MONTH_NUMBERS = {name: at for at, names in enumerate(_MONTHS, start=1) for name in names}
DAY = (
    r"(?:(?:le |the )?(?P<slash_day>\d{1,2})[/.-](?P<slash_month>\d{1,2})[/.-](?P<slash_year>\d{4})"
    rf"|(?:le |the )?(?:(?:\d{{1,2}}|1er) )?(?P<month>{'|'.join(MONTH_NUMBERS)}) (?P<year>\d{{4}})"
    r"|(?P<only_year>(?:19|20)\d\d)\b)"
)
"""A day, a month or a year; `months_since` reads its match."""


def number_of(words: str) -> float:
    """Return the number that `NUMBER` matched."""
    return float(_WORDS.get(words, words.replace(",", ".")))


def months_of(found: re.Match[str]) -> int:
    """Return the months of a match of `DURATION`."""
    if years := found["years"] or found["years_half"]:
        half = bool(found["half"] or found["years_half"])
        extra = number_of(found["extra"]) if found["extra"] else 0
        return round((number_of(years) + half / 2) * 12 + extra)
    return int(number_of(found["months"]))


def months_since(found: re.Match[str], today: date) -> int | None:
    """Return the whole months from a match of `DAY` to today; None when it is not in the past.

    Of a year alone the middle is taken, of a month the first day.
    """
    if found["only_year"]:
        year, month, day = int(found["only_year"]), 7, 1
    elif found["month"]:
        year, month, day = int(found["year"]), MONTH_NUMBERS[found["month"]], 1
    else:
        year, month = int(found["slash_year"]), int(found["slash_month"])
        day = int(found["slash_day"])
    months = (today.year - year) * 12 + today.month - month - (today.day < day)
    return months if months >= 0 else None
