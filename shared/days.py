"""A day as it is written in a sentence."""

from datetime import date

from shared.languages import Language

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def written_day(day: date, language: Language) -> str:
    """Return a day in words: "1er mai 2026", "1 May 2026"."""
    if language == "en":
        return f"{day.day} {day:%B} {day.year}"
    first = "1er" if day.day == 1 else str(day.day)
    return f"{first} {MONTHS[day.month - 1]} {day.year}"
