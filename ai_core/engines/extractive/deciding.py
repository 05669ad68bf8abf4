"""Which sentence decides a question: a weighted sum of features that can be read one by one.

The weights were fitted on questions of our own (docs/decisions/0136); `tests/bench/deciding.py`
measures them on the half that was kept aside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ai_core.engines.extractive.amounts import bounds, fit, is_condition
from ai_core.engines.extractive.asked import Asked, AskedQuestion
from ai_core.engines.extractive.signs import opposed, publics, sides, signs
from ai_core.engines.extractive.units import Reading, Role, read
from ai_core.engines.extractive.words import fold, stems
from ai_core.law.records import Passage, SourceKind
from ai_core.law.titles import title_of

WEIGHTS: Mapping[str, float] = {
    "covered": 0.9,
    "covered_with_context": 2.1,
    "pairs": 0.4,
    "precise": 0.4,
    "titled": 1.5,
    "relevance": 5.5,
    "article": 0.8,
    "agreement": 2.0,
    "stale": -1.9,
    "gives_what_is_asked": 2.2,
    "amount_fits": 2.2,
    "amount_excluded": -1.0,
    "first": 2.1,
    "begins_by_reserving": -0.4,
    "leaves_to_agreements": -0.4,
    "special_public": -1.5,
    "opposed": -4.0,
    "case_law": -1.6,
    "long": -0.7,
    "question": -3.0,
    "heading": -6.0,
    "example": -1.5,
    "header": -3.0,
}
_LONG_CHARS = 320


@dataclass(frozen=True, slots=True)
class _About:
    """The special publics, and the sides, of which a question speaks."""

    publics: frozenset[str]
    sides: frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a passage (both counted from 0), its features, and its score."""

    passage: int
    unit: int
    features: Mapping[str, float]
    score: float


def candidates(asked: AskedQuestion, passages: Sequence[Passage]) -> list[Candidate]:
    """Return every unit of the passages, the one that decides the question best first."""
    about = _About(publics(asked.folded), sides(asked.folded))
    found: list[Candidate] = []
    for n, passage in enumerate(passages):
        title = stems(f"{title_of(passage)} {' '.join(passage.section_path[-3:])}")
        whole = {
            "covered_by_title": asked.coverage(title),
            "titled": _titled(asked, passage),
            "relevance": passage.score,
            "article": float(passage.kind is SourceKind.ARTICLE),
            "agreement": float(passage.kind is SourceKind.AGREEMENT),
            "stale": float(passage.outdated),
        }
        title_sides = sides(fold(passage.section_path[-1])) if passage.section_path else frozenset()
        reading = read(passage.text)
        for at in range(len(reading.units)):
            features = whole | _unit_features(asked, about, reading, at, title, title_sides)
            score = sum(weight * features[name] for name, weight in WEIGHTS.items())
            found.append(Candidate(n, at, features, score))
    return sorted(found, key=lambda one: (-one.score, one.passage, one.unit))


def _titled(asked: AskedQuestion, passage: Passage) -> float:
    """Return how far the title of a clause is what is asked; the code's titles are too general."""
    if passage.kind is not SourceKind.AGREEMENT or not passage.section_path:
        return 0.0
    return asked.precision(stems(passage.section_path[-1]), few=1)


def _unit_features(
    asked: AskedQuestion,
    about: _About,
    reading: Reading,
    at: int,
    title: frozenset[str],
    title_sides: frozenset[str],
) -> dict[str, float]:
    unit = reading.units[at]
    needed = sorted(reading.with_needs([at])) if unit.needs else [at]
    around = title.union(*(reading.units[other].stems for other in needed))
    if unit.heading is not None:
        around |= reading.units[unit.heading].stems
    shown = signs(unit.folded)
    fits = _fits(asked, reading, needed[-3:], unit.folded) if asked.amounts else 0
    special = shown.publics.union(*(signs(reading.units[n].folded).publics for n in needed[-3:]))
    return {
        "covered": asked.coverage(unit.stems),
        "covered_with_context": asked.coverage(around),
        "pairs": asked.pairs_covered(around),
        "precise": asked.precision(unit.stems),
        "gives_what_is_asked": _gives(asked, shown.gives),
        "amount_fits": float(fits > 0),
        "amount_excluded": float(fits < 0),
        "first": float(all(one.role is Role.HEADING for one in reading.units[: needed[0]])),
        "begins_by_reserving": float(shown.reserves),
        "leaves_to_agreements": float(shown.leaves_to_agreements),
        "opposed": float(opposed(about.sides, _sides(reading, needed, title_sides))),
        "special_public": float(bool(special - about.publics)),
        "case_law": float(shown.case_law),
        "long": max(0.0, min(3.0, reading.length(needed) / _LONG_CHARS - 1)),
        "question": float(unit.folded.endswith("?")),
        "heading": float(unit.role is Role.HEADING),
        "header": float(unit.role is Role.HEADER),
        "example": float(unit.role is Role.EXAMPLE),
    }


def _sides(reading: Reading, needed: Sequence[int], of_title: frozenset[str]) -> frozenset[str]:
    """Return the sides a unit speaks of, else what it needs, else its titles do."""
    units = reading.units
    heading = units[needed[-1]].heading
    above = [*reversed(needed), *([heading] if heading is not None else [])]
    groups: set[str] = set()
    found: set[str] = set()
    for shown in (*(sides(units[at].folded) for at in above), of_title):
        new = {side for side in shown if side.partition("/")[0] not in groups}
        found |= new
        groups |= {side.partition("/")[0] for side in new}
    return frozenset(found)


def _fits(asked: AskedQuestion, reading: Reading, needed: Sequence[int], words: str) -> int:
    """Return 1 when the bounds of a unit hold what the question tells, -1 when they exclude it."""
    around = " ".join(reading.units[other].folded for other in needed)
    if reading.units[needed[-1]].role is Role.ROW:
        return fit(asked.amounts, bounds(around))
    return fit(asked.amounts, bounds(words)) if is_condition(around) else 0


def _gives(asked: AskedQuestion, gives: frozenset[Asked]) -> float:
    """Return how far a unit gives what is asked, first of all the first kind asked for."""
    if asked.kinds == (Asked.ANY,):
        return 0.0
    first = float(asked.kinds[0] in gives)
    return first if len(asked.kinds) == 1 else 0.7 * first + 0.3 * bool(gives & {*asked.kinds[1:]})
