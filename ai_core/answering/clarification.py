"""Clarification questions: asked back when an answer depends on a fact that was not given.

The rules are in texts/clarifications.toml. They match words: a fact given in other words is asked
for again.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.ai.contract import Clarification
from shared.languages import Language

FILE = Path(__file__).parents[1] / "texts" / "clarifications.toml"


@dataclass(frozen=True, slots=True)
class Rule:
    """Ask `question` when `about` matches the question and `known` matches nothing so far."""

    about: re.Pattern[str]
    known: re.Pattern[str]
    question: dict[Language, str]


def read_rules(path: Path = FILE) -> tuple[Rule, ...]:
    """Read the rules, in their order."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Rule(
            re.compile(rule["about"]),
            re.compile(rule["known"]),
            {"fr": rule["fr"], "en": rule["en"]},
        )
        for rule in content.values()
    )


def clarify(
    rules: Iterable[Rule], subject: str, earlier: Iterable[str], language: Language
) -> Clarification | None:
    """Return the question of the first rule that fits, or None."""
    question = _folded(subject)
    known = "\n".join((*map(_folded, earlier), question))
    for rule in rules:
        if rule.about.search(question) and not rule.known.search(known):
            question = rule.question[language]
            return Clarification(question=question[0].upper() + question[1:])
    return None


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in plain if not unicodedata.combining(c))
