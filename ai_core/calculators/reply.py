"""A calculation as clients read it: numbers, sentences in a language, addresses of its articles."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

from pydantic import JsonValue

from ai_core.calculators.catalogue import Calculator
from ai_core.calculators.forms import input_schema
from ai_core.calculators.records import (
    Calculation,
    LegalSource,
    Question,
    Side,
    Step,
    Value,
)
from ai_core.calculators.rulebook import RuleBook
from ai_core.calculators.wording import Wording
from shared.ai.contract import (
    CalculationArticle,
    CalculationReply,
    CalculationSide,
    CalculationStep,
    CalculatorName,
    CalculatorReply,
    MissingInput,
)

_LEGIFRANCE = "https://www.legifrance.gouv.fr"
_NO_LENGTH = ("no_notice_fixed_by_code", "notice_left_to_agreements", "no_notice_of_clause")
"""Steps that say more than "0 mois", which reads as if no notice were owed."""


def reply_of(calculation: Calculation, words: Wording) -> CalculationReply:
    """Return a calculation for clients, in the language of `words`."""
    both = calculation.legal is not None and calculation.agreement is not None
    return CalculationReply(
        **_common(calculation, words),
        calculator=cast(CalculatorName, calculation.calculator),
        title=words.title(calculation.calculator),
        idcc=calculation.idcc,
        as_of=calculation.as_of,
        source=calculation.source,
        same_as_legal=calculation.same_as_legal,
        is_minimum=calculation.is_minimum,
        comparison=calculation.comparison,
        comparison_text=words.text("comparisons", calculation.comparison) if both else "",
        legal=_side(calculation.legal, words),
        agreement=_side(calculation.agreement, words),
        terms=_json(calculation.terms),
        conditions=_json(calculation.conditions),
        warnings=[words.warning(note) for note in calculation.warnings],
        assumptions=[words.assumption(note) for note in calculation.assumptions],
        missing=[_missing(question, words) for question in calculation.missing],
        notice=words.text("notices", "result"),
    )


def calculator_reply(
    wanted: Calculator, book: RuleBook, idcc: str | None, words: Wording
) -> CalculatorReply:
    """Return a calculator and the schema of its inputs, for an agreement or for the Code alone."""
    rules = book.agreement(idcc)
    schema = input_schema(wanted, book, idcc, words)
    return CalculatorReply(
        name=cast(CalculatorName, wanted.name),
        title=words.title(wanted.name),
        idcc=idcc,
        held=idcc is None or (rules is not None and wanted.name in rules.tables),
        inputs=cast(dict[str, JsonValue], schema),
    )


def _common(side: Side | Calculation, words: Wording) -> dict[str, object]:
    return {
        "value": _number(side.value),
        "unit": side.unit,
        "unit_qualifier": side.unit_qualifier,
        "text": _told(side, words),
        "not_due": side.not_due,
        "steps": [_step(step, words) for step in side.steps],
        "articles": [_article(source) for source in _distinct(side.sources)],
    }


def _told(side: Side | Calculation, words: Wording) -> str:
    if side.steps and (side.not_due or side.steps[-1].key in _NO_LENGTH):
        return words.step(side.steps[-1])
    return words.value(side.value, side.unit, side.unit_qualifier)


def _side(side: Side | None, words: Wording) -> CalculationSide | None:
    return None if side is None else CalculationSide.model_validate(_common(side, words))


def _step(step: Step, words: Wording) -> CalculationStep:
    return CalculationStep(
        text=words.step(step), value=_number(step.value), unit=step.unit, article=step.source
    )


def _article(source: LegalSource) -> CalculationArticle:
    place = "conv_coll/id" if source.idcc else "codes/article_lc"
    return CalculationArticle(
        id=source.id,
        title=source.title,
        url=f"{_LEGIFRANCE}/{place}/{source.id}",
        fragment=source.fragment,
        idcc=source.idcc,
    )


def _distinct(sources: Iterable[LegalSource]) -> list[LegalSource]:
    """Return each article once, with the first of its deciding words."""
    first: dict[str, LegalSource] = {}
    for source in sources:
        first.setdefault(source.id, source)
    return list(first.values())


def _missing(question: Question, words: Wording) -> MissingInput:
    return MissingInput(
        input=question.input, label=words.question(question.input), choices=list(question.choices)
    )


def _number(value: Value) -> float | str | None:
    """Return a result as JSON: a whole number without decimals."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _json(values: Mapping[str, object] | None) -> dict[str, JsonValue] | None:
    return None if values is None else cast(dict[str, JsonValue], dict(values))
