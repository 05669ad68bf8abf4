"""The sentences around a calculation (`texts/calculation.toml`), in four languages."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from shared.languages import Language
from shared.texts import date_in_words

CalculationLanguage = Literal["fr", "en", "th", "zh"]
LANGUAGES: tuple[CalculationLanguage, ...] = get_args(CalculationLanguage)
FILE = Path(__file__).parents[2] / "texts" / "calculation.toml"
_THAI = re.compile(r"[\u0e01-\u0e4e]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_THAI_MONTHS = (
    *("มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน"),
    *("กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม"),
)


class CalculationTexts:
    """The sentences by key and language. Raises KeyError when one lacks a language."""

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        for key, versions in sentences.items():
            if set(versions) != set(LANGUAGES):
                raise KeyError(f"{key} needs a sentence in each of {', '.join(LANGUAGES)}")
        self._sentences = sentences

    def say(self, key: str, language: CalculationLanguage, **facts: str) -> str:
        """Return the sentence `key` with its placeholders filled."""
        return self._sentences[key][language].format(**facts)

    def all_of(self, key: str) -> tuple[str, ...]:
        """Return a sentence in each language."""
        return tuple(self._sentences[key].values())


@lru_cache(maxsize=1)
def calculation_texts() -> CalculationTexts:
    """Read the sentences."""
    return CalculationTexts(tomllib.loads(FILE.read_text(encoding="utf-8")))


def language_written(text: str, detected: Language) -> CalculationLanguage:
    """Return the language to answer a text in: Thai and Chinese by their script."""
    if _THAI.search(text):
        return "th"
    return "zh" if _HAN.search(text) else detected


def day_in_words(day: date, language: CalculationLanguage) -> str:
    """Return a day in words: "1er mai 2026", "1 พฤษภาคม 2026", "2026年5月1日"."""
    if language == "th":
        return f"{day.day} {_THAI_MONTHS[day.month - 1]} {day.year}"
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return date_in_words(day, language)
