"""Facts told in Thai and Chinese, rewritten in the French words that facts are read by.

Small numbers in Chinese words become figures. What remains of the other script stands as words
that tell nothing, so that a fact among them does not stand alone.
"""

import re
import tomllib
from pathlib import Path

from ai_core.law.search.stems import fold

FILE = Path(__file__).with_name("foreign_facts.toml")
_THAI = re.compile(r"[\u0e01-\u0e4e]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_REST = re.compile(r"[\u0e01-\u0e4e\u3400-\u4dbf\u4e00-\u9fff]+")
_UNKNOWN_WORD = " xx"
_CHARACTERS_OF_A_WORD = {"thai": 7, "chinese": 3}
_FIGURES = {figure: at for at, figure in enumerate("零一二三四五六七八九十")} | {"两": 2}
_FIGURE = re.compile(r"[一二三四五六七八九十两](?=个?月|年)")
_LATIN_EDGE = re.compile(
    r"(?<=[\u0e01-\u0e4e\u3400-\u9fff])(?=[a-z])|(?<=[a-z])(?=[\u0e01-\u0e4e\u3400-\u9fff])"
)


def _read(name: str) -> list[tuple[re.Pattern[str], str]]:
    pairs = tomllib.loads(FILE.read_text(encoding="utf-8"))[name]
    return [(re.compile(fold(words)), french) for words, french in pairs]


_TABLES = {"thai": _read("thai"), "chinese": _read("chinese")}


def in_french_words(folded: str) -> str:
    """Return a folded text with its facts in French words; one in the Latin script as it is."""
    script = "thai" if _THAI.search(folded) else "chinese" if _HAN.search(folded) else None
    if script is None:
        return folded
    text = folded.replace("。", ".")
    if script == "chinese":
        text = _FIGURE.sub(lambda figure: str(_FIGURES[figure[0]]), text)
    for words, french in _TABLES[script]:
        text = words.sub(f" {french} ", text)
    length = _CHARACTERS_OF_A_WORD[script]
    rest = _REST.sub(lambda run: f"{_UNKNOWN_WORD * round(len(run[0]) / length)} ", text)
    return " ".join(_LATIN_EDGE.sub(" ", rest).split())


def unknown_words(told: str) -> int:
    """Return how many words of a text of `in_french_words` stand for what was left out."""
    return told.split().count(_UNKNOWN_WORD.strip())
