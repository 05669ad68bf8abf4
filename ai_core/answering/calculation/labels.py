"""Which label of an agreement people's words mean: "cadre", "ETAM", "serveur" in a restaurant.

Labels differ between agreements and between calculators of one agreement; a word that fits several
labels, or none, decides nothing, and the labels that it leaves are asked for.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from ai_core.law.search.stems import fold

TRADES_FILE = Path(__file__).with_name("trades.toml")
GROUPS_FILE = Path(__file__).with_name("category_groups.toml")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "cadre": (r"(?<!non.)\bcadres?\b", r"\bingenieurs?\b"),
    "agent_de_maitrise": (r"\bmaitrises?\b", r"\btam\b", r"\betam\b", r"\bnon.cadres?\b"),
    "technicien": (r"\btechniciens?\b", r"\btam\b", r"\betam\b", r"\bnon.cadres?\b"),
    "etam": (r"\betam\b", r"\bnon.cadres?\b"),
    "employe": (r"\bemployes?\b", r"\bcollaborateurs?\b", r"\bnon.cadres?\b", r"\bautres\b"),
    "ouvrier": (r"\bouvriers?\b", r"\bcollaborateurs?\b", r"\bnon.cadres?\b", r"\bautres\b"),
    "non_cadre": (r"\bnon.cadres?\b",),
}
"""How labels name a category, the plainest name first: the first that fits a label decides."""
_WORDS_OF_A_REPLY = 6
_CODED = re.compile(r"[^a-z0-9]+")
_RANGE = re.compile(r"\b(?P<first>\d+|[ivx]+)\s*(?:a|et|ou)\s*(?P<last>\d+|[ivx]+)\b")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}


def fitting_labels(category: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that a category of `CaseFacts` may mean, in their order."""
    for pattern in _WORDS.get(category, ()):
        fits = tuple(label for label in choices if re.search(pattern, fold(label)))
        if fits:
            return fits
    if category == "non_cadre":
        return tuple(label for label in choices if not re.search(_WORDS["cadre"][0], fold(label)))
    return ()


def group_label(idcc: str | None, category: str, choices: Sequence[str]) -> str | None:
    """Return the label of the groups of jobs that a category is, in an agreement without names."""
    groups = _GROUPS.get(idcc or "", {})
    label = groups.get(category) or (groups.get("non_cadre") if category != "cadre" else None)
    return label if label in choices else None


def coded_label(code: str, choices: Sequence[str]) -> str | None:
    """Return the label of a level, a group or a coefficient: "III" is in "I à III"."""
    number = _number(code)
    exact = [label for label in choices if _flat(label) == _flat(code)]
    if exact:
        return exact[0]
    fits = [label for label in choices if number is not None and _holds(label, number)]
    return fits[0] if len(fits) == 1 else None


def replied_label(reply: str, choices: Sequence[str]) -> str | None:
    """Return the label that a reply gives in its own words, or that holds the reply alone."""
    flat = _flat(reply)
    for label in choices:
        if _flat(label) == flat:
            return label
    if not flat:
        return None
    inside = [label for label in choices if f" {flat} " in f" {_flat(label)} "]
    if len(inside) == 1:
        return inside[0]
    if len(flat.split()) > _WORDS_OF_A_REPLY:
        return None
    named = [label for label in choices if f" {_flat(label)} " in f" {flat} "]
    return named[0] if len(named) == 1 else None


def trade_label(idcc: str, messages: Sequence[str], choices: Sequence[str]) -> str | None:
    """Return the label of the trade that messages tell, the latest first, in an agreement."""
    for words, label in _TRADES.get(idcc, ()):
        if label in choices and any(words.search(fold(message)) for message in messages):
            return label
    category = [
        label
        for words, label in _TRADES.get(idcc, ())
        if label.islower() and any(words.search(fold(message)) for message in messages)
    ]
    fits = fitting_labels(category[0], choices) if category else ()
    return fits[0] if len(fits) == 1 else None


def _read_trades() -> Mapping[str, list[tuple[re.Pattern[str], str]]]:
    tables = tomllib.loads(TRADES_FILE.read_text(encoding="utf-8"))
    return {
        idcc: [(re.compile(rf"\b(?:{'|'.join(words)})\b"), label) for label, words in table.items()]
        for idcc, table in tables.items()
    }


_TRADES = _read_trades()
_GROUPS: Mapping[str, Mapping[str, str]] = tomllib.loads(GROUPS_FILE.read_text(encoding="utf-8"))


def _holds(label: str, number: int) -> bool:
    plain = fold(label)
    if found := _RANGE.search(plain):
        first, last = _number(found["first"]), _number(found["last"])
        between = " a " in found[0]
        if first is not None and last is not None:
            return first <= number <= last if between else number in (first, last)
    bound = re.search(r"\d+", plain)
    if bound is None:
        return False
    limit = int(bound[0])
    if re.search(r"inferieur ou egal", plain):
        return number <= limit
    if re.search(r"inferieur|moins de", plain):
        return number < limit
    if re.search(r"et plus|et suivants|superieur|inclus|ou plus", plain):
        strict = "superieur" in plain and "inclus" not in plain and "egal" not in plain
        return number > limit if strict else number >= limit
    return number == limit


def _number(code: str) -> int | None:
    plain = code.strip().lower()
    return int(plain) if plain.isdecimal() else _ROMAN.get(plain)


def _flat(text: str) -> str:
    return _CODED.sub(" ", fold(text)).strip()
