"""The rules in use: the files, less the rows whose words are no longer in the law."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from ai_core.calculators.inputs import Facts
from ai_core.calculators.outcomes import Outcome
from ai_core.calculators.records import LegalSource, Note, Question, Source
from ai_core.calculators.rule_files import agreement_rules, code_rules
from ai_core.calculators.rule_records import Rules, Table
from ai_core.calculators.tables import ClauseUse, Row, choose, matching
from ai_core.errors import RuleWithheld

OutcomeT = TypeVar("OutcomeT", bound=Outcome)
Withheld = frozenset[tuple[str | None, ClauseUse]]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Every rule file, and the uses of clauses whose words are no longer in the law (`sources`)."""

    withheld: Withheld = frozenset()

    @property
    def code(self) -> Rules:
        """Return the rules of the Code."""
        return code_rules()

    def agreement(self, idcc: str | None) -> Rules | None:
        """Return the rules of an agreement, None when none are held."""
        return None if idcc is None else agreement_rules(idcc)

    def holds(self, idcc: str | None, uses: tuple[ClauseUse, ...]) -> bool:
        """Whether the law still says all of these words."""
        return not any((idcc, use) in self.withheld for use in uses)


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be computed: the calculator, the agreement, the day, the facts, the rules."""

    calculator: str
    idcc: str | None
    as_of: date
    facts: Facts
    book: RuleBook = field(default_factory=RuleBook)

    def with_facts(self, facts: Facts) -> "Case":
        """Return the same case with other facts."""
        return Case(self.calculator, self.idcc, self.as_of, facts, self.book)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a side's table says: the row, or what is missing to choose it.

    `held` is False where no rule is held: no file, no table, or words that left the law.
    """

    rules: Rules | None = None
    table: Table | None = None
    row: Row[Any] | None = None
    question: Question | None = None
    held: bool = True

    @property
    def sources(self) -> tuple[LegalSource, ...]:
        """Return the clauses of the row."""
        return () if self.rules is None or self.row is None else self.rules.sources(self.row.uses)

    @property
    def source_id(self) -> str | None:
        """Return the id of the first clause of the row, which steps name."""
        return self.sources[0].id if self.sources else None


def rule_of_code(case: Case, table_name: str = "") -> Ruling:
    """Return the row of the Code. Raises RuleWithheld where its words left the law."""
    rules = case.book.code
    ruling = _rule(case, rules, rules.tables[table_name or case.calculator])
    if not ruling.held:
        raise RuleWithheld(f"{case.calculator}: a row of the Code is no longer in the law")
    return ruling


def rule_of_agreement(case: Case, table_name: str = "") -> Ruling:
    """Return the row of the agreement."""
    rules = case.book.agreement(case.idcc)
    table = None if rules is None else rules.tables.get(table_name or case.calculator)
    if rules is None or table is None:
        return Ruling(rules, table, held=False)
    return _rule(case, rules, table)


def _rule(case: Case, rules: Rules, table: Table) -> Ruling:
    choice = choose(table.rows, case.facts, table.bands, table.choices)
    row = choice.row
    held = row is None or case.book.holds(rules.idcc, row.uses)
    return Ruling(rules, table, row if held else None, choice.question, held)


def outcome_of_side(
    case: Case, side: Source, table_name: str, kind: type[OutcomeT]
) -> tuple[OutcomeT, tuple[LegalSource, ...]] | Question:
    """Return what a table gives for a side, with its sources, or what is missing to know.

    An agreement without a row for the case takes the Code's, whose row is without conditions.
    """
    if side == "agreement":
        ruling = rule_of_agreement(case, table_name)
        if ruling.question is not None:
            return ruling.question
        if ruling.row is not None:
            return of_kind(ruling.row.outcome, kind), ruling.sources
    ruling = rule_of_code(case, table_name)
    if ruling.row is None:
        raise ValueError(f"[{table_name}] of the Code has one row without conditions")
    return of_kind(ruling.row.outcome, kind), ruling.sources


def of_kind(outcome: object, kind: type[OutcomeT]) -> OutcomeT:
    """Return an outcome as what its table's rows are. Raises TypeError when it is another."""
    if not isinstance(outcome, kind):
        raise TypeError(f"not a {kind.__name__}")
    return outcome


def warnings_of(case: Case, ruling: Ruling) -> tuple[Note, ...]:
    """Return the warnings of a table that concern the case."""
    if ruling.table is None:
        return ()
    rows, _ = matching(ruling.table.warnings, case.facts, ruling.table.bands)
    return tuple(Note(row.outcome.text_key) for row in rows)


def assumed(case: Case, *names: str) -> tuple[Note, ...]:
    """Return the assumptions that inputs not given are false: each is told with the result."""
    return tuple(Note("assumed_false", {"input": name}) for name in names if name not in case.facts)
