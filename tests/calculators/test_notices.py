"""Notices: the Code exactly, and which side applies. Articles L1234-1, L1237-1, L1237-6, L1237-10
and L5213-9."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from ai_core.calculators import rule_files
from ai_core.calculators.catalogue import compute
from ai_core.calculators.durations import months_between, read_duration
from ai_core.calculators.records import NOT_DUE, Calculation
from ai_core.calculators.rule_files import read_rules
from ai_core.calculators.rulebook import RuleBook
from ai_core.errors import WrongInputs
from tests.calculators.cases import FLORISTS

RULES = (
    FLORISTS
    + """[bands]
"Plus de 2 ans" = "> 24"
"2 ans ou moins" = "<= 24"
[dismissal_notice]
clause = "5"
fragment = "la durée du préavis est fixée comme suit"
rows = [
  { category = "Cadres", value = "3 mois" },
  { category = "Employés", seniority_band = "2 ans ou moins", value = "15 jours" },
  { category = "Employés", seniority_band = "Plus de 2 ans", value = "2 mois" },
  { category = "Ouvriers", value = "5 semaines" },
  { category = "Apprentis", none = true },
]
[resignation_notice]
clause = "5"
fragment = "la durée du préavis est fixée comme suit"
rows = [{ category = "Cadres", value = "3 mois", qualifier = "de date à date" }]
[retirement_notice]
clause = "5"
fragment = "la durée du préavis est fixée comme suit"
rows = [
  { category = "Cadres", value = "4 mois" },
  { category = "Employés", value = "1 mois" },
  { category = "Ouvriers", none = true },
  { category = "Assistants", value = "2 mois", doubled_when_disabled = false },
  { category = "Gardiens", value = "0 jour", replaces_code = true },
]
"""
)


@pytest.fixture(autouse=True)
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agreement 9001 is held, beside the real ones."""
    path = tmp_path / "9001.toml"
    path.write_text(RULES, encoding="utf-8")
    rules = read_rules(path)
    real = rule_files.agreement_rules
    monkeypatch.setattr(
        "ai_core.calculators.rulebook.agreement_rules",
        lambda idcc: rules if idcc == "9001" else real(idcc),
    )


def computed(name: str, idcc: str | None = None, **inputs: object) -> Calculation:
    return compute(name, idcc, date(2026, 11, 30), inputs, RuleBook())


def shown(found: Calculation) -> tuple[object, ...]:
    return found.value, found.unit, found.source, found.comparison


@pytest.mark.parametrize(
    ("inputs", "months"),
    [
        ({"seniority_months": 0}, 0),
        ({"seniority_months": 5.99}, 0),
        ({"seniority_months": 6}, 1),
        ({"seniority_months": 23.9}, 1),
        ({"seniority_months": 24}, 2),
        ({"seniority_months": 400}, 2),
        ({"legal_seniority_band": "Moins de 6 mois"}, 0),
        ({"legal_seniority_band": "6 mois à moins de 2 ans"}, 1),
        ({"legal_seniority_band": "Plus de 2 ans"}, 2),
        ({"entry_date": "2024-11-30", "notice_date": "2026-11-30"}, 2),
        ({"entry_date": "2024-12-01", "notice_date": "2026-11-30"}, 1),
        ({"entry_date": "2026-06-30", "notice_date": "2026-11-30"}, 0),
        ({"entry_date": "2026-05-30", "exit_date": "2026-11-30"}, 1),
        ({"seniority_months": 3, "disabled_worker": True}, 0),
        ({"seniority_months": 12, "disabled_worker": True}, 2),
        ({"seniority_months": 48, "disabled_worker": True}, 3),
    ],
)
def test_the_code_s_notice_on_dismissal(inputs: dict[str, object], months: int) -> None:
    found = computed("dismissal_notice", None, **inputs)
    assert shown(found) == (months, "mois", "legal", "legal_only")
    assert "LEGIARTI000006901112" in [source.id for source in found.sources]


def test_gross_misconduct_leaves_no_notice_whatever_the_agreement_says() -> None:
    found = computed("dismissal_notice", "9001", category="Cadres", gross_misconduct=True)
    assert (found.value, found.not_due, found.source) == (NOT_DUE, "gross_misconduct", "legal")
    assert [step.source for step in found.steps] == ["LEGIARTI000006901112"]


def test_what_was_not_told_is_listed() -> None:
    found = computed("dismissal_notice", seniority_months=30)
    assert [note.facts["input"] for note in found.assumptions] == [
        "gross_misconduct",
        "disabled_worker",
    ]
    told = computed(
        "dismissal_notice", seniority_months=30, gross_misconduct=False, disabled_worker=False
    )
    assert not told.assumptions


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"category": "Cadres", "seniority_months": 30}, (3, "mois", "agreement_better")),
        ({"category": "Employés", "seniority_months": 12}, (1, "mois", "legal_better")),
        ({"category": "Employés", "seniority_months": 24}, (2, "mois", "legal_better")),
        ({"category": "Employés", "seniority_months": 25}, (2, "mois", "equal")),
        ({"category": "Employés", "seniority_months": 3}, (15, "jours", "agreement_only")),
        # A month counts 30 days, a week 7: 35 days against 30, then against 60.
        ({"category": "Ouvriers", "seniority_months": 6}, (5, "semaines", "agreement_better")),
        ({"category": "Ouvriers", "seniority_months": 24}, (2, "mois", "legal_better")),
        ({"category": "Apprentis", "seniority_months": 24}, (2, "mois", "legal_only")),
        # Article L5213-9: the Code's two months become three, those of the agreement stay three.
        (
            {"category": "Cadres", "seniority_months": 30, "disabled_worker": True},
            (3, "mois", "equal"),
        ),
        (
            {"category": "Employés", "seniority_months": 30, "disabled_worker": True},
            (3, "mois", "legal_better"),
        ),
        # Labels given count as given, each on its side.
        (
            {
                "category": "Employés",
                "seniority_band": "Plus de 2 ans",
                "legal_seniority_band": "Moins de 6 mois",
            },
            (2, "mois", "agreement_only"),
        ),
    ],
)
def test_the_longer_notice_applies_on_dismissal(
    inputs: dict[str, object], expected: tuple[object, ...]
) -> None:
    found = computed("dismissal_notice", "9001", **inputs)
    assert (found.value, found.unit, found.comparison) == expected
    from_agreement = found.comparison in ("agreement_better", "agreement_only", "equal")
    assert found.source == ("agreement" if from_agreement else "legal")
    assert found.legal is not None
    assert (found.agreement is None) == (inputs["category"] == "Apprentis")
    assert found.same_as_legal == (found.comparison == "equal")


def test_both_bands_are_asked_as_months_of_service() -> None:
    found = computed("dismissal_notice", "9001", category="Employés")
    assert [question.input for question in found.missing] == ["seniority_months"]
    assert found.value is None
    found = computed(
        "dismissal_notice", "9001", category="Employés", legal_seniority_band="Plus de 2 ans"
    )
    assert [(question.input, question.choices) for question in found.missing] == [
        ("seniority_band", ("2 ans ou moins", "Plus de 2 ans"))
    ]


@pytest.mark.parametrize(
    ("initiator", "inputs", "expected"),
    [
        ("employer", {"category": "Cadres", "seniority_months": 30}, (4, "agreement_better")),
        ("employer", {"category": "Employés", "seniority_months": 30}, (2, "legal_better")),
        ("employee", {"category": "Cadres", "seniority_months": 30}, (2, "legal_shorter")),
        ("employee", {"category": "Employés", "seniority_months": 30}, (1, "agreement_shorter")),
        ("employee", {"category": "Employés", "seniority_months": 6}, (1, "equal")),
        ("employee", {"category": "Ouvriers", "seniority_months": 30}, (2, "legal_only")),
        # Below six months the agreement alone, for a departure too.
        ("employee", {"category": "Cadres", "seniority_months": 5}, (4, "agreement_only")),
        ("employer", {"category": "Employés", "seniority_months": 5}, (1, "agreement_only")),
        # Doubled on both sides, three months at most; four stay four.
        (
            "employer",
            {"category": "Employés", "seniority_months": 30, "disabled_worker": True},
            (3, "legal_better"),
        ),
        (
            "employer",
            {"category": "Cadres", "seniority_months": 30, "disabled_worker": True},
            (4, "agreement_better"),
        ),
        (
            "employee",
            {"category": "Employés", "seniority_months": 30, "disabled_worker": True},
            (2, "agreement_shorter"),
        ),
        (
            "employer",
            {"category": "Assistants", "seniority_months": 3, "disabled_worker": True},
            (2, "agreement_only"),
        ),
        ("employer", {"category": "Gardiens", "seniority_months": 90}, (0, "agreement_only")),
    ],
)
def test_retirement_compares_by_who_decides(
    initiator: str, inputs: dict[str, object], expected: tuple[object, ...]
) -> None:
    found = computed("retirement_notice", "9001", initiator=initiator, **inputs)
    assert (found.value, found.comparison) == expected


def test_the_code_fixes_no_notice_on_resignation() -> None:
    found = computed("resignation_notice")
    assert shown(found) == (0, "mois", "legal", "legal_only")
    assert [note.key for note in found.warnings] == ["resignation_notice_may_follow_custom"]
    own = computed("resignation_notice", "9001", category="Cadres")
    assert shown(own) == (3, "mois", "agreement", "agreement_only")
    assert own.unit_qualifier == "de date à date"
    assert not own.warnings


def test_an_agreement_without_rules_leaves_a_minimum() -> None:
    found = computed("dismissal_notice", "9999", seniority_months=30)
    assert shown(found) == (2, "mois", "legal", "legal_only")
    assert found.is_minimum


@pytest.mark.parametrize(
    ("inputs", "field", "reason"),
    [
        ({"category": "Rois"}, "inputs.category", "unknown_label"),
        ({"colour": "red"}, "inputs.colour", "unknown_input"),
        ({"seniority_months": "long"}, "inputs.seniority_months", "number_expected"),
        ({"seniority_months": True}, "inputs.seniority_months", "number_expected"),
        ({"seniority_months": -1}, "inputs.seniority_months", "number_out_of_range"),
        ({"seniority_months": 1_441}, "inputs.seniority_months", "number_out_of_range"),
        ({"seniority_months": 10**5000}, "inputs.seniority_months", "number_out_of_range"),
        ({"seniority_months": "0" * 41}, "inputs.seniority_months", "number_expected"),
        ({"seniority_months": float("nan")}, "inputs.seniority_months", "number_expected"),
        ({"entry_date": "2026-02-30"}, "inputs.entry_date", "date_expected"),
        ({"entry_date": "20260101"}, "inputs.entry_date", "date_expected"),
        (
            {"entry_date": "2026-03-01", "notice_date": "2026-02-01"},
            "inputs.notice_date",
            "before_entry_date",
        ),
        ({"gross_misconduct": "yes"}, "inputs.gross_misconduct", "boolean_expected"),
    ],
)
def test_a_wrong_input_is_named(inputs: dict[str, object], field: str, reason: str) -> None:
    with pytest.raises(WrongInputs) as refused:
        computed("dismissal_notice", "9001", **inputs)
    assert [(fault["field"], fault["reason"]) for fault in refused.value.faults] == [
        (field, reason)
    ]


def test_the_labels_are_named_with_an_unknown_one() -> None:
    with pytest.raises(WrongInputs) as refused:
        computed("dismissal_notice", "9001", category="Rois")
    assert refused.value.faults[0]["choices"] == ["Cadres", "Employés", "Ouvriers", "Apprentis"]


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2024, 1, 31), date(2024, 2, 29), Fraction(1)),
        (date(2024, 1, 31), date(2024, 3, 30), 1 + Fraction(30, 30) - Fraction(1, 60)),
        (date(2024, 1, 15), date(2024, 1, 14).replace(year=2025), 11 + Fraction(59, 60)),
        (date(2024, 1, 15), date(2025, 1, 15), Fraction(12)),
        (date(2026, 11, 1), date(2026, 11, 16), Fraction(1, 2)),
    ],
)
def test_months_of_service_between_two_days(start: date, end: date, months: Fraction) -> None:
    assert months_between(start, end) == months


@pytest.mark.parametrize(
    ("written", "days", "unit"),
    [
        ("2 mois", 60, "mois"),
        ("1.5 mois", 45, "mois"),
        ("1 semaine", 7, "semaines"),
        ("0 jour", 0, "jours"),
        ("2 jours ouvrés", 2, "jours ouvrés"),
        ("1 jour ouvré", 1, "jours ouvrés"),
        ("15 jours calendaires", 15, "jours calendaires"),
    ],
)
def test_a_duration_is_read_as_written(written: str, days: int, unit: str) -> None:
    duration = read_duration(written)
    assert duration.days == days
    assert duration.unit == unit
