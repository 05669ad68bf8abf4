"""Reads the rule files: `rules/code.toml` for the Code, `rules/agreements/NNNN.toml` for each
agreement, `rules/bands.toml` for what the labels of bands mean in numbers.

docs/calculators.md describes the format for who writes them. Every mistake raises RuleFileError
with the file, the section, the row and what is expected: a file is data and is read whole or not at
all. Long because the records, their reading and its errors are one format.
"""

import difflib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ai_core.calculators.code_outcomes import DeadlineOutcome, HolidayOutcome, TrialOutcome
from ai_core.calculators.conditions import (
    Bands,
    Condition,
    Interval,
    is_comparison,
    read_comparison,
)
from ai_core.calculators.inputs import INPUTS, plain
from ai_core.calculators.outcomes import (
    BonusOutcome,
    HoursOutcome,
    NoticeOutcome,
    Outcome,
    WarningOutcome,
)
from ai_core.calculators.pay_outcomes import (
    AdditionOutcome,
    MultiplierOutcome,
    PayOptions,
    SalaryOutcome,
    SeniorityOutcome,
    SeveranceOutcome,
)
from ai_core.calculators.records import LegalSource
from ai_core.calculators.tables import ClauseUse, Row

RULES = Path(__file__).with_name("rules")
SHORTEST_FRAGMENT, LONGEST_FRAGMENT = 20, 200
_BAND_OF_THE_CODE = "legal_seniority_band"
_BAND_INPUTS = (
    *("seniority_band", "legal_seniority_band", "age_band", "notice_length_band"),
    *("coefficient", "group", "step", "level", "contract_date_band"),
)


class RuleFileError(ValueError):
    """A rule file is wrong; the message says where and what is expected."""


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


OUTCOMES: dict[str, type[Outcome]] = {
    "resignation_notice": NoticeOutcome,
    "dismissal_notice": NoticeOutcome,
    "retirement_notice": NoticeOutcome,
    "job_search_hours": HoursOutcome,
    "end_of_contract_bonus": BonusOutcome,
    "severance_pay": SeveranceOutcome,
    "mutual_termination_pay": SeveranceOutcome,
    "reference_salary": SalaryOutcome,
    "seniority": SeniorityOutcome,
    "public_holidays": HolidayOutcome,
    "deadlines": DeadlineOutcome,
    "trial_period": TrialOutcome,
    "trial_period_notice": NoticeOutcome,
}
"""What the rows of each section give. A section without `rows` is itself one row."""
OPTIONS: dict[str, type[Outcome]] = {
    "severance_pay": PayOptions,
    "mutual_termination_pay": PayOptions,
}
"""What sections say for all their rows, besides `additions` and `multipliers`: rows of which every
one that matches is added, or multiplies the amount."""


@lru_cache(maxsize=1)
def code_rules() -> Rules:
    """Return the rules of the Code. Raises RuleFileError."""
    return read_rules(RULES / "code.toml")


def agreement_rules(idcc: str) -> Rules | None:
    """Return the rules of an agreement, None when no file is held. Raises RuleFileError.

    The first call for an agreement reads its file: CheckedRules has read all before a request.
    """
    return _agreement_rules(idcc) if idcc in agreements_held() else None


@cache
def _agreement_rules(idcc: str) -> Rules:
    return read_rules(RULES / "agreements" / f"{idcc}.toml")


@lru_cache(maxsize=1)
def agreements_held() -> tuple[str, ...]:
    """Return the IDCC numbers of the agreements with a rule file."""
    return tuple(sorted(path.stem for path in (RULES / "agreements").glob("*.toml")))


@lru_cache(maxsize=1)
def common_bands() -> Mapping[str, Mapping[str, Interval]]:
    """Return the meanings of labels that hold for every file. Raises RuleFileError."""
    path = RULES / "bands.toml"
    return {name: _bands(labels, f"{path.name}: [{name}]") for name, labels in _toml(path).items()}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise RuleFileError(f"{path.name}: {problem}") from None


def read_rules(path: Path) -> Rules:
    """Read one rule file. Raises RuleFileError."""
    written = _toml(path)
    where = path.name
    names = {"idcc", "name", "checked_on", "differences", "clauses", "bands", "constants"}
    _known(written, names | set(OUTCOMES), where)
    idcc = written.get("idcc")
    if idcc is not None and idcc != path.stem:
        raise RuleFileError(f"{where}: idcc = {idcc!r} and the file's name disagree")
    clauses = _clauses(written.get("clauses", {}), where)
    bands = _file_bands(written.get("bands", {}), f"{where}: [bands]", common_bands())
    tables = {
        name: _Section(
            f"{where}: [{name}]", written[name], clauses, bands, outcome, OPTIONS.get(name)
        ).table()
        for name, outcome in OUTCOMES.items()
        if name in written
    }
    checked_on = written.get("checked_on")
    if not isinstance(checked_on, date):
        raise RuleFileError(f"{where}: checked_on = 2026-11-30 (a day, without quotes)")
    return Rules(
        idcc=idcc,
        name=_text(written, "name", where),
        checked_on=checked_on,
        differences=_texts(written.get("differences", []), f"{where}: differences"),
        clauses=clauses,
        bands=bands,
        tables=tables,
        constants={
            name: _constant(constant, clauses, f"{where}: [constants.{name}]")
            for name, constant in written.get("constants", {}).items()
        },
    )


def _constant(written: Mapping[str, Any], clauses: Mapping[str, Clause], where: str) -> Constant:
    _known(written, {"value", "clause", "fragment"}, where)
    uses = _clause_uses(written, {}, clauses, where)
    if len(uses) != 1:
        raise RuleFileError(f"{where}: one clause and its fragment are expected")
    try:
        value = Fraction(str(written["value"])) if "value" in written else None
    except (ValueError, ZeroDivisionError):
        raise RuleFileError(f"{where}: value = '2.5' or '1/3', as a text") from None
    return Constant(value, uses[0])


def _known(written: Mapping[str, Any], names: Collection[str], where: str) -> None:
    for name in written:
        if name not in names:
            raise RuleFileError(f"{where}: {name} is not known here{_meant(name, names)}")


def _meant(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), 1)
    return f"; did you mean {close[0]}?" if close else f": {', '.join(sorted(names))}"


def _text(written: Mapping[str, Any], name: str, where: str) -> str:
    found = written.get(name)
    if not isinstance(found, str) or not found.strip():
        raise RuleFileError(f"{where}: {name} = a text is missing")
    return found


def _texts(found: object, where: str) -> tuple[str, ...]:
    if isinstance(found, str):
        return (found,)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise RuleFileError(f"{where}: a text or a list of texts is expected")
    return tuple(found)


def _clauses(written: Mapping[str, Any], where: str) -> dict[str, Clause]:
    found = {}
    for key, clause in written.items():
        place = f'{where}: [clauses."{key}"]'
        _known(clause, {"id", "cid", "title"}, place)
        found[key] = Clause(*(_text(clause, name, place) for name in ("id", "cid", "title")))
        for identifier in (found[key].id, found[key].cid):
            if not identifier.startswith(("KALIARTI", "LEGIARTI")):
                raise RuleFileError(f"{place}: {identifier} is the id of no article")
    return found


def _bands(written: Mapping[str, Any], where: str) -> dict[str, Interval]:
    found = {}
    for label, comparison in written.items():
        try:
            found[plain(label)] = read_comparison(comparison)
        except (ValueError, AttributeError) as problem:
            raise RuleFileError(f"{where}: {label!r}: {problem}") from None
    return found


def _file_bands(
    written: Mapping[str, Any], where: str, above: Mapping[str, Mapping[str, Interval]]
) -> Bands:
    """Return the bands of a file or a section: its own over those above. A label straight under
    [bands] counts for every input with bands but the Code's, one under [bands.age_band] for that
    input.
    """
    everywhere = {label: band for label, band in written.items() if isinstance(band, str)}
    meanings = {name: {**above.get(name, {})} for name in {*above, *_BAND_INPUTS}}
    for name, own in meanings.items():
        if name != _BAND_OF_THE_CODE:
            own.update(_bands(everywhere, where))
    for name, labels in written.items():
        if isinstance(labels, dict):
            if name not in meanings:
                raise RuleFileError(f"{where}: {name} has no bands{_meant(name, set(meanings))}")
            meanings[name].update(_bands(labels, f"{where}.{name}"))
    return Bands(meanings)


@dataclass(frozen=True, slots=True)
class _Section:
    """A section being read: where it stands, what it says, and what surrounds it."""

    where: str
    written: Mapping[str, Any]
    clauses: Mapping[str, Clause]
    bands: Bands
    outcome: type[Outcome]
    option: type[Outcome] | None

    def table(self) -> Table:
        options = self._options()
        _known(self.written, self._keys(), self.where)
        bands = self.bands
        if own := self.written.get("bands"):
            bands = _file_bands(own, f"{self.where}.bands", bands.meanings)
        choices = {
            name: _texts(labels, f"{self.where}: choices.{name}")
            for name, labels in self.written.get("choices", {}).items()
        }
        _known(choices, set(INPUTS), f"{self.where}: choices")
        rows = self._rows("rows", self.outcome, bands)
        if self._is_one_row():
            own = {k: v for k, v in self.written.items() if k in self.outcome.keys() | set(INPUTS)}
            rows = (self._row(own, self.outcome, bands, self.where),)
        return Table(
            rows=rows,
            bands=bands,
            warnings=self._rows("warnings", WarningOutcome, bands),
            additions=self._rows("additions", AdditionOutcome, bands),
            multipliers=self._rows("multipliers", MultiplierOutcome, bands),
            options=options,
            choices=choices,
        )

    def _is_one_row(self) -> bool:
        given = set(self.written) & self.outcome.keys()
        if self.option is not None:
            given -= self.option.keys()
        return "rows" not in self.written and bool(given)

    def _keys(self) -> set[str]:
        """Return the keys the section may have."""
        keys = {"clause", "fragment", "rows", "warnings", "choices", "bands"}
        if self.option is not None:
            keys |= {"additions", "multipliers"} | self.option.keys()
        return keys | self.outcome.keys() | set(INPUTS) if self._is_one_row() else keys

    def _options(self) -> Outcome | None:
        if self.option is None:
            return None
        given = {key: self.written[key] for key in self.option.keys() & set(self.written)}
        options: Outcome = _validated(self.option, given, self.where)
        return options

    def _rows(self, name: str, outcome: type[Outcome], bands: Bands) -> tuple[Row[Any], ...]:
        return tuple(
            self._row(row, outcome, bands, f"{self.where}: {name} {number}")
            for number, row in enumerate(self.written.get(name, []), 1)
        )

    def _row(
        self, written: Mapping[str, Any], outcome: type[Outcome], bands: Bands, where: str
    ) -> Row[Any]:
        results = outcome.keys()
        _known(written, {"clause", "fragment"} | results | set(INPUTS), where)
        conditions = tuple(
            _condition(name, value, bands, where)
            for name, value in written.items()
            if name in INPUTS and name not in results
        )
        given = {name: value for name, value in written.items() if name in results}
        read = _validated(outcome, given, where)
        uses = _clause_uses(written, self.written, self.clauses, where)
        if not uses and not read.may_lack_clause:
            raise RuleFileError(f"{where}: a clause and a fragment are missing")
        return Row(conditions, read, uses)


def _clause_uses(
    written: Mapping[str, Any],
    default: Mapping[str, Any],
    known: Mapping[str, Clause],
    where: str,
) -> tuple[ClauseUse, ...]:
    """Return the clauses of a row: its own, else the section's; fragments likewise."""
    clauses = _texts(written.get("clause", default.get("clause", [])), f"{where}: clause")
    same_clause = "clause" not in written or written["clause"] == default.get("clause")
    words = written.get("fragment", default.get("fragment", []) if same_clause else [])
    fragments = _texts(words, f"{where}: fragment")
    for clause in clauses:
        if clause not in known:
            raise RuleFileError(f'{where}: there is no [clauses."{clause}"]{_meant(clause, known)}')
    if len(fragments) != len(clauses):
        raise RuleFileError(
            f"{where}: {len(clauses)} clause(s) and {len(fragments)} fragment(s); "
            "each clause needs its own fragment"
        )
    for fragment in fragments:
        if not SHORTEST_FRAGMENT <= len(fragment) <= LONGEST_FRAGMENT:
            raise RuleFileError(
                f"{where}: the fragment {fragment[:40]!r} has {len(fragment)} characters; "
                f"{SHORTEST_FRAGMENT} to {LONGEST_FRAGMENT} are expected"
            )
    return tuple(map(ClauseUse, clauses, fragments))


def _validated(model: type[Outcome], given: Mapping[str, Any], where: str) -> Any:
    try:
        return model.model_validate(given)
    except ValidationError as problem:
        raise RuleFileError(f"{where}: {_first_fault(problem)}") from None


def _first_fault(problem: ValidationError) -> str:
    fault = problem.errors()[0]
    field_name = ".".join(map(str, fault["loc"]))
    return f"{field_name}: {fault['msg']}" if field_name else str(fault["msg"])


def _condition(name: str, value: object, bands: Bands, where: str) -> Condition:
    """Read one condition of a row."""
    if isinstance(value, bool):
        return Condition(name, boolean=value)
    if isinstance(value, str) and is_comparison(value):
        return _compared(name, value, where)
    labels = _texts(value, f"{where}: {name}") if isinstance(value, str | list) else ()
    if not labels:
        raise RuleFileError(
            f"{where}: {name} = a label, a list of labels, true, false or a comparison such as "
            f'">= 2"; a number is written "= 2"'
        )
    if len(set(map(plain, labels))) != len(labels):
        raise RuleFileError(f"{where}: {name} names a label twice")
    meanings = tuple(bands.meaning(name, label) for label in labels)
    return Condition(name, labels=labels, bands=meanings)


def _compared(name: str, value: str, where: str) -> Condition:
    if not {"number", "date"} & set(INPUTS[name].kinds) and not name.endswith("_band"):
        raise RuleFileError(f"{where}: {name} is no number and no date: {value!r} compares nothing")
    try:
        return Condition(name, interval=read_comparison(value))
    except ValueError as problem:
        raise RuleFileError(f"{where}: {name}: {problem}") from None
