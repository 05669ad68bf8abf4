"""What holds in every case: more never gives less, the better side is shown, money has cents.

Cases are made from the question trees: whatever a calculator asks is answered by hypothesis.
"""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from ai_core.calculators import deadlines, mutual_termination_pay, seniority, severance_pay
from ai_core.calculators.inputs import INPUTS, Absence, Answer, Facts
from ai_core.calculators.records import NOT_DUE, Calculation, Question
from ai_core.calculators.rule_files import agreements_held
from ai_core.calculators.rulebook import Case, RuleBook
from ai_core.calculators.wording import wording
from tests.calculators.cases import AS_OF

CALCULATE = {
    "severance_pay": severance_pay.calculate,
    "mutual_termination_pay": mutual_termination_pay.calculate,
}
MOST_QUESTIONS = 25

IDCCS = st.sampled_from((None, *agreements_held()))
MONTHS_OF_SERVICE = st.integers(0, 45 * 12)
CENTS = st.integers(100_000, 900_000)
DAYS = st.dates(date(2000, 1, 1), date(2026, 11, 30))


class Answers:
    """Answers each question once, and gives the same answer when it is asked again."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.given: dict[str, Answer] = {}

    def answer(self, question: Question) -> Answer:
        if question.input not in self.given:
            self.given[question.input] = self.data.draw(_strategy(question), question.input)
        return self.given[question.input]


def _strategy(question: Question) -> st.SearchStrategy[Answer]:
    if question.choices:
        return st.sampled_from(question.choices)
    kinds = INPUTS[question.input].kinds
    if "boolean" in kinds:
        return st.booleans()
    if "date" in kinds:
        return DAYS
    if question.input == "age":
        return st.integers(18, 68).map(Fraction)
    return st.integers(0, 3).map(Fraction)


def amount(name: str, idcc: str | None, facts: Facts, answers: Answers) -> Calculation:
    """Compute a case whose missing inputs are answered as they are asked."""
    told = dict(facts)
    for _ in range(MOST_QUESTIONS):
        found = CALCULATE[name](Case(name, idcc, AS_OF, told, RuleBook()))
        if not found.missing:
            return found
        for question in found.missing:
            assert question.input not in told, f"asks {question.input} again"
            told[question.input] = answers.answer(question)
    raise AssertionError(f"asks more than {MOST_QUESTIONS} questions: {sorted(told)}")


def euros(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(0)


@settings(max_examples=120)
@given(
    name=st.sampled_from(tuple(CALCULATE)),
    idcc=IDCCS,
    months=MONTHS_OF_SERVICE,
    more_months=st.integers(0, 60),
    cents=CENTS,
    more_cents=st.integers(0, 100_000),
    data=st.data(),
)
def test_more_years_or_pay_never_give_less(
    name: str,
    idcc: str | None,
    months: int,
    more_months: int,
    cents: int,
    more_cents: int,
    data: st.DataObject,
) -> None:
    answers = Answers(data)

    def of(extra_months: int, extra_cents: int) -> Calculation:
        facts: Facts = {
            "seniority_years": Fraction(months + extra_months, 12),
            "reference_salary": Fraction(cents + extra_cents, 100),
        }
        return amount(name, idcc, facts, answers)

    found, longer, better_paid = of(0, 0), of(more_months, 0), of(0, more_cents)
    assert euros(better_paid.value) >= euros(found.value)
    assert euros(longer.value) >= euros(found.value)
    for result in (found, longer, better_paid):
        _check_sides(result)


def _check_sides(result: Calculation) -> None:
    """The value is the better side's, in whole cents, and is whose it is said to be."""
    values = [euros(side.value) for side in (result.legal, result.agreement) if side is not None]
    assert euros(result.value) == max(values)
    assert result.value == NOT_DUE or euros(result.value) * 100 % 1 == 0
    own = result.agreement if result.source == "agreement" else result.legal
    assert own is not None
    assert own.value == result.value
    words = wording("fr")
    assert all(words.step(step) for step in result.steps)
    assert all(words.warning(note) for note in result.warnings)
    assert all(words.assumption(note) for note in result.assumptions)
    if result.source == "agreement":
        assert any(source.idcc == result.idcc for source in result.sources)


@given(
    idcc=IDCCS,
    entry=DAYS,
    length=st.integers(0, 12_000),
    reason=st.sampled_from(("non_occupational_sickness", "parental_leave", "unpaid_leave")),
    absent=st.integers(0, 30),
    data=st.data(),
)
@settings(max_examples=60)
def test_an_absence_never_lengthens_the_seniority(
    idcc: str | None, entry: date, length: int, reason: str, absent: int, data: st.DataObject
) -> None:
    answers = Answers(data)

    def years(absences: tuple[Absence, ...]) -> Decimal:
        told: dict[str, Answer] = {
            "entry_date": entry,
            "exit_date": entry + timedelta(days=length),
            "absences": absences,
        }
        while (
            found := seniority.calculate(Case("seniority", idcc, AS_OF, told, RuleBook()))
        ).missing:
            for question in found.missing:
                told[question.input] = answers.answer(question)
        assert isinstance(found.value, Decimal)
        return found.value

    absence = Absence(reason, Fraction(absent, 2), entry)
    assert years((absence,)) <= years(())


@given(
    start=DAYS,
    later=st.integers(0, 400),
    choice=st.sampled_from(
        tuple(
            label
            for question in deadlines.calculate(
                Case("deadlines", None, AS_OF, {}, RuleBook())
            ).missing
            for label in question.choices
        )
    ),
)
def test_a_later_event_never_ends_a_deadline_earlier(start: date, later: int, choice: str) -> None:
    def last(day: date) -> str:
        facts: Facts = {"deadline": choice, "start_date": day}
        found = deadlines.calculate(Case("deadlines", None, AS_OF, facts, RuleBook()))
        assert isinstance(found.value, str)
        return found.value

    assert start.isoformat() < last(start) <= last(start + timedelta(days=later))
