"""Which sentence decides a question: a weighted sum of features that can be read one by one.

The weights were fitted on questions of our own (docs/decisions/0136); `tests/bench/deciding.py`
measures them on the half that was kept aside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ai_core.engines.extractive.amounts import bounds, fit, is_condition
from ai_core.engines.extractive.asked import Asked, AskedQuestion
from ai_core.engines.extractive.signs import publics, signs
from ai_core.engines.extractive.units import Reading, Role, read
from ai_core.engines.extractive.words import stems
from ai_core.law.records import Passage, SourceKind
from ai_core.law.titles import title_of

WEIGHTS: Mapping[str, float] = {
    "covered": 1.5,
    "covered_with_context": 1.8,
    "relevance": 2.6,
    "article": 0.8,
    "agreement": 0.8,
    "stale": -1.3,
    "gives_what_is_asked": 1.8,
    "rules": 0.1,
    "amount_fits": 1.6,
    "amount_excluded": -1.0,
    "first": 1.2,
    "refers": -0.05,
    "begins_by_reserving": -0.4,
    "leaves_to_agreements": -0.4,
    "special_public": -0.7,
    "case_law": -0.7,
    "long": -0.4,
    "question": -3.0,
    "heading": -6.0,
    "example": -1.5,
    "header": -3.0,
}
_LONG_CHARS = 320
_YEARS_FRESH = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a passage (both counted from 0), its features, and its score."""

    passage: int
    unit: int
    features: Mapping[str, float]
    score: float


def stale(passage: Passage, passages: Sequence[Passage]) -> bool:
    """Whether a fiche is older than the law it stands beside, or years older than other fiches.

    A fiche's own date says until when its author knew the law: an article among the three best
    that came in force later may have changed what it tells.
    """
    if passage.kind is not SourceKind.FICHE:
        return False
    if passage.updated is None:
        return True
    articles = [p for p in passages if p.kind is SourceKind.ARTICLE][:3]
    changed = max((p.in_force_since for p in articles if p.in_force_since), default=date.min)
    newest = max((p.updated for p in passages if p.updated), default=passage.updated)
    return changed > passage.updated or newest.year - passage.updated.year >= _YEARS_FRESH


def candidates(asked: AskedQuestion, passages: Sequence[Passage]) -> list[Candidate]:
    """Return every unit of the passages, the one that decides the question best first."""
    told_publics = publics(asked.folded)
    best = max((passage.score for passage in passages), default=1.0) or 1.0
    found: list[Candidate] = []
    for n, passage in enumerate(passages):
        title = stems(f"{title_of(passage)} {' '.join(passage.section_path[-3:])}")
        whole = {
            "covered_by_title": asked.coverage(title),
            "relevance": passage.score / best,
            "article": float(passage.kind is SourceKind.ARTICLE),
            "agreement": float(passage.kind is SourceKind.AGREEMENT),
            "stale": float(stale(passage, passages)),
        }
        reading = read(passage.text)
        for at in range(len(reading.units)):
            features = whole | _unit_features(asked, told_publics, reading, at, title)
            score = sum(weight * features[name] for name, weight in WEIGHTS.items())
            found.append(Candidate(n, at, features, score))
    return sorted(found, key=lambda one: (-one.score, one.passage, one.unit))


def _unit_features(
    asked: AskedQuestion,
    told_publics: frozenset[str],
    reading: Reading,
    at: int,
    title: frozenset[str],
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
        "gives_what_is_asked": _gives(asked, shown.gives),
        "rules": float(shown.rules),
        "amount_fits": float(fits > 0),
        "amount_excluded": float(fits < 0),
        "first": float(at == 0),
        "refers": min(2.0, float(shown.references)),
        "begins_by_reserving": float(shown.reserves),
        "leaves_to_agreements": float(shown.leaves_to_agreements),
        "special_public": float(bool(special - told_publics)),
        "case_law": float(shown.case_law),
        "long": max(0.0, min(3.0, reading.length(needed) / _LONG_CHARS - 1)),
        "question": float(unit.folded.endswith("?")),
        "heading": float(unit.role is Role.HEADING),
        "header": float(unit.role is Role.HEADER),
        "example": float(unit.role is Role.EXAMPLE),
    }


def _fits(asked: AskedQuestion, reading: Reading, needed: Sequence[int], words: str) -> int:
    """Return 1 when the bounds of a unit hold what the question tells, -1 when they exclude it."""
    around = " ".join(reading.units[other].folded for other in needed)
    return fit(asked.amounts, bounds(words)) if is_condition(around) else 0


def _gives(asked: AskedQuestion, gives: frozenset[Asked]) -> float:
    """Return how far a unit gives what is asked, first of all the first kind asked for."""
    if asked.kinds == (Asked.ANY,):
        return 0.0
    first = float(asked.kinds[0] in gives)
    return first if len(asked.kinds) == 1 else 0.7 * first + 0.3 * bool(gives & {*asked.kinds[1:]})
