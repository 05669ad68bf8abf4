"""The sentences around a calculation (`texts/calculation.toml`), in four languages."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from shared.languages import Language, language_of
from shared.texts import date_in_words

CalculationLanguage = Literal["fr", "en", "th", "zh"]
LANGUAGES: tuple[CalculationLanguage, ...] = get_args(CalculationLanguage)
FILE = Path(__file__).parents[2] / "texts" / "calculation.toml"
_THAI = re.compile(r"[\u0e01-\u0e4e]")
_FEW_WORDS = 4
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


def language_continued(text: str, detected: Language, before: Sequence[str]) -> CalculationLanguage:
    """Return the language to answer a message in that goes on with those `before`, latest first.

    A few words that tell no language ("Syntec, cadre", "2 300") are in that of the message before.
    """
    written = language_written(text, detected)
    unclear = _tells_none(text)
    if written != detected or not (unclear or _is_short(text)):
        return written
    told = next((one for one in before if not _tells_none(one)), None)
    if told is None:
        return written
    earlier = language_written(told, language_of(told, detected))
    return earlier if unclear or earlier in ("th", "zh") else written


def _tells_none(text: str) -> bool:
    """Whether a text tells no language, by its script or by its words."""
    other_script = _THAI.search(text) or _HAN.search(text)
    return not other_script and language_of(text, "fr") != language_of(text, "en")


def _is_short(text: str) -> bool:
    return len(text.split()) <= _FEW_WORDS


def day_in_words(day: date, language: CalculationLanguage) -> str:
    """Return a day in words: "1er mai 2026", "1 พฤษภาคม 2026", "2026年5月1日"."""
    if language == "th":
        return f"{day.day} {_THAI_MONTHS[day.month - 1]} {day.year}"
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return date_in_words(day, language)
