"""What people write to a calculator, in four languages: which one they ask, and their facts.

The sentences are ours, sixty for each calculator (`tests/ai_core/answering/calculation/sentences`):
a language, a sentence, the facts it tells. Every third was kept aside while the rules were written.
"""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from ai_core.answering.understanding.cases.facts import AbsenceTold, CaseFacts, merged_cases
from ai_core.answering.understanding.cases.intents import calculator_asked
from ai_core.answering.understanding.cases.reading import read_case

TODAY = date(2026, 11, 20)
SENTENCES = Path(__file__).parents[1] / "calculation" / "sentences"
FIELDS = {
    "seniority": "seniority_months",
    "gross": "gross_monthly",
    "net": "net_monthly",
    "yearly": "gross_yearly",
    "hourly": "gross_hourly",
    "total": "gross_total",
    "bonus": "yearly_bonus",
    "smic": "minimum_wage",
    "misconduct": "gross_misconduct",
    "economic": "economic_dismissal",
    "unfit": "unfitness",
    "disabled": "disabled_worker",
    "hired": "hired_permanently",
    "offer_refused": "permanent_offer_refused",
    "trial_end": "ended_in_trial_period",
    "weekly": "weekly_hours",
    "overtime": "overtime_hours",
    "months_worked": "worked_months",
    "weeks_worked": "worked_weeks",
    "days_left": "leave_days",
    "absence": "absences",
    "initiator": "retirement_by_employer",
    "part_time": "working_time",
}
NUMBERS = {
    *("seniority_months", "gross_monthly", "net_monthly", "gross_yearly", "gross_hourly"),
    *("gross_total", "yearly_bonus", "weekly_hours", "overtime_hours", "worked_months"),
    *("worked_weeks", "leave_days", "contract_months"),
}
NOT_TOLD_BY_ALL = {
    "gross_said": (), "seniority_bound": (), "renewal": (), "deadline": (), "ended_by_employer": (),
    "ending": ("job_search_hours",), "contract_months": ("trial_period",),
    "retirement_by_employer": ("retirement_notice",), "working_times": (),
}  # fmt: skip
"""Fields written down for some calculators only."""
LEAST_FACTS_RIGHT = 0.95


def rows(name: str) -> list[tuple[str, str]]:
    """Return the sentences of a file and the facts they tell."""
    lines = (SENTENCES / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [(cells[1], cells[2]) for cells in (line.split("\t") for line in lines)]


def expected(written: str) -> dict[str, object]:
    facts: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in written.split(";"))):
        key, _, text = part.partition("=")
        field = FIELDS.get(key, key)
        facts[field] = _value(field, text)
    return facts


def _value(field: str, text: str) -> object:
    if field in NUMBERS:
        return Fraction(text)
    if field == "absences":
        parts = [one.split(":") for one in text.split("+")]
        return tuple(AbsenceTold(reason, Fraction(months)) for reason, months in parts)
    if field == "age":
        return int(text)
    if field == "working_time":
        return "part_time"
    if field == "contract":
        return text.upper()
    return {"yes": True, "employer": True, "employee": False}.get(text, text)


def told(case: CaseFacts, calculator: str) -> dict[str, object]:
    return {
        field: getattr(case, field)
        for field in case.known()
        if calculator in NOT_TOLD_BY_ALL.get(field, (calculator,))
    }


CALCULATORS = sorted(path.stem for path in SENTENCES.glob("*.tsv") if path.stem != "none")


@pytest.mark.parametrize("calculator", CALCULATORS)
def test_the_sentences_of_a_calculator_are_understood(calculator: str) -> None:
    sentences = rows(calculator)
    assert len(sentences) >= 60
    facts = right = 0
    for sentence, written in sentences:
        assert calculator_asked(sentence, TODAY) == calculator, sentence
        found = told(read_case(sentence, TODAY, asked=calculator), calculator)
        wanted = expected(written)
        facts += len(wanted)
        right += sum(found.get(field) == value for field, value in wanted.items())
        guessed = {field: v for field, v in found.items() if wanted.get(field) != v}
        assert not guessed, sentence
    assert right >= LEAST_FACTS_RIGHT * facts


def test_a_question_about_the_rule_or_another_subject_asks_for_no_calculator() -> None:
    for sentence, _ in rows("none"):
        assert calculator_asked(sentence, TODAY) is None, sentence


@pytest.mark.parametrize(
    "told",
    [
        "mon contrat se termine le 30 novembre 2026, préavis compris.",
        "j'ai 8 ans d'ancienneté, fin du préavis le 30 novembre.",
        "mon préavis est terminé depuis hier.",
    ],
)
def test_a_notice_that_is_over_is_not_asked_for(told: str) -> None:
    question = "Quel est le montant de mon indemnité de licenciement ?"
    assert calculator_asked(f"Je suis licenciée, {told} {question}", TODAY) == "severance_pay"
    about_both = f"Je suis licenciée. {question} Et quel préavis ?"
    assert calculator_asked(about_both, TODAY) != "severance_pay"


@pytest.mark.parametrize(
    "told",
    [
        "Mon salaire brut moyen des douze derniers mois est de 3 450 €.",
        "3 450 € de salaire moyen sur les 12 derniers mois",
        "my average gross pay over the last 12 months is 3450 euros",
    ],
)
def test_the_months_of_an_average_pay_are_no_time_at_work(told: str) -> None:
    case = read_case(told, TODAY, asked="severance_pay")
    assert case.seniority_months is None
    assert case.gross_monthly == 3450
    both = read_case(f"8 ans d'ancienneté. {told}", TODAY, asked="severance_pay")
    assert both.seniority_months == 96


@pytest.mark.parametrize(
    "told",
    [
        "Mon salaire brut moyen des douze derniers mois est de 3 400 €, celui des trois derniers "
        "mois de 3 450 €.",
        "Salaire moyen brut des 12 derniers mois : 3450 €, des 3 derniers mois : 3400 €",
        "average gross pay: last 12 months 3400 euros, last 3 months 3450 euros",
    ],
)
def test_of_two_averages_of_pay_the_higher_one_counts(told: str) -> None:
    case = read_case(told, TODAY, asked="severance_pay")
    assert case.gross_monthly == 3450
    assert case.seniority_months is None


def test_two_pays_that_are_no_averages_leave_it_open() -> None:
    told = "je gagne 2 000 € brut par mois, avant je gagnais 1 800 € brut par mois"
    assert read_case(told, TODAY, asked="severance_pay").gross_monthly is None


def test_without_a_calculator_only_what_the_asker_tells_of_themselves_is_read() -> None:
    for message in (
        "Mon collègue a 7 ans d'ancienneté et gagne 2 300 € brut",
        "7 ans, 2300",
        "Mon mari a été licencié",
    ):
        assert told(read_case(message, TODAY, asked=None), "") == {}, message
    own = read_case("J'ai 7 ans d'ancienneté et je gagne 2 300 € brut", TODAY, asked=None)
    assert own.seniority_months == 84
    assert own.gross_monthly == 2300


def test_two_values_of_one_fact_are_no_fact() -> None:
    case = read_case(
        "Licencié, 7 ans ou 9 ans d'ancienneté, 2 300 € brut", TODAY, asked="severance_pay"
    )
    assert case.seniority_months is None
    case = read_case("Licencié, 7 ans, 9 ans, 2 300 € brut", TODAY, asked="severance_pay")
    assert case.seniority_months is None


def test_a_later_message_changes_one_fact_and_what_it_puts_out_of_date() -> None:
    first = read_case("Licencié, entré le 3 mai 2016, 2 300 € brut", TODAY, asked="severance_pay")
    second = read_case("et si j'avais 10 ans ?", TODAY, asked="severance_pay")
    case = merged_cases((first, second))
    assert case.seniority_months == 120
    assert case.gross_monthly == 2300
    assert case.entry is None


def test_a_range_is_no_fact() -> None:
    for message in (
        "Indemnité de licenciement entre 5 et 7 ans, 2 000 € brut",
        "Indemnité de licenciement, 5 à 7 ans, 2 000 € brut",
        "severance between 5 and 7 years, 2000 gross",
        "解雇补偿 5到7年 2000",
        "Indemnité de licenciement, entre 6 mois et moins de 2 ans d'ancienneté, 2 000 € brut",
    ):
        case = read_case(message, TODAY, asked="severance_pay")
        assert case.seniority_months is None, message
        assert case.gross_monthly == 2000, message
