"""Facts of a severance that follow from others the case tells, so that nobody is asked twice."""

from datetime import date
from fractions import Fraction

from ai_core.calculators.inputs import Absence, Answer, plain
from ai_core.calculators.records import Question
from ai_core.calculators.reference_salary import last_3_months_average_pay

_NEW_RULES_OF_1486 = date(2023, 5, 1)
_UNFITNESS = ("unfitness_work_related", "unfitness_non_work_related")
_OTHER_REASONS = ("economic_dismissal", "collective_economic_dismissal", "disciplinary_dismissal")
_SUPERVISORS_AND_EXECUTIVES = frozenset(map(plain, ("Agents de maîtrise", "Cadres")))


_ASKED_FOR = {"executive_years": "non_executive_years"}
"""Numbers that rules compare and nobody is asked, with the input they follow from."""


def to_ask(question: Question) -> Question:
    """Return the question that lets a missing number follow."""
    asked = _ASKED_FOR.get(question.input)
    return question if asked is None else Question(asked)


def with_what_follows(facts: dict[str, Answer], as_of: date) -> dict[str, Answer]:
    """Add what the case says in other words, where it does not say it itself.

    A contract without an end ends on `as_of`. Who is dismissed for unfitness is dismissed for no
    other reason (L1226-2-1, L1226-12).
    """
    end, category = facts.get("exit_date"), facts.get("category")
    last_day = end if isinstance(end, date) else as_of
    facts.setdefault("rules_before_2023_05_01", last_day < _NEW_RULES_OF_1486)
    if isinstance(category, str):
        above = plain(category) in _SUPERVISORS_AND_EXECUTIVES
        facts.setdefault("supervisor_or_executive", above)
    average = last_3_months_average_pay(facts)
    if average is not None:
        facts.setdefault("last_3_months_average_pay", average)
    absences = facts.get("absences")
    if isinstance(absences, tuple):
        reasons = {item.reason for item in absences if isinstance(item, Absence)}
        facts["had_non_occupational_sickness"] = "non_occupational_sickness" in reasons
    if any(facts.get(name) is True for name in _UNFITNESS):
        for reason in _OTHER_REASONS:
            facts.setdefault(reason, False)
    return facts


def with_earlier_status(facts: dict[str, Answer]) -> dict[str, Answer]:
    """Add what follows from an earlier status: the years since, or all of the years."""
    years = facts["seniority_years"]
    earlier = facts.get("non_executive_years")
    before = facts.get("seniority_years_before_executive")
    if isinstance(years, Fraction) and isinstance(earlier, Fraction):
        facts.setdefault("executive_years", max(years - earlier, Fraction(0)))
    if isinstance(years, Fraction):
        more = before if isinstance(before, Fraction) else Fraction(0)
        facts.setdefault("total_seniority_years", years + more)
    return facts
