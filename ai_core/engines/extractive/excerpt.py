"""Excerpts: the units of a text that matter, word for word, with every omission marked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ai_core.engines.extractive.units import Reading, Role, Unit

OMISSION = "[…]"
_MOST_RUNS = 3
_SCORE_MARGIN = 1.1
_LEAST_STEMS = 6
_ALIKE = 0.8


@dataclass(slots=True)
class Quoted:
    """What an answer has quoted so far: no paragraph is shown twice."""

    stems: list[frozenset[str]] = field(default_factory=list)

    def holds(self, unit: Unit) -> bool:
        """Whether a unit nearly equal to this one was quoted."""
        if len(unit.stems) < _LEAST_STEMS:
            return False
        return any(
            len(unit.stems & other) >= _ALIKE * len(unit.stems | other) for other in self.stems
        )

    def add(self, units: Sequence[Unit]) -> None:
        """Remember units that were quoted."""
        self.stems += [unit.stems for unit in units if len(unit.stems) >= _LEAST_STEMS]


def excerpt(
    reading: Reading,
    wanted: Collection[int],
    scores: Mapping[int, float],
    budget_chars: int,
    quoted: Quoted,
) -> list[int]:
    """Choose the units to quote: those `wanted`, then the best by `scores` within the budget.

    A text within the budget is quoted whole, but for what was quoted before. What is wanted is
    quoted even beyond the budget: a quote never stops in mid sentence.
    """
    units = reading.units
    repeated = {at for at, unit in enumerate(units) if at not in wanted and quoted.holds(unit)}
    repeated |= {at for at in _repeated_within(units) if at not in wanted}
    whole = [at for at in range(len(units)) if at not in repeated]
    if reading.length(whole) <= budget_chars and _complete(reading, whole):
        return _without_loose_ends(reading, set(whole))
    order = sorted(scores, key=lambda at: (-scores[at], at))
    chosen = reading.with_needs(wanted or order[:1])
    chosen |= _list_of(reading, chosen, budget_chars)
    best = max((scores[at] for at in chosen if at in scores), default=0.0)
    for at in order:
        group = reading.with_needs([at])
        group |= _list_of(reading, group, budget_chars - reading.length(chosen))
        if scores[at] < best - _SCORE_MARGIN or group & repeated:
            continue
        if (
            reading.length(chosen | group) <= budget_chars
            and len(reading.runs(chosen | group)) <= _MOST_RUNS
        ):
            chosen |= group
    return _without_loose_ends(reading, _with_headings(reading, chosen))


def _complete(reading: Reading, chosen: Sequence[int]) -> bool:
    return all(set(reading.units[at].needs) <= set(chosen) for at in chosen)


def _repeated_within(units: Sequence[Unit]) -> list[int]:
    """Return the units that nearly repeat one before them."""
    before, found = Quoted(), []
    for at, unit in enumerate(units):
        if unit.role in {Role.SENTENCE, Role.ITEM} and before.holds(unit):
            found.append(at)
        before.add([unit])
    return found


def _list_of(reading: Reading, chosen: set[int], budget_chars: int) -> set[int]:
    """Return the items that `chosen` introduces: all of them if they fit, else the first."""
    found: set[int] = set()
    for at in sorted(chosen):
        if reading.units[at].introduces or reading.units[at].role is Role.HEADER:
            below = reading.items(at)
            if reading.length(chosen | set(below)) <= budget_chars:
                found |= set(below)
            elif not chosen & set(below):
                for item in below:
                    if reading.length(chosen | found | {item}) <= budget_chars:
                        found.add(item)
                if not found:
                    found |= set(below[:1])
    return found


def _with_headings(reading: Reading, chosen: set[int]) -> set[int]:
    """Add the titles that stand right above a chosen unit."""
    above = {at - 1 for at in chosen if at and reading.units[at - 1].role is Role.HEADING}
    return chosen | above


def _without_loose_ends(reading: Reading, chosen: set[int]) -> list[int]:
    """Drop titles without text, and introductions without a list."""
    kept = sorted(chosen)
    while kept:
        last = reading.units[kept[-1]]
        if (last.role not in {Role.HEADING, Role.HEADER} and not last.introduces) or len(kept) == 1:
            break
        kept.pop()
    return kept


def quoted_lines(reading: Reading, chosen: Sequence[int], *, begins: bool, goes_on: bool) -> str:
    """Return units as quoted lines of Markdown; cells of a row are parted by " | ".

    `begins` tells whether the text is the beginning of its source: else an omission comes first;
    `goes_on` whether more of the source follows: then an omission ends the quotation.
    """
    parts: list[str] = []
    text, last = reading.text, 0
    for start, stop in reading.runs(chosen):
        if text[last:start].strip() or (not parts and not begins):
            parts.append(f"> {OMISSION}")
        parts += [
            f"> {' | '.join(cell.strip() for cell in line.split(chr(9)))}"
            for line in text[start:stop].splitlines()
            if line.strip()
        ]
        last = stop
    if parts and (goes_on or text[last:].strip()):
        parts.append(f"> {OMISSION}")
    return "\n".join(parts)
