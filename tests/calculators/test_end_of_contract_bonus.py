"""The bonus at the end of a contract: 10 %, and every reason for which it is not due (articles
L1243-8, L1243-10, L1251-32 and L1251-33)."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ai_core.calculators.catalogue import compute
from ai_core.calculators.records import NOT_DUE, Calculation
from ai_core.calculators.rule_files import read_rules
from ai_core.calculators.rulebook import RuleBook
from tests.calculators.cases import FLORISTS


def computed(idcc: str | None = None, **inputs: object) -> Calculation:
    return compute("end_of_contract_bonus", idcc, date(2026, 11, 30), inputs, RuleBook())


@pytest.mark.parametrize(
    ("pay", "bonus"),
    [(11100, "1110"), (0, "0"), (1234.56, "123.46"), (0.05, "0.01"), (3333.35, "333.34")],
)
@pytest.mark.parametrize(
    ("contract", "article"), [("CDD", "LEGIARTI000006901219"), ("CTT", "LEGIARTI000006901285")]
)
def test_a_tenth_of_all_gross_pay(contract: str, article: str, pay: float, bonus: str) -> None:
    found = computed(contract=contract, total_gross_pay=pay)
    assert (found.value, found.unit, found.source) == (Decimal(bonus), "€", "legal")
    assert [step.source for step in found.steps] == [article]


@pytest.mark.parametrize(
    ("contract", "name", "reason"),
    [
        ("CDD", "ended_in_trial_period", None),
        ("CDD", "hired_permanently_at_end", None),
        ("CDD", "refused_permanent_offer", None),
        ("CDD", "early_end_by_employee_misconduct_or_force_majeure", None),
        ("CDD", "refused_agreed_renewal", None),
        ("CTT", "temp_training_assignment", "contract_type_excluded"),
        ("CTT", "temp_early_end_by_employee_misconduct_or_force_majeure", None),
        ("CTT", "temp_hired_permanently_at_end", None),
        ("CTT", "temp_refused_flexible_end_date", None),
    ],
)
def test_what_excludes_it(contract: str, name: str, reason: str | None) -> None:
    excluded: dict[str, object] = {name: True}
    found = computed(None, contract=contract, total_gross_pay=3000, **excluded)
    assert (found.value, found.not_due) == (NOT_DUE, reason or name)
    # It needs no amount to be told, and the other contract is not concerned.
    assert computed(None, contract=contract, **excluded).not_due == (reason or name)
    other = "CTT" if contract == "CDD" else "CDD"
    assert computed(None, contract=other, total_gross_pay=3000, **excluded).value == 300


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"contract": "CDI"}, "contract_type_excluded"),
        ({"contract": "CDD", "fixed_term_type": "Contrat saisonnier"}, "contract_type_excluded"),
        ({"contract": "CDD", "fixed_term_type": "CDD d'usage"}, "contract_type_excluded"),
    ],
)
def test_which_contracts_have_none(given: dict[str, object], reason: str) -> None:
    assert computed(None, **given).not_due == reason


def test_what_is_missing_is_asked_one_after_the_other() -> None:
    assert [question.input for question in computed().missing] == ["contract"]
    assert computed().missing[0].choices == ("CDI", "CDD", "CTT")
    assert [question.input for question in computed(contract="CDD").missing] == ["total_gross_pay"]


def test_what_was_taken_as_not_being_so_is_listed() -> None:
    found = computed(contract="CDD", total_gross_pay=3000, refused_permanent_offer=False)
    assert [note.key for note in found.assumptions] == [
        "assumed_ordinary_fixed_term_contract",
        *["assumed_false"] * 4,
    ]
    assert "refused_permanent_offer" not in [note.facts.get("input") for note in found.assumptions]
    told = computed(contract="CDD", total_gross_pay=3000, fixed_term_type="Autres")
    assert "assumed_ordinary_fixed_term_contract" not in [note.key for note in told.assumptions]


def test_an_agreement_without_rules_leaves_the_code_s_as_a_minimum() -> None:
    found = computed("9999", contract="CDD", total_gross_pay=3000)
    assert found.value == 300
    assert found.is_minimum


@pytest.fixture
def florists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agreement 9001 is held: a contract of its own with 8 %, lost when a permanent job follows."""
    path = tmp_path / "9001.toml"
    path.write_text(RULES, encoding="utf-8")
    rules = read_rules(path)
    monkeypatch.setattr(
        "ai_core.calculators.rulebook.agreement_rules",
        lambda idcc: rules if idcc == "9001" else None,
    )


RULES = (
    FLORISTS
    + """[end_of_contract_bonus]
clause = "5"
fragment = "une prime de fête est versée à la fin du contrat"
choices = { fixed_term_type = ["Autres"] }
rows = [
  { fixed_term_type = "Contrat de fête", agreement_hired_permanently_at_end = true, \
not_due = "hired_permanently_at_end" },
  { fixed_term_type = "Contrat de fête", rate = "8/100" },
]
"""
)


def test_a_contract_of_the_agreement_has_its_own_rate(florists: None) -> None:
    given = {"contract": "CDD", "fixed_term_type": "Contrat de fête", "total_gross_pay": 3000}
    found = computed("9001", **given)
    assert found.value == 240
    assert (found.source, found.comparison) == ("agreement", "agreement_only")
    assert found.legal is not None
    assert found.legal.not_due == "contract_type_excluded"  # a contract of usage, article L1243-10
    lost = computed("9001", **given, agreement_hired_permanently_at_end=True)
    assert (lost.value, lost.source) == (NOT_DUE, "agreement")


def test_the_other_contracts_of_that_agreement_follow_the_code(florists: None) -> None:
    found = computed("9001", contract="CDD", fixed_term_type="Autres", total_gross_pay=3000)
    assert found.value == 300
    assert (found.source, found.is_minimum) == ("legal", False)
    (asked,) = computed("9001", contract="CDD", total_gross_pay=3000).missing
    assert asked.input == "fixed_term_type"
    assert asked.choices[:2] == ("Contrat de fête", "Autres")
    assert "Contrat saisonnier" in asked.choices
    temporary = computed("9001", contract="CTT", total_gross_pay=3000)
    assert temporary.value == 300
    assert temporary.source == "legal"


def test_a_permanent_contract_has_no_bonus_by_any_agreement() -> None:
    for idcc, label in (("1516", "CDD d'usage"), ("2511", "Autres"), ("1486", "Autres")):
        found = computed(idcc, contract="CDI", fixed_term_type=label, total_gross_pay=9000)
        assert (found.value, found.not_due) == ("not_due", "contract_type_excluded"), idcc
        assert not found.is_minimum
