"""Clarifications: one question back, for a fact that decides and that is not known.

The rules and their sentences are in texts/clarifications.toml. Our own questions are recognised in
earlier turns by their words, so that none is asked twice and the next message completes the
question it was about.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from ai_core.law.search.stems import fold
from shared.ai.contract import Clarification
from shared.languages import Language

FILE = Path(__file__).parents[2] / "texts" / "clarifications.toml"
AGREEMENTS_FILE = FILE.with_name("agreements.toml")
CALCULATION_FILE = FILE.with_name("calculation.toml")
_ASKED_OF_AGREEMENTS = ("agreement_which", "agreement_is_it", "category_which")
_FIELDS = {
    "seniority_band": "seniority_months",
    "agreement_which": "agreement",
    "agreement_is_it": "agreement",
    "category_which": "category",
}
"""The field of the profile that a question asks for, where it is called otherwise."""
_FIELDS_OF_INPUTS = {
    "seniority_years": "seniority_months",
    "right_seniority_years": "seniority_months",
    "reference_salary": "monthly_gross_pay_eur",
    "salaries": "monthly_gross_pay_eur",
}
NO_QUESTIONS: Mapping[str, str] = {}
_FACT = re.compile(r"\\{[a-z]+\\}")
_SPACES = re.compile(r"[\s\u00a0\u202f>*_]+")
_NO_RULE = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Ask:
    """How a fact is asked for in one language."""

    question: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Ask for the first fact of `needs` that is not known, when `about` is what is asked."""

    about: re.Pattern[str]
    unless: re.Pattern[str]
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnQuestion:
    """A question of ours found in an answer: its name, the field it asks for, an IDCC it names.

    `input` is the input of a calculator that it asks for, None where it asks for another fact.
    """

    name: str
    field: str
    idcc: str | None = None
    input: str | None = None


class Clarifications:
    """The rules, and our questions as they are told."""

    def __init__(
        self,
        rules: Collection[Rule],
        asks: dict[str, dict[Language, Ask]],
        others: dict[str, dict[Language, str]],
        of_inputs: Mapping[str, str] = NO_QUESTIONS,
        waits: Collection[str] = (),
    ) -> None:
        """`of_inputs`: the questions that ask for an input of a calculator, and its name.

        `waits`: how an answer says that a calculation is interrupted.
        """
        self._waits = tuple(map(_flat, waits))
        self._rules = tuple(rules)
        self._asks = asks
        told = {
            **{name: [ask.question for ask in by.values()] for name, by in asks.items()},
            **{name: list(by.values()) for name, by in others.items()},
        }
        self._told = [
            (name, re.compile(_FACT.sub("(.{1,200}?)", re.escape(_flat(question)))))
            for name, questions in told.items()
            for question in questions
        ]
        self._of_inputs = {_flat(question): name for question, name in of_inputs.items()}

    @classmethod
    def read(
        cls, path: Path = FILE, of_inputs: Mapping[str, str] = NO_QUESTIONS
    ) -> "Clarifications":
        """Read the rules, in their order."""
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        asks = TypeAdapter(dict[str, dict[Language, Ask]]).validate_python(content["ask"])
        rules = [
            Rule(
                re.compile(rule["about"]),
                re.compile(rule["unless"]) if "unless" in rule else _NO_RULE,
                tuple(rule["needs"]),
            )
            for rule in content["rule"]
        ]
        texts = tomllib.loads(AGREEMENTS_FILE.read_text(encoding="utf-8"))
        others = {name: texts[name] for name in _ASKED_OF_AGREEMENTS}
        waits = tomllib.loads(CALCULATION_FILE.read_text(encoding="utf-8"))["calculation_waits"]
        return cls(rules, asks, others, of_inputs, waits.values())

    def ask(self, fact: str, language: Language) -> Ask:
        """Return how a fact is asked for."""
        return self._asks[fact][language]

    def interrupts(self, answer: str) -> bool:
        """Whether an earlier answer says that the calculation before it waits."""
        flat = _flat(answer)
        return any(one in flat for one in self._waits)

    def asked_in(self, answer: str) -> OwnQuestion | None:
        """Return the question of ours that an earlier answer ends with, if it asks one."""
        flat = _flat(answer)
        for question, name in self._of_inputs.items():
            if question in flat:
                return OwnQuestion(f"input_{name}", _FIELDS_OF_INPUTS.get(name, name), None, name)
        last: tuple[int, OwnQuestion] | None = None
        for name, pattern in self._told:
            for found in pattern.finditer(flat):
                if last is None or found.start() > last[0]:
                    idcc = found[2] if name == "agreement_is_it" else None
                    last = found.start(), OwnQuestion(name, _FIELDS.get(name, name), idcc)
        return last[1] if last else None

    def choose(
        self, query: str, known: Collection[str], asked: Collection[str], language: Language
    ) -> Clarification | None:
        """Return the question of the first rule that needs a fact neither known nor asked for."""
        plain = fold(query)
        for rule in self._rules:
            if not rule.about.search(plain) or rule.unless.search(plain):
                continue
            for fact in rule.needs:
                field = _FIELDS.get(fact, fact)
                if field in known:
                    continue
                if field in asked:
                    break
                ask = self.ask(fact, language)
                question = ask.question[0].upper() + ask.question[1:]
                return Clarification(question=question, choices=list(ask.choices), fact=field)
        return None


def _flat(text: str) -> str:
    return _SPACES.sub(" ", fold(text))
