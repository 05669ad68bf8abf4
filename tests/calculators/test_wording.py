"""What calculations say: whole sentences in every language, from keys and facts."""

import re
import string
import tomllib
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ai_core.calculators import wording as module
from ai_core.calculators.catalogue import CALCULATORS, compute
from ai_core.calculators.formulas import read_formula
from ai_core.calculators.hours_in_words import PrintedHours
from ai_core.calculators.inputs import INPUTS
from ai_core.calculators.job_search_hours import printed
from ai_core.calculators.outcomes import HoursOutcome, WarningOutcome
from ai_core.calculators.records import Note, Step
from ai_core.calculators.rulebook import RuleBook
from ai_core.calculators.sources import every_rules
from ai_core.calculators.wording import TEXTS, languages, wording

CODE = Path(module.__file__).parent
WRITTEN_KEY = re.compile(r'\b(?:Step|Note|_step)\(\s*"([a-z_]+)"')


def texts(language: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))


def placeholders(text: Any) -> set[str | None]:
    parts = text if isinstance(text, list) else [text]
    return {name for part in parts for _, name, _, _ in string.Formatter().parse(part) if name}


def test_every_language_says_the_same(subtests: pytest.Subtests) -> None:
    french = texts("fr")
    for language in languages():
        other = texts(language)
        with subtests.test(language):
            assert {(s, k) for s, found in other.items() for k in found} == {
                (s, k) for s, found in french.items() for k in found
            }
            for section, found in french.items():
                for key, text in found.items():
                    assert placeholders(other[section][key]) == placeholders(text), key


def test_every_input_and_calculator_has_its_words() -> None:
    french = texts("fr")
    assert set(INPUTS) <= set(french["labels"])
    assert set(INPUTS) <= set(french["questions"])
    assert set(CALCULATORS) <= set(french["calculators"])


def test_every_key_of_the_code_and_of_the_rules_has_its_sentence() -> None:
    french = texts("fr")
    said = {*french["steps"], *french["warnings"], *french["assumptions"]}
    in_code = {key for file in CODE.glob("*.py") for key in WRITTEN_KEY.findall(file.read_text())}
    assert len(in_code) > 10
    assert sorted(in_code - said) == []
    warned = {
        row.outcome.text_key
        for rules in every_rules()
        for table in rules.tables.values()
        for row in table.warnings
        if isinstance(row.outcome, WarningOutcome)
    }
    assert sorted(warned - set(french["warnings"])) == []
    reasons = {
        f"not_due_{reason}"
        for rules in every_rules()
        for table in rules.tables.values()
        for row in table.rows
        if (reason := getattr(row.outcome, "not_due", None))
    }
    assert reasons
    assert sorted(reasons - set(french["steps"])) == []


def test_a_term_is_said_with_its_numbers() -> None:
    formula = read_formula("1/4 * S * A[:10] + 1/3 * S * A[10:]")
    amount = formula.evaluate({"S": Fraction(2300), "A": Fraction(25, 2)})
    said = [wording("fr").formula(term) for term in amount.terms]
    assert [plain(text) for text in said] == [
        "1/4 × 2 300 € × 10 ans (jusqu'à 10 ans)",
        "1/3 × 2 300 € × 2,5 ans (au-delà de 10 ans)",
    ]
    seven = formula.evaluate({"S": Fraction(2300), "A": Fraction(7)}).terms[0]
    assert plain(wording("fr").formula(seven)) == "1/4 × 2 300 € × 7 ans"


def test_facts_are_said_by_what_they_are() -> None:
    words = wording("fr")
    step = Step("service", {"start": date(2020, 1, 6), "end": date(2024, 3, 5), "months": 50})
    assert plain(words.step(step)) == "Du 06/01/2020 au 05/03/2024 : 50 mois."
    limit = Step("most_applies", {"formula": "12 * S"}, Decimal(27600), "€")
    assert plain(words.step(limit)).endswith("12 × salaire de référence : 27 600 €.")
    note = Note("assumed_false", {"input": "gross_misconduct"})
    assert "faute grave" in words.assumption(note)


def test_a_calculation_is_said_in_sentences() -> None:
    found = compute(
        "end_of_contract_bonus",
        None,
        date(2026, 11, 30),
        {"contract": "CDD", "total_gross_pay": 8640.5},
        RuleBook(),
    )
    said = " ".join(wording("fr").step(step) for step in found.steps)
    assert "8 640,50 € × 10 % = 864,05 €" in plain(said)


def test_an_unknown_language_is_answered_in_french() -> None:
    assert wording("xx").language == "fr"
    assert wording("../fr").language == "fr"


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_hours_and_formulas_are_said_without_names_of_the_rules(subtests: pytest.Subtests) -> None:
    """Every row of every agreement: no mark, input or quantity is read as the rules write it."""
    words = wording("fr")
    known = {*INPUTS, *texts("fr")["factors"], "S", "A", "C"}
    assert words.value("none", None) == "aucune heure"
    for rules in every_rules():
        with subtests.test(rules.name):
            hours = rules.tables.get("job_search_hours")
            for row in () if hours is None else hours.rows:
                if not row.outcome.none:
                    value = PrintedHours(printed(row.outcome), row.outcome)
                    assert not re.search(r"[\[\]_/]", words.value(value, "heures"))
            salary = rules.tables.get("reference_salary")
            for row in () if salary is None else salary.rows:
                assert set(row.outcome.amount.names) <= known


FRENCH = re.compile(
    r"\b(?:heures?|jours?|semaines?|mois|pendant|par|de|du|ou|au plus|max|préavis|date à date)\b"
)


def test_hours_and_qualifiers_are_said_in_every_language(subtests: pytest.Subtests) -> None:
    """Every row of every agreement, in words; the French term may stand beside them in brackets."""
    qualifiers = set()
    for language in languages():
        words = wording(language)
        with subtests.test(language):
            for rules in every_rules():
                hours = rules.tables.get("job_search_hours")
                for row in () if hours is None else hours.rows:
                    if row.outcome.none:
                        continue
                    value = PrintedHours(printed(row.outcome), row.outcome)
                    said = words.value(value, "heures")
                    bare = re.sub(r"\([^()]*\)|（[^（）]*）", "", said)
                    assert language == "fr" or not FRENCH.search(bare), said
                for name in ("resignation_notice", "dismissal_notice", "retirement_notice"):
                    table = rules.tables.get(name)
                    rows = () if table is None else table.rows
                    qualifiers |= {row.outcome.qualifier for row in rows} - {None}
            for qualifier in qualifiers:
                said = words.value(Decimal(2), "mois", qualifier)
                assert language == "fr" or not FRENCH.search(said), said
    assert qualifiers


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "2 heures par jour pendant 2 mois au plus"),
        ("en", "2 hours a day for 2 months at most"),
        ("th", "วันละ 2 ชั่วโมง เป็นเวลาไม่เกิน 2 เดือน"),
        ("zh", "每天2小时，最长2个月"),
    ],
)
def test_hours_are_a_sentence_and_not_the_short_form(language: str, said: str) -> None:
    outcome = HoursOutcome(hours=2, per="day", max_months=2)
    value = PrintedHours(printed(outcome), outcome)

    assert value == "2 h/jour pendant 2 mois max"
    assert plain(wording(language).value(value, "heures")) == said


def test_what_is_not_due_at_the_end_of_a_cdd_says_what_unfitness_gives(
    subtests: pytest.Subtests,
) -> None:
    for language in languages():
        said = next(
            found["not_due_fixed_term_or_temporary_contract"]
            for found in texts(language).values()
            if "not_due_fixed_term_or_temporary_contract" in found
        )
        with subtests.test(language):
            assert "L1226-4-3" in said
            assert "inaptitude" in said
