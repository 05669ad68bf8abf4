"""Trades told in English, Thai or Chinese, in the French words that agreements are found by."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from shared.languages import language_of

FILE = Path(__file__).with_name("spoken_trades.toml")
_OTHER_SCRIPT = re.compile(r"[\u0e01-\u0e4e\u4e00-\u9fff]+")


def _read(path: Path) -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        language: {french: re.compile(words) for french, words in table.items()}
        for language, table in tables.items()
    }


_TRADES = _read(FILE)


def told_in_french(text: str) -> str:
    """Return what a text tells of its author's trade, and its words in the Latin alphabet.

    A French text is returned as it is.
    """
    if _OTHER_SCRIPT.search(text):
        trades = [*_told("thai", text), *_told("chinese", text)]
        return ". ".join([*trades, *_OTHER_SCRIPT.sub(" ", text).split()])
    if language_of(text) == "en":
        return ". ".join([*_told("english", text.lower()), text])
    return text


def _told(language: str, text: str) -> list[str]:
    return [french for french, words in _TRADES[language].items() if words.search(text)]
