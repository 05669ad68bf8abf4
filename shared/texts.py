"""Localized texts: sentences in TOML files, `[key]` in each of our languages; dates in words."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from shared.languages import LANGUAGES, Language

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
ENGLISH_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
THAI_MONTHS = (
    "มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน",
    "กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม",
)  # fmt: skip


class Texts:
    """Sentences by key and language."""

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        self._sentences = sentences

    @classmethod
    def read(cls, *paths: Path) -> "Texts":
        """Read TOML files; a later file overrides an earlier one.

        Raises KeyError when a sentence lacks one of our languages.
        """
        sentences: dict[str, Mapping[str, str]] = {}
        for path in paths:
            sentences |= tomllib.loads(path.read_text(encoding="utf-8"))
        for key, versions in sentences.items():
            if set(versions) != set(LANGUAGES):
                raise KeyError(f"{key} needs a sentence in each of {', '.join(LANGUAGES)}")
        return cls(sentences)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def all_of(self, key: str) -> tuple[str, ...]:
        """Return the sentence `key` in each language."""
        return tuple(self._sentences[key].values())

    def say(self, key: str, language: Language, **facts: str | int) -> str:
        """Return the sentence `key` with its placeholders filled."""
        return self._sentences[key][language].format(**facts)


def date_in_words(day: date, language: Language) -> str:
    """Return a day in words: "1er mai 2026", "1 May 2026", "1 พฤษภาคม ค.ศ. 2026"."""
    match language:
        case "en":
            return f"{day.day} {ENGLISH_MONTHS[day.month - 1]} {day.year}"
        case "th":
            return f"{day.day} {THAI_MONTHS[day.month - 1]} ค.ศ. {day.year}"
        case "zh":
            return f"{day.year}年{day.month}月{day.day}日"
    first = "1er" if day.day == 1 else str(day.day)
    return f"{first} {MONTHS[day.month - 1]} {day.year}"
