"""Writes a calculation as an answer: its result, its steps, what was assumed, what is missing.

Every figure comes from the calculation; no model reads or writes any of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from pydantic_core import to_jsonable_python

from ai_core.answering.calculation.computing import (
    ENDING,
    UNSAID_NOTICE,
    Computed,
    is_of_pay,
    is_of_service,
)
from ai_core.answering.calculation.filling import Assumption
from ai_core.answering.calculation.texts import calculation_texts
from ai_core.answering.understanding.cases.replies import LENGTH, PAY_BASIS, SHARE, YEARS
from ai_core.calculators.catalogue import CALCULATORS
from ai_core.calculators.inputs import INPUTS
from ai_core.calculators.records import Calculation, LegalSource, Question, Side, Step, decimal
from ai_core.calculators.reply import reply_of
from ai_core.calculators.wording import Wording, wording
from shared.ai.contract import CalculationReply, Clarification
from shared.languages import LANGUAGES, Language
from shared.texts import Texts, date_in_words

_AT_LEAST = frozenset(
    {"severance_pay", "mutual_termination_pay", "end_of_contract_bonus", "overtime"}
)
"""What the law fixes as a least amount, which a contract may raise."""
_BY_AGREEMENT = frozenset(
    {
        *("severance_pay", "mutual_termination_pay", "resignation_notice", "dismissal_notice"),
        *("retirement_notice", "job_search_hours"),
    }
)
"""What agreements rule: without one named, it is asked for."""
QUESTIONS_OF_FACTS: Mapping[str, tuple[str, ...]] = {
    SHARE: ("share_50", "share_60", "share_80", "share_90"),
    LENGTH: (),
    PAY_BASIS: ("pay_basis_part_time", "pay_basis_full_time"),
    YEARS: ("years_are_service", "years_are_age"),
}
"""What is asked that is no input of a calculator by itself, and the keys of its choices."""
_DATE = "date"
_DEADLINE = "deadline"
_ENDINGS = ("resignation", "dismissal", "retirement")


@dataclass(frozen=True, slots=True)
class Written:
    """A calculation in words: the short answer, the section, the sources with their numbers."""

    summary: str
    section: str
    sources: tuple[LegalSource, ...]
    clarification: Clarification | None
    reply: CalculationReply | None


class CalculationWriter:
    """Writes one computed answer in one language."""

    def __init__(self, computed: Computed, language: Language) -> None:
        self._computed = computed
        self._language: Language = language
        self._texts: Texts = calculation_texts()
        self._words: Wording = wording(language)

    def write(self, *, may_ask_agreement: bool, which: Clarification | None = None) -> Written:
        """Return the answer; `may_ask_agreement`: the agreement was not asked for before.

        `which` asks which of the agreements that fit applies.
        """
        computed = self._computed
        if computed.calculation is None:
            needed = self._question(computed.question or Question(ENDING))
            return Written(self._missing(needed), "", (), needed, None)
        found = computed.calculation
        told = () if found.not_due else computed.inputs.assumptions
        assumptions = [self._assumption(one) for one in told]
        doubted = None if found.not_due else computed.inputs.doubted
        asks = may_ask_agreement and self._lacks_agreement
        clarification = (which or self._ask("ask_agreement", "agreement")) if asks else None
        return Written(
            self._joined(self._result(found)),
            "\n\n".join(filter(None, self._section(found, assumptions))),
            found.sources,
            clarification if doubted is None else self._question(Question(doubted)),
            self._reply(found, assumptions),
        )

    def _joined(self, sentences: Iterable[str]) -> str:
        return ("" if self._language == "zh" else " ").join(sentences)

    def _reply(self, found: Calculation, assumptions: Sequence[str]) -> CalculationReply:
        reply = reply_of(found, self._words)
        told = [*assumptions, *reply.assumptions]
        inputs = to_jsonable_python(self._computed.inputs.values, fallback=float)
        return reply.model_copy(update={"assumptions": told, "inputs": inputs})

    @property
    def _lacks_agreement(self) -> bool:
        computed = self._computed
        return computed.wants_agreement and computed.asked.calculator in _BY_AGREEMENT

    def _say(self, key: str, **facts: str) -> str:
        return self._texts.say(key, self._language, **facts)

    def _title(self) -> str:
        name, deadline = (
            self._computed.asked.calculator,
            self._computed.inputs.values.get(_DEADLINE),
        )
        if name == "deadlines" and isinstance(deadline, str):
            title = self._words.choice(deadline)
            return title[:1].upper() + title[1:]
        return self._say("notice_title") if name == UNSAID_NOTICE else self._words.title(name)

    def _result(self, found: Calculation) -> Iterator[str]:
        """Yield the sentences of the short answer."""
        if self._computed.asked.changed:
            yield self._say("changed")
        yield self._sum(found)
        agreement = self._computed.agreement
        if agreement and self._has_both_sides(found):
            yield self._say(
                "both_sides",
                legal=self._side_value(found.legal),
                agreement=self._side_value(found.agreement),
                agreement_title=agreement.short_title,
                comparison=self._words.text("comparisons", found.comparison),
            )
        elif found.is_minimum and agreement:
            yield self._say("minimum_of_code", agreement_title=agreement.short_title)
        elif self._lacks_agreement and not self._computed.gives_nothing_without_agreement:
            yield self._say("agreement_may_give_more")

    @staticmethod
    def _has_both_sides(found: Calculation) -> bool:
        """Whether the Code and the agreement both say something."""
        return found.comparison not in ("legal_only", "agreement_only")

    def _sum(self, found: Calculation) -> str:
        title = self._title()
        if found.not_due is not None:
            return self._say("result_not_due", title=title, reason=self._reason(found.steps))
        if not found.value or not isinstance(found.value, Decimal | str) or found.unit is None:
            return self._say("result_none", title=title, reason=self._reason(found.steps))
        value = self._value(found)
        key = "result_at_least" if found.calculator in _AT_LEAST else "result"
        return self._say(key, title=title, value=value)

    def _reason(self, steps: Sequence[Step]) -> str:
        return self._words.step(steps[-1]) if steps else self._say("nothing_due")

    def _value(self, found: Calculation | Side) -> str:
        if found.unit == _DATE and isinstance(found.value, str):
            return date_in_words(date.fromisoformat(found.value), self._language)
        return self._words.value(found.value, found.unit, found.unit_qualifier)

    def _side_value(self, side: Side | None) -> str:
        if side is None or side.not_due is not None or not isinstance(side.value, Decimal | str):
            return self._say("nothing_due")
        return self._value(side)

    def _section(self, found: Calculation, assumptions: Sequence[str]) -> Iterator[str]:
        """Yield the steps of each side, then what was assumed and what to check."""
        ids = dict.fromkeys(source.id for source in found.sources)
        numbers = {name: at for at, name in enumerate(ids, start=1)}
        agreement = self._computed.agreement
        if found.legal and found.agreement and agreement and self._has_both_sides(found):
            legal, own = self._side_value(found.legal), self._side_value(found.agreement)
            title = agreement.short_title
            yield f"**{self._say('legal_side', value=legal)}**"
            yield self._steps(found.legal.steps, numbers)
            yield f"**{self._say('agreement_side', value=own, agreement_title=title)}**"
            yield self._steps(found.agreement.steps, numbers)
        else:
            yield self._steps(found.steps, numbers)
        yield self._listed(
            "assumptions", [*assumptions, *map(self._words.assumption, found.assumptions)]
        )
        yield self._listed("warnings", [self._words.warning(note) for note in found.warnings])

    def _steps(self, steps: Sequence[Step], numbers: dict[str, int]) -> str:
        lines = []
        for step in steps:
            number = numbers.get(step.source or "")
            marker = f" [{number}]" if number else ""
            lines.append(f"- {self._words.step(step)}{marker}")
        return "\n".join(lines)

    def _listed(self, key: str, lines: Sequence[str]) -> str:
        if not lines:
            return ""
        listed = "\n".join(f"- {line}" for line in dict.fromkeys(lines))
        return f"{self._say(key)}\n\n{listed}"

    def _missing(self, clarification: Clarification) -> str:
        facts, asked = self._computed.asked.facts, self._computed.question
        said = self._say("missing", title=self._title(), question=clarification.question)
        if asked and is_of_pay(asked.input) and facts.net_monthly is not None:
            return f"{self._say('net_is_not_gross')} {said}"
        if asked and is_of_service(asked.input) and facts.seniority_bound is not None:
            return f"{self._say('bound_is_not_exact')} {said}"
        return said

    def _question(self, asked: Question) -> Clarification:
        """Return the question for an input, with the labels or yes and no to choose from."""
        name = asked.input
        if name == ENDING:
            choices = [self._say(f"ending_{ending}") for ending in _ENDINGS]
            return Clarification(question=self._say("ask_ending"), choices=choices, fact=name)
        if name in QUESTIONS_OF_FACTS:
            return self._question_of_fact(name)
        if is_of_pay(name):
            return self._ask("ask_gross_pay", "monthly_gross_pay_eur")
        if is_of_service(name) and not asked.choices:
            return self._ask("ask_service", "seniority_months")
        question = self._words.question(name)
        choices = [self._words.choice(one) for one in asked.choices]
        if choices and self._language != "fr":
            question = f"{question} {self._say('labels_are_french')}"
        if INPUTS[name].kinds == ("boolean",):
            choices = [self._say("yes"), self._say("no")]
        return Clarification(question=question, choices=choices, fact=name)

    def _question_of_fact(self, name: str) -> Clarification:
        """Return the question for a fact that is no input by itself."""
        choices = [self._say(choice) for choice in QUESTIONS_OF_FACTS[name]]
        return Clarification(question=self._say(f"ask_{name}"), choices=choices, fact=name)

    def _ask(self, key: str, fact: str) -> Clarification:
        return Clarification(question=self._say(key), fact=fact)

    def _assumption(self, one: Assumption) -> str:
        key = f"assumed_{one.key}"
        facts = {}
        for name, value in one.facts.items():
            if isinstance(value, Fraction):
                facts[name] = self._number(name, value)
            elif isinstance(value, str):
                facts[name] = value
            else:
                facts[name] = date_in_words(value, self._language)
        return self._say(key, **facts)

    def _number(self, name: str, value: Fraction) -> str:
        """Return a number by what the end of its name says it is; else it is months."""
        if name.endswith("euros"):
            return self._words.euros(decimal(value))
        if name.endswith("share"):
            return self._words.percent(value)
        return self._words.quantity(decimal(value), "mois")


def questions_of_inputs() -> dict[str, str]:
    """Return every question that asks for an input, in each language, and the input's name.

    By them a reply is recognised in a conversation.
    """
    texts = calculation_texts()
    found = dict.fromkeys(texts.all_of("ask_service"), "seniority_years")
    found |= dict.fromkeys(texts.all_of("ask_gross_pay"), "reference_salary")
    found |= dict.fromkeys(texts.all_of("ask_agreement"), "agreement")
    found |= dict.fromkeys(texts.all_of("ask_ending"), ENDING)
    for name in QUESTIONS_OF_FACTS:
        found |= dict.fromkeys(texts.all_of(f"ask_{name}"), name)
    names = {name for wanted in CALCULATORS.values() for name in wanted.inputs}
    for language in LANGUAGES:
        words = wording(language)
        for name in sorted(names):
            found.setdefault(words.question(name), name)
    return found
