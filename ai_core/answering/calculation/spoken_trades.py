"""Trades told in English, Thai or Chinese, in the French words that agreements are found by."""

import re
import tomllib
from collections.abc import Iterable, Mapping
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


def as_told(words: str, texts: Iterable[str]) -> str:
    """Return the words by which an agreement was recognised as the texts have them.

    "salon de coiffure" is then the author's 理发师; words that the texts have are returned.
    """
    for text in texts:
        if words.lower() in text.lower():
            return words
        for trades in _TRADES.values():
            for french, told in trades.items():
                if words in french and (found := told.search(text.lower())):
                    return found[0]
    return words


def _told(language: str, text: str) -> list[str]:
    return [french for french, words in _TRADES[language].items() if words.search(text)]
