"""Rule files: each is whole, its rows can be reached, its bands leave no gap, its questions end."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from ai_core.calculators.catalogue import calculator, choices_of
from ai_core.calculators.conditions import Condition, Interval
from ai_core.calculators.inputs import INPUTS, Answer, Facts
from ai_core.calculators.records import Question
from ai_core.calculators.rule_files import (
    RULES,
    agreement_rules,
    agreements_held,
    code_rules,
    read_rules,
)
from ai_core.calculators.rule_records import Rules, Table
from ai_core.calculators.rule_sections import RuleFileError
from ai_core.calculators.rulebook import Case, RuleBook
from ai_core.calculators.tables import Row
from ai_core.calculators.wording import wording
from tests.calculators.cases import FLORISTS

BANDS = ("seniority_band", "legal_seniority_band", "age_band", "notice_length_band")
TREES = (
    *("resignation_notice", "dismissal_notice", "retirement_notice"),
    *("job_search_hours", "end_of_contract_bonus"),
)
OF_THE_CODE = (
    *("severance_pay", "mutual_termination_pay", "paid_leave", "overtime", "trial_period"),
    "deadlines",
)
NUMBERS = {"seniority_months": (0, 3, 7, 13, 30, 70, 130, 250), "age": (30, 52, 56, 61)}
MOST_LEAVES = 4_000
EVERY_ROW_COUNTS = ("public_holidays",)


def files() -> list[Path]:
    return [RULES / "code.toml", *sorted((RULES / "agreements").glob("*.toml"))]


def tables() -> Iterator[tuple[str, Rules, str, Table]]:
    for path in files():
        rules = code_rules() if path.stem == "code" else agreement_rules(path.stem)
        assert rules is not None
        for name, table in rules.tables.items():
            yield f"{path.stem} {name}", rules, name, table


def test_every_file_is_read_whole(subtests: pytest.Subtests) -> None:
    assert len(files()) > 1
    for path in files():
        with subtests.test(path.stem):
            rules = read_rules(path)
            assert rules.tables
            unused = set(rules.clauses) - {use.clause for use in rules.uses()}
            assert not unused, f"clauses that no row rests on: {sorted(unused)}"


def test_no_row_stands_behind_one_that_takes_its_cases(subtests: pytest.Subtests) -> None:
    for name, _, table_name, table in tables():
        if table_name in EVERY_ROW_COUNTS:
            continue
        with subtests.test(name):
            for last, row in enumerate(table.rows):
                for first, earlier in enumerate(table.rows[:last]):
                    assert not takes_all_of(earlier, row), f"row {last + 1} is behind {first + 1}"


def takes_all_of(earlier: Row[object], row: Row[object]) -> bool:
    """Whether every case of `row` fulfils the conditions of `earlier`."""
    own = {condition.input: condition for condition in row.conditions}
    return all(
        condition.input in own and implies(own[condition.input], condition)
        for condition in earlier.conditions
    )


def implies(one: Condition, other: Condition) -> bool:
    if one.boolean is not None:
        return one.boolean is other.boolean
    if one.labels and other.labels:
        return set(one.labels) <= set(other.labels)
    if one.interval is not None and other.interval is not None:
        return one.interval.within(other.interval)
    return False


def test_every_band_has_its_numbers(subtests: pytest.Subtests) -> None:
    for name, _, _, table in tables():
        with subtests.test(name):
            unknown = {
                label
                for row in table.rows
                for condition in row.conditions
                if condition.input in BANDS
                for label, band in zip(condition.labels, condition.bands, strict=True)
                if band is None
            }
            assert not unknown, f"without numbers in bands.toml or [bands]: {sorted(unknown)}"


def test_bands_leave_no_number_out(subtests: pytest.Subtests) -> None:
    for name, _, _, table in tables():
        with subtests.test(name):
            for gap in gaps(table):
                pytest.fail(gap)


def gaps(table: Table) -> Iterator[str]:
    """Yield the numbers between two bands that neither holds, where nothing else differs.

    Lengths of notice are not continuous: an agreement names those it has.
    """
    groups: dict[tuple[Condition, ...], list[tuple[str, Interval]]] = defaultdict(list)
    for row in table.rows:
        banded = [condition for condition in row.conditions if condition.input in BANDS[:-1]]
        if len(banded) == 1 and all(banded[0].bands):
            others = tuple(item for item in row.conditions if item is not banded[0])
            pairs = zip(banded[0].labels, banded[0].bands, strict=True)
            groups[others] += [(label, band) for label, band in pairs if band is not None]
    for found in groups.values():
        ordered = sorted(found, key=lambda item: item[1].low or Fraction(0))
        for (label, band), (following, next_band) in pairwise(ordered):
            if separate(band, next_band):
                yield f"between {label!r} and {following!r} some number is in neither"


def separate(band: Interval, following: Interval) -> bool:
    if band.high is None or following.low is None or band.high > following.low:
        return False
    touches = band.high == following.low and (band.high_included or following.low_included)
    return not touches


@dataclass
class Walk:
    """Asks a calculator with nothing, then with every answer to what it asks, to the end."""

    name: str
    idcc: str | None
    left: int = MOST_LEAVES

    def leaves(self, facts: Facts) -> Iterator[Facts]:
        found = calculator(self.name).calculate(
            Case(self.name, self.idcc, date(2026, 11, 30), facts, RuleBook())
        )
        if not found.missing:
            words = wording("fr")
            said = [words.step(step) for step in found.steps]
            said += [words.warning(note) for note in found.warnings]
            said += [words.assumption(note) for note in found.assumptions]
            assert all(said)
            assert found.value is not None
            yield facts
            return
        question = found.missing[0]
        assert question.input not in facts, f"asks {question.input} again: {dict(facts)}"
        for answer in self.answers(question):
            if self.left <= 0:
                return
            self.left -= 1
            yield from self.leaves({**facts, question.input: answer})

    def answers(self, question: Question) -> tuple[Answer, ...]:
        if question.choices:
            return question.choices
        kinds = INPUTS[question.input].kinds
        if "boolean" in kinds:
            return (True, False)
        if "date" in kinds:
            return (date(2000, 3, 1), date(2015, 3, 1), date(2024, 3, 1))
        if "number" in kinds:
            return tuple(map(Fraction, NUMBERS.get(question.input, (1, 4, 190, 300, 700, 3000))))
        raise AssertionError(f"{question.input} is asked without choices")


def test_every_question_tree_ends_in_a_result(subtests: pytest.Subtests) -> None:
    for idcc in (None, *agreements_held()):
        for name in TREES if idcc else (*TREES, *OF_THE_CODE):
            with subtests.test(idcc=idcc, name=name):
                assert list(Walk(name, idcc).leaves({}))


def test_the_labels_of_a_table_are_the_choices_of_the_form() -> None:
    book = RuleBook()
    for idcc in agreements_held():
        rules = agreement_rules(idcc)
        assert rules is not None
        for name in set(rules.tables) & set(TREES):
            choices = choices_of(calculator(name), book, idcc)
            for row in rules.tables[name].rows:
                for condition in row.conditions:
                    assert condition.input in calculator(name).inputs, (idcc, name, condition.input)
                    assert set(condition.labels) <= set(choices.get(condition.input, ())), (
                        idcc,
                        name,
                        condition.input,
                    )


WHOLE = (
    FLORISTS
    + """[dismissal_notice]
clause = "5"
rows = [
  { category = "Cadres", value = "3 mois", fragment = "la durée du préavis est de trois mois" },
  { value = "1 mois", fragment = "la durée du préavis est d'un mois" },
]
"""
)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("category", "categry", "did you mean category?"),
        ('value = "3 mois"', 'value = "3 lunes"', "no duration: write '2 mois'"),
        ('value = "3 mois", ', "", "a row has a value"),
        (", fragment", ', clause = "6", fragment', 'there is no [clauses."6"]'),
        ("la durée du préavis est de trois mois", "trois mois", "has 10 characters"),
        (', fragment = "la durée du préavis est de trois mois"', "", "1 clause(s) and 0 fragment"),
        ("[dismissal_notice]", "[dismissal_notices]", "did you mean dismissal_notice?"),
        ('category = "Cadres"', "category = 3", "a number is written"),
        ('category = "Cadres"', 'category = ">= 3"', "is no number and no date"),
        ('category = "Cadres"', 'seniority_months = ">= trois"', "neither a number nor a date"),
        ("checked_on = 2026-11-30", 'checked_on = "hier"', "checked_on = 2026-11-30"),
        ("KALIARTI000000000001", "000000000001", "is the id of no article"),
        ('idcc = "9001"', 'idcc = "9002"', "disagree"),
        ('clause = "5"\n', 'clause = "5"\nrow = []\n', "row is not known here"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    path = tmp_path / "9001.toml"
    path.write_text(WHOLE, encoding="utf-8")
    assert len(read_rules(path).tables["dismissal_notice"].rows) == 2
    path.write_text(WHOLE.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(RuleFileError) as refused:
        read_rules(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith("9001.toml: ")
