"""Questions for load tests: as many different ones as asked for, and those that many people ask.

Made of `questions.toml`: no two of `Questions.different` are the same, so that no cache answers.
"""

import math
import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("questions.toml")
LANGUAGES = ("fr", "en", "th", "zh")
POPULAR = 200
"""So many questions come again and again, the n-th 1/n times as often as the first (Zipf)."""
GOLDEN = (math.sqrt(5) - 1) / 2
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sentences:
    """Every sentence that a part of the file gives, numbered from 0."""

    templates: Sequence[str]
    values: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, part: Mapping[str, Any]) -> "Sentences":
        """Return those of one table of the file."""
        places = {name: _values(each) for name, each in part.items() if name not in _OWN}
        return cls(part["sentences"], places)

    def __len__(self) -> int:
        return sum(math.prod(self._sizes(template)) for template in self.templates)

    def __getitem__(self, number: int) -> str:
        template = self.templates[number % len(self.templates)]
        rest = number // len(self.templates)
        chosen = {}
        for name in _PLACE.findall(template):
            rest, index = divmod(rest, len(self.values[name]))
            chosen[name] = self.values[name][index]
        return template.format(**chosen)

    def scattered(self, number: int) -> str:
        """Return the sentence of that number in an order that changes every word at once.

        A step that shares no factor with the length reaches each of them once. Raises IndexError
        when all were told.
        """
        whole = min(math.prod(self._sizes(each)) for each in self.templates) * len(self.templates)
        if number >= whole:
            raise IndexError(number)
        return self[number * _step(whole) % whole]

    def _sizes(self, template: str) -> list[int]:
        return [len(self.values[name]) for name in _PLACE.findall(template)]


class Questions:
    """What one run asks: its different questions begin at number `first`."""

    def __init__(self, first: int = 0, file: Path = FILE) -> None:
        parts = tomllib.loads(file.read_text(encoding="utf-8"))
        shares = [language for language in LANGUAGES for _ in range(parts[language]["share"])]
        self._turns = random.Random(0).sample(shares, len(shares))  # noqa: S311 - no secret
        self._sentences = {name: Sentences.read(parts[name]) for name in LANGUAGES}
        self._follow_ups = Sentences.read(parts["follow_ups"])
        self._random = random.Random(first)  # noqa: S311 - no secret
        self._numbers = count(POPULAR + first)
        self._popular = [self.numbered(number) for number in range(POPULAR)]
        self._weights = list(accumulate(1 / rank for rank in range(1, POPULAR + 1)))

    def numbered(self, number: int) -> str:
        """Return one question; each number has its own."""
        turn, place = divmod(number, len(self._turns))
        language = self._turns[place]
        nth = self._turns[:place].count(language) + turn * self._turns.count(language)
        return self._sentences[language].scattered(nth)

    def different(self) -> str:
        """Return a question that was not asked before."""
        return self.numbered(next(self._numbers))

    def popular(self) -> str:
        """Return one of those that many people ask."""
        return self._random.choices(self._popular, cum_weights=self._weights)[0]

    def follow_up(self) -> str:
        """Return what may be asked next in a conversation."""
        return self._follow_ups[self._random.randrange(len(self._follow_ups))]


_OWN = {"share", "sentences"}


def _values(told: Sequence[str] | Mapping[str, int]) -> Sequence[str]:
    if isinstance(told, Mapping):
        return [str(number) for number in range(told["from"], told["to"] + 1)]
    return told


def _step(whole: int) -> int:
    step = int(whole * GOLDEN)
    while math.gcd(step, whole) != 1:
        step += 1
    return step
