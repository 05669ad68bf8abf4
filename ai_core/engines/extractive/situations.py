"""The situation that a question tells, and whether what a text says is of another one.

Who resigns must not read the notice of a dismissal, a manager the clerks' line, an employee who
ends the trial the employer's delay. Words decide, by `situations.toml`. What a unit of a text is of
is said by the unit itself, else by what introduces it, else by its heading, else by the titles
above the text: the nearest one that speaks of a group of situations is believed.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_TEXTS_REMEMBERED = 8_192  # a few MiB
_FILE = Path(__file__).with_name("situations.toml")
_WORD = re.compile(r"[a-z0-9]+")
_DENIED = re.compile(
    r"\b(?:n|ne)(?: (?:ai|a|suis|est|veux|veut|voulais|vais|pas|plus|jamais|ete|me|m|une?|d|de|la"
    r"|le)){1,5} $"
    r"|\b(?:pas|plus) (?:de |d |une? )$"
    r"|\b(?:sans|jamais|not|never|didn t|haven t)(?: (?:avoir|ete|etre|to|have|been|a|de|d)){0,3} $"
)
_NONE: frozenset[str] = frozenset()
_TURNS_TO = re.compile(
    r"[?.!;]\s*(?:\w+[\s,]+){0,2}(?:et|mais|and|but|what)\s+(?:si|s'|if|pour|what if)\b"
)
"""A second question that puts one situation in another's place: "Et si c'est moi qui pars ?"."""

Group = str
Situations = Mapping[Group, frozenset[str]]
"""The values of each group of exclusive situations that words name, none for a group unnamed."""


@dataclass(frozen=True, slots=True)
class _Value:
    group: Group
    name: str
    told: re.Pattern[str]
    spoken: re.Pattern[str]
    also: tuple[tuple[Group, str], ...]


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Match any of the words after a blank, which is looked for faster than where a word begins."""
    return re.compile(rf" (?:{'|'.join(words)})(?!\w)")


def _read(tables: Mapping[str, Any]) -> tuple[tuple[_Value, ...], Mapping[str, re.Pattern[str]]]:
    values = []
    for group, named in tables["exclusive"].items():
        for name, one in named.items():
            implied = [entry.split(".") for entry in one.get("also", ())]
            also = tuple((other, value) for other, value in implied)
            values.append(_Value(group, name, _any_of(one["told"]), _any_of(one["spoken"]), also))
    return tuple(values), {name: _any_of(words) for name, words in tables["special"].items()}


_TABLES = tomllib.loads(_FILE.read_text(encoding="utf-8"))
_VALUES, _SPECIAL = _read(_TABLES)
_ANY_SPOKEN = _any_of(
    words
    for named in _TABLES["exclusive"].values()
    for one in named.values()
    for words in one["spoken"]
)
_ANY_SPECIAL = _any_of(words for named in _TABLES["special"].values() for words in named)
"""Most sentences speak of none: one search instead of one for each."""
_EMPLOYER_ASKS = _any_of(_TABLES["asker"]["employer"])


@dataclass(frozen=True, slots=True)
class Told:
    """What a question tells of its situation: exclusive values by group, special situations."""

    exclusive: Situations
    special: frozenset[str]

    def contradicted(self, levels: Iterable[str]) -> bool:
        """Whether a text is of another situation; `levels`: its folded words, nearest first."""
        open_groups = set(self.exclusive)
        for level in levels:
            for group, values in spoken(level).items():
                if group in open_groups:
                    if not values & self.exclusive[group]:
                        return True
                    open_groups.discard(group)
            if not open_groups:
                break
        return False

    def named_by(self, levels: Iterable[str]) -> float:
        """Return the share of the groups told of which a text names a value told."""
        held: set[Group] = set()
        for level in levels:
            said = spoken(level)
            held |= {group for group in said if said[group] & self.exclusive.get(group, _NONE)}
        return len(held) / (len(self.exclusive) or 1)


def read_told(folded: str) -> Told:
    """Return the situation told by a folded question; what it denies is not told."""
    turn = list(_TURNS_TO.finditer(folded))
    exclusive = dict(_exclusive(_plain(folded)))
    if turn:
        exclusive |= _exclusive(_plain(folded[turn[-1].start() :]))
    if exclusive.get("ender") == frozenset({"employee"}) and "ending" not in exclusive:
        asks = _EMPLOYER_ASKS.search(_plain(folded))
        exclusive["ender"] = frozenset({"employer"}) if asks else exclusive["ender"]
    return Told(exclusive, special(folded))


def _exclusive(words: str) -> Situations:
    found: dict[Group, set[str]] = {}
    for value in _VALUES:
        if any(
            not _DENIED.search(words[1 : hit.start() + 1]) for hit in value.told.finditer(words)
        ):
            found.setdefault(value.group, set()).add(value.name)
            for group, other in value.also:
                found.setdefault(group, set()).add(other)
    return {group: frozenset(values) for group, values in found.items()}


@lru_cache(_TEXTS_REMEMBERED)
def spoken(folded: str) -> Situations:
    """Return the exclusive situations of which a folded text speaks."""
    words = _plain(folded)
    found: dict[Group, set[str]] = {}
    for value in _VALUES if _ANY_SPOKEN.search(words) else ():
        if value.spoken.search(words):
            found.setdefault(value.group, set()).add(value.name)
    return {group: frozenset(values) for group, values in found.items()}


@lru_cache(_TEXTS_REMEMBERED)
def special(folded: str) -> frozenset[str]:
    """Return the situations with rules of their own that a folded text names."""
    words = _plain(folded)
    if not _ANY_SPECIAL.search(words):
        return _NONE
    return frozenset(name for name, shown in _SPECIAL.items() if shown.search(words))


def _plain(folded: str) -> str:
    """Return the words of a text, a blank before each."""
    return " ".join(("", *_WORD.findall(folded)))
