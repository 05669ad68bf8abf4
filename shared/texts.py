"""Localized texts: sentences in TOML files, `[key]` with `fr` and `en`, and dates in words."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from shared.languages import Language

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


class Texts:
    """Sentences by key and language."""

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        self._sentences = sentences

    @classmethod
    def read(cls, *paths: Path) -> "Texts":
        """Read TOML files; a later file overrides an earlier one.

        Raises KeyError when a sentence lacks French or English.
        """
        sentences: dict[str, Mapping[str, str]] = {}
        for path in paths:
            sentences |= tomllib.loads(path.read_text(encoding="utf-8"))
        for key, versions in sentences.items():
            if set(versions) != {"fr", "en"}:
                raise KeyError(f"{key} needs exactly a French and an English sentence")
        return cls(sentences)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def say(self, key: str, language: Language, **facts: str | int) -> str:
        """Return the sentence `key` with its placeholders filled."""
        return self._sentences[key][language].format(**facts)


def date_in_words(day: date, language: Language) -> str:
    """Return a day in words: "1er mai 2026", "1 May 2026"."""
    if language == "en":
        return f"{day.day} {day:%B} {day.year}"
    first = "1er" if day.day == 1 else str(day.day)
    return f"{first} {MONTHS[day.month - 1]} {day.year}"
