"""What a rule file holds once it is read: clauses, constants, a table for each calculator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from ai_core.calculators.conditions import Bands
from ai_core.calculators.inputs import INPUTS
from ai_core.calculators.outcomes import WarningOutcome
from ai_core.calculators.pay_outcomes import AdditionOutcome, MultiplierOutcome
from ai_core.calculators.records import LegalSource
from ai_core.calculators.tables import ClauseUse, Row


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of an agreement, or an article of the Code, as a rule file names it."""

    id: str
    cid: str
    title: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, or a rule without one, that the code of a calculator takes from an article."""

    value: Fraction | None
    use: ClauseUse


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one calculator in a rule file, with the warnings that go with its results.

    `choices` are labels that no row names: the agreement knows them and gives nothing for them.
    `options` is what the section says for all rows, where OPTIONS has a model for it.
    """

    rows: tuple[Row[Any], ...]
    bands: Bands
    warnings: tuple[Row[WarningOutcome], ...] = ()
    additions: tuple[Row[AdditionOutcome], ...] = ()
    multipliers: tuple[Row[MultiplierOutcome], ...] = ()
    options: Any = None
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def uses(self) -> Iterator[ClauseUse]:
        """Yield every use of a clause."""
        for row in (*self.rows, *self.additions, *self.multipliers, *self.warnings):
            yield from row.uses

    def inputs(self) -> tuple[str, ...]:
        """Return the inputs its rows ask, each once, in their order."""
        rows = (*self.rows, *self.additions, *self.multipliers, *self.warnings)
        named = dict.fromkeys(item.input for row in rows for item in row.conditions)
        numbers = [name for row in rows for name in row.outcome.numbers() if name in INPUTS]
        return tuple(dict.fromkeys((*named, *self.choices, *numbers)))


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """A rule file: the rules of the Code (`idcc` None) or of an agreement.

    `tables` has a table for each calculator the file has rows for; `constants` are by name.
    """

    idcc: str | None
    name: str
    checked_on: date
    differences: tuple[str, ...]
    clauses: Mapping[str, Clause]
    bands: Bands
    tables: Mapping[str, Table]
    constants: Mapping[str, Constant] = field(default_factory=dict)

    def uses(self) -> Iterator[ClauseUse]:
        """Yield every use of a clause in the file."""
        for table in self.tables.values():
            yield from table.uses()
        yield from (constant.use for constant in self.constants.values())

    def number(self, name: str) -> Fraction:
        """Return the value of a constant. Raises KeyError, and ValueError when it has none."""
        value = self.constants[name].value
        if value is None:
            raise ValueError(f"the constant {name} has no value")
        return value

    def source(self, name: str) -> LegalSource:
        """Return the article of a constant. Raises KeyError."""
        return self.sources((self.constants[name].use,))[0]

    def sources(self, uses: tuple[ClauseUse, ...]) -> tuple[LegalSource, ...]:
        """Return the clauses used, each once per fragment."""
        return tuple(
            LegalSource(
                *(clause.id, clause.cid, clause.title, use.fragment),
                idcc=None if clause.id.startswith("LEGIARTI") else self.idcc,
            )
            for use in dict.fromkeys(uses)
            for clause in (self.clauses[use.clause],)
        )
