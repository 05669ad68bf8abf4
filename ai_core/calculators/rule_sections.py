"""Reads one section of a rule file: its rows, their conditions, clauses and fragments, its bands.

Every mistake raises RuleFileError with the file, the section, the row and what is expected.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ai_core.calculators.conditions import (
    Bands,
    Condition,
    Interval,
    is_comparison,
    read_comparison,
)
from ai_core.calculators.inputs import INPUTS, plain
from ai_core.calculators.outcomes import Outcome, WarningOutcome
from ai_core.calculators.pay_outcomes import AdditionOutcome, MultiplierOutcome
from ai_core.calculators.rule_records import Clause, Table
from ai_core.calculators.tables import ClauseUse, Row

SHORTEST_FRAGMENT, LONGEST_FRAGMENT = 20, 200
_BAND_OF_THE_CODE = "legal_seniority_band"
_BAND_INPUTS = (
    *("seniority_band", "legal_seniority_band", "age_band", "notice_length_band"),
    *("coefficient", "group", "step", "level", "contract_date_band"),
)


class RuleFileError(ValueError):
    """A rule file is wrong; the message says where and what is expected."""


def check_keys(written: Mapping[str, Any], names: Collection[str], where: str) -> None:
    """Raise RuleFileError for a key that is not among `names`, with the one that may be meant."""
    for name in written:
        if name not in names:
            raise RuleFileError(f"{where}: {name} is not known here{_meant(name, names)}")


def _meant(name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(names), 1)
    return f"; did you mean {close[0]}?" if close else f": {', '.join(sorted(names))}"


def text_of(written: Mapping[str, Any], name: str, where: str) -> str:
    """Return the text under a key. Raises RuleFileError."""
    found = written.get(name)
    if not isinstance(found, str) or not found.strip():
        raise RuleFileError(f"{where}: {name} = a text is missing")
    return found


def texts_of(found: object, where: str) -> tuple[str, ...]:
    """Return a text, or a list of texts, as a tuple. Raises RuleFileError."""
    if isinstance(found, str):
        return (found,)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise RuleFileError(f"{where}: a text or a list of texts is expected")
    return tuple(found)


def bands_of(written: Mapping[str, Any], where: str) -> dict[str, Interval]:
    """Return what labels mean in numbers, by plain label. Raises RuleFileError."""
    found = {}
    for label, comparison in written.items():
        try:
            found[plain(label)] = read_comparison(comparison)
        except (ValueError, AttributeError) as problem:
            raise RuleFileError(f"{where}: {label!r}: {problem}") from None
    return found


def merged_bands(
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
            own.update(bands_of(everywhere, where))
    for name, labels in written.items():
        if isinstance(labels, dict):
            if name not in meanings:
                raise RuleFileError(f"{where}: {name} has no bands{_meant(name, set(meanings))}")
            meanings[name].update(bands_of(labels, f"{where}.{name}"))
    return Bands(meanings)


@dataclass(frozen=True, slots=True)
class Section:
    """A section being read: where it stands, what it says, and what surrounds it."""

    where: str
    written: Mapping[str, Any]
    clauses: Mapping[str, Clause]
    bands: Bands
    outcome: type[Outcome]
    option: type[Outcome] | None

    def table(self) -> Table:
        """Return the section's table. Raises RuleFileError."""
        options = self._options()
        check_keys(self.written, self._keys(), self.where)
        bands = self.bands
        if own := self.written.get("bands"):
            bands = merged_bands(own, f"{self.where}.bands", bands.meanings)
        choices = {
            name: texts_of(labels, f"{self.where}: choices.{name}")
            for name, labels in self.written.get("choices", {}).items()
        }
        check_keys(choices, set(INPUTS), f"{self.where}: choices")
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
        check_keys(written, {"clause", "fragment"} | results | set(INPUTS), where)
        conditions = tuple(
            _condition(name, value, bands, where)
            for name, value in written.items()
            if name in INPUTS and name not in results
        )
        given = {name: value for name, value in written.items() if name in results}
        read = _validated(outcome, given, where)
        uses = clause_uses(written, self.written, self.clauses, where)
        if not uses and not read.may_lack_clause:
            raise RuleFileError(f"{where}: a clause and a fragment are missing")
        return Row(conditions, read, uses)


def clause_uses(
    written: Mapping[str, Any],
    default: Mapping[str, Any],
    known: Mapping[str, Clause],
    where: str,
) -> tuple[ClauseUse, ...]:
    """Return the clauses of a row: its own, else the section's; fragments likewise."""
    clauses = texts_of(written.get("clause", default.get("clause", [])), f"{where}: clause")
    same_clause = "clause" not in written or written["clause"] == default.get("clause")
    words = written.get("fragment", default.get("fragment", []) if same_clause else [])
    fragments = texts_of(words, f"{where}: fragment")
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
    labels = texts_of(value, f"{where}: {name}") if isinstance(value, str | list) else ()
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
