"""What calculators say, in words: texts/calculators/LANGUAGE.toml.

A fact is written by what it is. The end of its name says whether a number is an amount (`euros`),
years, months or a rate ("amount_euros", "years"); `input` is the name of an input, and gives
{input}, its label, and {question}; a date is written in figures.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from ai_core.calculators.formulas import LEGAL_AMOUNT, SALARY, SENIORITY
from ai_core.calculators.hours_in_words import PrintedHours, hours_in_words
from ai_core.calculators.inputs import INPUTS
from ai_core.calculators.records import Fact, Factor, Note, Step, Term, Value, decimal

TEXTS = Path(__file__).parents[1] / "texts" / "calculators"
FALLBACK = "fr"
_TIMES = " × "
_NAME = re.compile(r"[A-Za-z_]\w*")
_NO_BREAK, _NARROW = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
_UNIT_OF_LETTER = {SALARY: "euros", LEGAL_AMOUNT: "euros", SENIORITY: "years"}
_UNIT_BY_SUFFIX = {
    "euros": "euros",
    "years": "years",
    "months": "months",
    "days": "days",
    "rate": "percent",
    "share": "percent",
}
_UNIT_KEY = {"years": "ans", "months": "mois", "days": "jours", "hours": "heures"}


@lru_cache(maxsize=8)
def wording(language: str) -> "Wording":
    """Return the words of a language; French for a language without its file."""
    path = TEXTS / f"{language}.toml"
    known = path if language.isalpha() and path.exists() else TEXTS / f"{FALLBACK}.toml"
    return Wording(known.stem, tomllib.loads(known.read_text(encoding="utf-8")))


def languages() -> tuple[str, ...]:
    """Return the languages that have a file."""
    return tuple(sorted(path.stem for path in TEXTS.glob("*.toml")))


class Wording:
    """The words of one language."""

    def __init__(self, language: str, texts: Mapping[str, Mapping[str, Any]]) -> None:
        self.language = language
        self._texts = texts

    def __contains__(self, key: str) -> bool:
        section, _, name = key.partition(".")
        return name in self._texts.get(section, {})

    def text(self, section: str, key: str, **facts: str) -> str:
        """Return a text with its placeholders filled. Raises KeyError for an unknown key."""
        found: str = self._texts[section][key]
        return found.format(**facts)

    def title(self, calculator: str) -> str:
        """Return the name of a calculator."""
        return self.text("calculators", calculator)

    def label(self, input_name: str) -> str:
        """Return the label of an input, as a form shows it."""
        return self.text("labels", input_name)

    def question(self, input_name: str) -> str:
        """Return the question that asks for an input."""
        return self.text("questions", input_name)

    def choice(self, value: str | bool) -> str:
        """Return a choice as people read it; labels of agreements are read as they are."""
        key = value if isinstance(value, str) else "yes" if value else "no"
        found: str = self._texts["choices"].get(key, key)
        return found

    def step(self, step: Step) -> str:
        """Return a step as a sentence."""
        facts = {name: self._fact(name, fact) for name, fact in step.facts.items()}
        facts["value"] = self.value(step.value, step.unit)
        if step.term is not None:
            facts["formula"] = self.formula(step.term)
        return self.text("steps", step.key, **facts)

    def warning(self, note: Note) -> str:
        """Return a warning as a sentence."""
        return self._note("warnings", note)

    def assumption(self, note: Note) -> str:
        """Return an assumption as a sentence."""
        return self._note("assumptions", note)

    def _note(self, section: str, note: Note) -> str:
        facts = {name: self._fact(name, fact) for name, fact in note.facts.items()}
        if "input" in note.facts:
            facts["question"] = self.question(str(note.facts["input"]))
        return self.text(section, note.key, **facts)

    def value(self, value: Value, unit: str | None, qualifier: str | None = None) -> str:
        """Return a result with its unit; a result that is a text is read as it is."""
        if not isinstance(value, Decimal):
            return self._printed(value or "", unit)
        if unit == "€":
            return self.euros(value)
        written = self.quantity(value, unit or "")
        return self.text("qualifiers", qualifier, amount=written) if qualifier else written

    def _printed(self, value: str, unit: str | None) -> str:
        """Return a day, or hours to look for a job, in words; another text as it is."""
        if isinstance(value, PrintedHours):
            return hours_in_words(value.outcome, self)
        if unit == "date" and value:
            return self.day(date.fromisoformat(value))
        return str(self._texts["marks"].get(value, value))

    def quantity(self, amount: Decimal, unit: str) -> str:
        """Return a number with a unit of [units] in the number it takes: "2 mois"."""
        one, many = self._texts["units"].get(unit, (unit, unit))
        singular = abs(amount) < 2 if self.language == "fr" else abs(amount) == 1
        gap = "" if self.language == "zh" else _NO_BREAK
        return f"{self.number(amount)}{gap}{one if singular else many}".strip()

    def euros(self, amount: Decimal) -> str:
        """Return an amount of money; the cents only where there are any."""
        places = 0 if amount == amount.to_integral_value() else 2
        written = f"{amount:,.{places}f}"
        return f"{self._localized(written)}{_NO_BREAK}€" if self.language == "fr" else f"€{written}"

    def number(self, amount: Decimal | Fraction) -> str:
        """Return a number with two decimals at most."""
        exact = decimal(amount) if isinstance(amount, Fraction) else amount
        written = f"{exact:,.2f}".rstrip("0").rstrip(".")
        return self._localized(written)

    def _localized(self, written: str) -> str:
        if self.language != "fr":
            return written
        return written.replace(",", _NARROW).replace(".", ",")

    def formula(self, term: Term) -> str:
        """Return a term with its numbers in place: "1/4 × 2 300 € × 7 ans"."""
        return _TIMES.join(self._factor(factor) for factor in term.factors)

    def _factor(self, factor: Factor) -> str:
        if factor.name is None:
            return self._plain_factor(factor)
        written = self._measured(factor.value, _unit_of(factor.name))
        if factor.start is None and factor.stop is None:
            return written
        if factor.start is None and factor.stop is not None and factor.value < factor.stop:
            return written
        key = "slice_to" if factor.start is None else "slice_between"
        bounds = {
            "start": self.number(factor.start or Fraction(0)),
            "stop": self.number(factor.stop or Fraction(0)),
        }
        key = "slice_from" if factor.stop is None else key
        return self.text("factors", key, years=written, **bounds)

    def _plain_factor(self, factor: Factor) -> str:
        """A number stays as the rule writes it (1/4); an expression becomes its value."""
        fraction = factor.text.replace("/", "", 1).replace(".", "", 1)
        if not fraction.isdecimal():
            rate = factor.text == "rate"
            return self._measured(factor.value, "percent" if rate else None)
        return self._localized(factor.text) if "/" not in factor.text else factor.text

    def _fact(self, name: str, fact: Fact) -> str:
        if name == "input":
            return self.label(str(fact))
        if name == "formula":
            return self._written(str(fact))
        if isinstance(fact, bool | str):
            return self.choice(fact)
        if isinstance(fact, date):
            return self.day(fact)
        exact = Fraction(fact) if isinstance(fact, int | Decimal) else fact
        return self._measured(exact, _UNIT_BY_SUFFIX.get(name.rpartition("_")[2]))

    def _written(self, formula: str) -> str:
        """Return a formula of a rule file in words: "12 × salaire de référence"."""
        words = self._texts["factors"]
        named = _NAME.sub(lambda name: str(words.get(name[0], self._label_of(name[0]))), formula)
        return named.replace(" * ", _TIMES)

    def _label_of(self, name: str) -> str:
        return self.label(name) if name in INPUTS else name

    def _measured(self, amount: Fraction, unit: str | None) -> str:
        if unit == "euros":
            return self.euros(decimal(amount))
        if unit == "percent":
            return self.percent(amount)
        key = _UNIT_KEY.get(unit or "")
        return self.quantity(decimal(amount), key) if key else self.number(amount)

    def percent(self, share: Fraction) -> str:
        """Return a share as a percentage: "80 %"."""
        gap = _NO_BREAK if self.language == "fr" else ""
        return f"{self.number(share * 100)}{gap}%"

    def day(self, day: date) -> str:
        """Return a day in figures, in the order the language has it."""
        return f"{day:%d/%m/%Y}" if self.language == "fr" else day.isoformat()


def _unit_of(name: str) -> str | None:
    return _UNIT_OF_LETTER.get(name) or (INPUTS[name].unit if name in INPUTS else None)
