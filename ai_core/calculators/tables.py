"""Chooses the row of a table: the first one whose conditions a case fulfils.

Where an input is missing to know, it says which one, and which labels are still possible given
what is known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ai_core.calculators.conditions import Bands, Condition, Verdict
from ai_core.calculators.inputs import INPUTS, Facts
from ai_core.calculators.records import Question

Outcome = TypeVar("Outcome")
NO_LABELS: Mapping[str, tuple[str, ...]] = {}


@dataclass(frozen=True, slots=True)
class ClauseUse:
    """A clause a row rests on, by its key in the rule file, and its words that decide."""

    clause: str
    fragment: str | None


@dataclass(frozen=True, slots=True)
class Row(Generic[Outcome]):
    """One row: its conditions in the order in which inputs are asked, and what it gives."""

    conditions: tuple[Condition, ...]
    outcome: Outcome
    uses: tuple[ClauseUse, ...]

    def verdict(self, facts: Facts, bands: Bands) -> Verdict:
        """Whether the case fulfils all conditions; "no" wins over what is unknown."""
        verdict: Verdict = "yes"
        for condition in self.conditions:
            found = condition.verdict(facts, bands)
            if found == "no":
                return "no"
            if found == "unknown":
                verdict = "unknown"
        return verdict

    def on(self, input_name: str) -> Iterator[Condition]:
        """Yield its conditions on an input."""
        return (item for item in self.conditions if item.input == input_name)

    def first_unknown(self, facts: Facts, bands: Bands) -> str:
        """Return the input to ask first."""
        for condition in self.conditions:
            if condition.verdict(facts, bands) == "unknown":
                return condition.input
        raise ValueError("every condition of the row is known")


@dataclass(frozen=True, slots=True)
class Choice(Generic[Outcome]):
    """The row chosen, or the question to ask first, or neither: no row holds for the case."""

    row: Row[Outcome] | None = None
    question: Question | None = None


def choose(
    rows: Sequence[Row[Outcome]],
    facts: Facts,
    bands: Bands,
    others: Mapping[str, tuple[str, ...]] = NO_LABELS,
) -> Choice[Outcome]:
    """Return the first row that holds, or the first input that is missing to know it.

    `others` are labels of inputs that no row names.
    """
    for index, row in enumerate(rows):
        verdict = row.verdict(facts, bands)
        if verdict == "yes":
            return Choice(row)
        if verdict == "unknown":
            asked = row.first_unknown(facts, bands)
            left = _labels_left(asked, rows[index:], facts, bands)
            labels = tuple(dict.fromkeys((*left, *others.get(asked, ()))))
            return Choice(question=Question(asked, labels))
    return Choice()


def matching(
    rows: Iterable[Row[Outcome]], facts: Facts, bands: Bands
) -> tuple[list[Row[Outcome]], Question | None]:
    """Return every row that holds, and the first input missing to know of another."""
    found, question = [], None
    for row in rows:
        verdict = row.verdict(facts, bands)
        if verdict == "yes":
            found.append(row)
        elif verdict == "unknown" and question is None:
            asked = row.first_unknown(facts, bands)
            question = Question(asked, labels_of(asked, (row,)))
    return found, question


def labels_of(input_name: str, rows: Iterable[Row[Outcome]]) -> tuple[str, ...]:
    """Return the labels rows name for an input, each once, in the order of the rows."""
    return tuple(
        dict.fromkeys(
            label
            for row in rows
            for condition in row.conditions
            if condition.input == input_name
            for label in condition.labels
        )
    )


def _labels_left(
    input_name: str, rows: Sequence[Row[Outcome]], facts: Facts, bands: Bands
) -> tuple[str, ...]:
    """Return the labels of an input in the rows that are still possible."""
    possible = [row for row in rows if row.verdict(facts, bands) != "no"]
    if any(item.boolean is not None for row in possible for item in row.on(input_name)):
        return ()  # yes or no, whatever labels the input takes elsewhere
    labels = labels_of(input_name, possible)
    fixed = INPUTS[input_name].choices
    return tuple(choice for choice in fixed if choice in labels or not labels) or labels
