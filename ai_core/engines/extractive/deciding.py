"""Which sentence decides a question: a weighted sum of features that can be read one by one.

The weights were fitted on questions of our own (docs/decisions/0136); `tests/bench/deciding.py`
measures them on the half that was kept aside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ai_core.engines.extractive.amounts import bounds, fit, is_condition
from ai_core.engines.extractive.asked import Asked, AskedQuestion
from ai_core.engines.extractive.signs import publics
from ai_core.engines.extractive.situations import Told, read_told, special, spoken
from ai_core.engines.extractive.unit_facts import UnitFacts, asides, facts_of, relatives
from ai_core.engines.extractive.units import Reading, Role
from ai_core.engines.extractive.words import fold, stems, stems_of
from ai_core.law.classifications import fits
from ai_core.law.records import Passage, SourceKind, TextRank
from ai_core.law.titles import title_of

OTHER_SITUATION = -12.0
"""Below any unit that may decide: what is of another situation than the one told never does."""
_FAR_BELOW = 4.0

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
    "other_situation": OTHER_SITUATION,
    "other_trade": -3.5,
    "agreement_decides": -2.0,
    "agreement_figure": 0.8,
    "label_fits": 3.0,
    "other_label": -1.5,
    "of_pay_grid": 6.0,
    "other_relative": -1.5,
    "aside": -1.5,
    "category_not_told": -1.0,
    "told_situation": 0.7,
    "told_special": 4.0,
    "told_public": 1.0,
    "special_not_told": -1.0,
    "case_law": -1.6,
    "long": -0.7,
    "question": -3.0,
    "heading": -6.0,
    "example": -1.5,
    "header": -3.0,
}
_NOBODY: frozenset[str] = frozenset()
_NEARLY = 0.8
"""The general rule leaves the lead to a clause of the agreement told that is nearly as relevant,
but for what is special: minors, pregnancy and the like are protected by the law."""
_SAID_OF_ANY_ANNEX = stems_of(
    "annexe annexes i ii iii iv v vi vii viii ix x convention collective nationale accord avenant"
    " du de relatif relative dispositions particulieres generales personnel personnels categorie"
    " statut janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre"
    " application appliquer bis protocole salaries contrat travail"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit of a passage (both counted from 0), its features, and its score."""

    passage: int
    unit: int
    features: Mapping[str, float]
    score: float

    @property
    def fits(self) -> bool:
        """Whether the unit is of no other situation than the one told."""
        return not self.features["other_situation"]


def nothing_fits(found: Sequence[Candidate]) -> bool:
    """Whether what answers the question best is of another situation, and nothing near it fits."""
    fitting = [one.score for one in found if one.fits]
    other = [one.score - OTHER_SITUATION for one in found if not one.fits]
    return bool(other) and (not fitting or max(fitting) < max(other) - _FAR_BELOW)


def candidates(
    asked: AskedQuestion, passages: Sequence[Passage], told_in: str = ""
) -> list[Candidate]:
    """Return every unit of the passages, the one that decides the question best first.

    The situation is read from `told_in`, else from the question.
    """
    told_publics, told = publics(asked.folded), read_told(fold(told_in) or asked.folded)
    clause = max((one.score for one in passages if one.kind is SourceKind.AGREEMENT), default=0.0)
    found: list[Candidate] = []
    for n, passage in enumerate(passages):
        own_title = title_of(passage)
        titles = f"{own_title} {' '.join(passage.section_path[-3:])}"
        title = stems(titles)
        whole = {
            "covered_by_title": asked.coverage(title),
            "titled": _titled(asked, passage),
            "relevance": passage.score,
            "article": float(passage.kind is SourceKind.ARTICLE),
            "agreement": float(passage.kind is SourceKind.AGREEMENT),
            "stale": float(passage.outdated),
            "category_not_told": float(_of_one_category(told, passage)),
            "other_trade": float(_is_of_another_trade(asked, passage)),
            "agreement_decides": float(
                passage.kind is not SourceKind.AGREEMENT
                and not told.special
                and clause > _NEARLY * passage.score
            ),
        }
        parts = passage.section_path[1:] if passage.agreement_text else ()
        folded_titles = fold(" ".join((titles, *parts)))
        around = _Titles(fold(own_title), folded_titles)
        for one in facts_of(passage.text):
            features = whole | _unit_features(asked, told_publics, one, title)
            features |= _of_passage(asked, passage, one, features)
            features |= _situation_features(told, told_publics, one, around)
            score = sum(weight * features[name] for name, weight in WEIGHTS.items())
            found.append(Candidate(n, one.at, features, score))
    return sorted(found, key=lambda one: (-one.score, one.passage, one.unit))


def _of_passage(
    asked: AskedQuestion, passage: Passage, unit: UnitFacts, features: Mapping[str, float]
) -> dict[str, float]:
    """Return the features of a unit that its passage changes.

    The first words of a part of a clause are not those of the clause; what people ask a clause for
    is mostly a figure, whatever their words.
    """
    clause = passage.kind is SourceKind.AGREEMENT
    of_others = unit.relatives if clause else _NOBODY
    placed = fits(asked.places, unit.places) if asked.places else 0
    return {
        "label_fits": max(placed, 0) / (len(asked.places) or 1),
        "other_label": float(placed < 0),
        "of_pay_grid": float(passage.pay_grid and unit.gives_amount),
        "first": features["first"] * (not passage.start),
        "agreement_figure": float(clause and unit.states_figure),
        "aside": float(clause and bool(unit.asides and unit.asides - asides(asked.folded))),
        "other_relative": float(bool(of_others) and not of_others & relatives(asked.folded)),
    }


def _titled(asked: AskedQuestion, passage: Passage) -> float:
    """Return how far the title of a clause is what is asked; the code's titles are too general."""
    if passage.kind is not SourceKind.AGREEMENT or not passage.section_path:
        return 0.0
    return asked.precision(stems(passage.section_path[-1]), few=1)


def _unit_features(
    asked: AskedQuestion, told_publics: frozenset[str], one: UnitFacts, title: frozenset[str]
) -> dict[str, float]:
    reading, unit, shown = one.reading, one.reading.units[one.at], one.signs
    around = title | one.stems_around
    fits = _fits(asked, reading, one.needed[-3:], unit.folded) if asked.amounts else 0
    return {
        "covered": asked.coverage(unit.stems),
        "covered_with_context": asked.coverage(around),
        "pairs": asked.pairs_covered(around),
        "precise": asked.precision(unit.stems),
        "gives_what_is_asked": _gives(asked, shown.gives),
        "amount_fits": float(fits > 0),
        "amount_excluded": float(fits < 0),
        "first": float(one.first),
        "begins_by_reserving": float(shown.reserves),
        "leaves_to_agreements": float(shown.leaves_to_agreements),
        "special_public": float(bool(one.special_publics - told_publics)),
        "case_law": float(shown.case_law),
        "long": one.length,
        "question": float(unit.folded.endswith("?")),
        "heading": float(unit.role is Role.HEADING),
        "header": float(unit.role is Role.HEADER),
        "example": float(unit.role is Role.EXAMPLE),
    }


def _of_one_category(told: Told, passage: Passage) -> bool:
    """Whether the titles of a clause name a category of employees and the question names none."""
    titles = fold(" . ".join(passage.section_path[1:]))
    known = "category" in told.exclusive
    return passage.kind is SourceKind.AGREEMENT and not known and "category" in spoken(titles)


def _is_of_another_trade(asked: AskedQuestion, passage: Passage) -> bool:
    """Whether a clause is of an annex whose title names nothing that the question tells."""
    text = passage.agreement_text
    if text is None or text.rank is not TextRank.ANNEX or "category" in spoken(fold(text.title)):
        return False
    own = {stem for stem in stems(text.title) - _SAID_OF_ANY_ANNEX if stem.isalpha()}
    known = {term.stem for term in asked.terms}.union(*(term.law for term in asked.terms))
    return bool(own) and not own & known


class _Titles(NamedTuple):
    """The folded title of a passage, and all titles above it."""

    own: str
    every: str


def _situation_features(
    told: Told, told_publics: frozenset[str], unit: UnitFacts, titles: _Titles
) -> dict[str, float]:
    """Return whether a unit is of the situation told, or of another one."""
    levels = (*unit.levels, titles.every)
    close = unit.special_close | special(titles.own)
    near = unit.publics | publics(titles.own) | publics(titles.every)
    named = told.special & (unit.special | special(titles.every)) if told.special else _NOBODY
    return {
        "other_situation": float(told.contradicted(levels)),
        "told_situation": told.named_by(levels),
        "told_special": float(bool(named)),
        "told_public": float(bool(told_publics & near)),
        "special_not_told": float(bool(close) and not close & told.special),
    }


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
