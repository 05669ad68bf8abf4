"""Which calculator a message asks for, in French, English, Thai and Chinese (`intents.toml`).

Precision comes before recall: a question about the rule, and what fits two subjects in doubt, asks
for none.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ai_core.answering.understanding.cases.reading import read_case, script_of

FILE = Path(__file__).with_name("intents.toml")
_NEVER = re.compile(r"(?!)")
_ALWAYS = re.compile("")
_SCRIPTS = ("spaced", "thai", "chinese")
_LONGEST_QUESTION = 600
_ENOUGH_FIGURES = 2
_WORDS_OF_A_SUBJECT = 8


@dataclass(frozen=True, slots=True)
class _Intent:
    """A calculator and the words that ask for it, in one script."""

    name: str
    about: tuple[re.Pattern[str], ...]
    asks: re.Pattern[str]
    unless: re.Pattern[str]
    figures: tuple[str, ...]
    enough: int

    def is_about(self, text: str) -> bool:
        return all(one.search(text) for one in self.about) and not self.unless.search(text)


def _read(path: Path) -> tuple[Mapping[str, list[_Intent]], Mapping[str, re.Pattern[str]]]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    intents: dict[str, list[_Intent]] = {script: [] for script in _SCRIPTS}
    for table in content["calculator"]:
        for script in _SCRIPTS:
            if words := table.get(script):
                intents[script].append(
                    _Intent(
                        table["name"],
                        tuple(re.compile(one) for one in words["about"]),
                        re.compile(words["asks"]) if "asks" in words else _ALWAYS,
                        re.compile(words["unless"]) if "unless" in words else _NEVER,
                        tuple(words.get("figures", ())),
                        words.get("enough", _ENOUGH_FIGURES),
                    )
                )
    rules = {script: re.compile(words) for script, words in content["rule_questions"].items()}
    return intents, rules


_INTENTS, _RULE_QUESTIONS = _read(FILE)


def calculator_asked(message: str, today: date) -> str | None:
    """Return the name of the calculator that a message asks for; `notice`: of which end, unsaid."""
    script = script_of(message)
    name = script.lexicon.script
    text = script.text[:_LONGEST_QUESTION]
    if _RULE_QUESTIONS[name].search(text):
        return None
    for intent in _INTENTS[name]:
        if intent.is_about(text) and (
            intent.asks.search(text) or _tells_figures(message, intent, today)
        ):
            return intent.name
    return None


def calculator_of_subject(message: str) -> str | None:
    """Return the calculator whose subject a short message names and nothing else asks of."""
    script = script_of(message)
    name = script.lexicon.script
    text = script.text[:_LONGEST_QUESTION]
    if len(text.split()) > _WORDS_OF_A_SUBJECT or _RULE_QUESTIONS[name].search(text):
        return None
    return next((one.name for one in _INTENTS[name] if one.is_about(text)), None)


def _tells_figures(message: str, intent: _Intent, today: date) -> bool:
    """Whether a message without a question tells figures to compute with."""
    if not intent.figures:
        return False
    case = read_case(message[:_LONGEST_QUESTION], today, asked=intent.name)
    known = case.known()
    if "years_unclear" in known:
        known |= {"seniority_months"}
    return len(known & set(intent.figures)) >= intent.enough
