"""Which sentence decides a question: a weighted sum of features that can be read one by one.

The weights were fitted on questions of our own (docs/decisions/0136); `tests/bench/deciding.py`
measures them on the half that was kept aside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter, mul
from typing import NamedTuple

from ai_core.engines.extractive.amounts import bounds, fit, is_condition
from ai_core.engines.extractive.asked import Asked, AskedQuestion
from ai_core.engines.extractive.signs import Signs, publics
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
_WEIGHTS = tuple(WEIGHTS.values())
_WEIGHED = itemgetter(*WEIGHTS)
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
    judging = _Judging.of(asked, passages, told_in)
    found = [
        judging.candidate(around, one)
        for around in map(judging.around, range(len(passages)))
        for one in facts_of(around.passage.text)
    ]
    return sorted(found, key=lambda one: (-one.score, one.passage, one.unit))


def other_situation_decides(asked: AskedQuestion, passages: Sequence[Passage]) -> bool:
    """Whether `nothing_fits` of the candidates; no more of them are scored than decide it."""
    judging = _Judging.of(asked, passages)
    fitting: list[tuple[_Around, UnitFacts]] = []
    other: list[tuple[_Around, UnitFacts]] = []
    for around in map(judging.around, range(len(passages))):
        for one in facts_of(around.passage.text):
            contradicted = judging.told.contradicted((*one.levels, around.titles))
            (other if contradicted else fitting).append((around, one))
    if not other:
        return False
    least = max(judging.candidate(*one).score - OTHER_SITUATION for one in other) - _FAR_BELOW
    return all(judging.candidate(*one).score < least for one in fitting)


class _Around(NamedTuple):
    """A passage, what its title and all titles above it say, and the features of all its units."""

    n: int
    passage: Passage
    titles: str
    title_stems: frozenset[str]
    title_special: frozenset[str]
    publics: frozenset[str]
    features: Mapping[str, float]


class _Judging(NamedTuple):
    """What a question tells, worked out once for all units; `clause`: of the best clause found."""

    asked: AskedQuestion
    passages: Sequence[Passage]
    told: Told
    publics: frozenset[str]
    relatives: frozenset[str]
    asides: frozenset[str]
    clause: float

    @classmethod
    def of(cls, asked: AskedQuestion, passages: Sequence[Passage], told_in: str = "") -> "_Judging":
        clauses = (one.score for one in passages if one.kind is SourceKind.AGREEMENT)
        return cls(
            asked,
            passages,
            read_told(fold(told_in) or asked.folded),
            publics(asked.folded),
            relatives(asked.folded),
            asides(asked.folded),
            max(clauses, default=0.0),
        )

    def around(self, n: int) -> _Around:
        passage = self.passages[n]
        own_title = title_of(passage)
        titles = f"{own_title} {' '.join(passage.section_path[-3:])}"
        title = stems(titles)
        parts = passage.section_path[1:] if passage.agreement_text else ()
        own, every = fold(own_title), fold(" ".join((titles, *parts)))
        features = self._of_all_units(passage, title)
        shown = publics(own) | publics(every)
        return _Around(n, passage, every, title, special(own), shown, features)

    def _of_all_units(self, passage: Passage, title: frozenset[str]) -> dict[str, float]:
        asked, told = self.asked, self.told
        return {
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
                and self.clause > _NEARLY * passage.score
            ),
        }

    def candidate(self, around: _Around, unit: UnitFacts) -> Candidate:
        features = dict(around.features)
        features |= _unit_features(self, unit, around.title_stems)
        features |= _of_passage(self, around.passage, unit, features)
        features |= _situation_features(self, unit, around)
        score = sum(map(mul, _WEIGHTS, _WEIGHED(features)))
        return Candidate(around.n, unit.at, features, score)


def _of_passage(
    judging: _Judging, passage: Passage, unit: UnitFacts, features: Mapping[str, float]
) -> dict[str, float]:
    """Return the features of a unit that its passage changes.

    The first words of a part of a clause are not those of the clause; what people ask a clause for
    is mostly a figure, whatever their words.
    """
    asked = judging.asked
    clause = passage.kind is SourceKind.AGREEMENT
    of_others = unit.relatives if clause else _NOBODY
    placed = fits(asked.places, unit.places) if asked.places else 0
    return {
        "label_fits": max(placed, 0) / (len(asked.places) or 1),
        "other_label": float(placed < 0),
        "of_pay_grid": float(passage.pay_grid and unit.gives_amount),
        "first": features["first"] * (not passage.start),
        "agreement_figure": float(clause and unit.states_figure),
        "aside": float(clause and bool(unit.asides and unit.asides - judging.asides)),
        "other_relative": float(bool(of_others) and not of_others & judging.relatives),
    }


def _titled(asked: AskedQuestion, passage: Passage) -> float:
    """Return how far the title of a clause is what is asked; the code's titles are too general."""
    if passage.kind is not SourceKind.AGREEMENT or not passage.section_path:
        return 0.0
    return asked.precision(stems(passage.section_path[-1]), few=1)


def _unit_features(judging: _Judging, one: UnitFacts, title: frozenset[str]) -> dict[str, float]:
    asked, reading, shown = judging.asked, one.reading, one.signs
    unit = reading.units[one.at]
    own, around = asked.held(unit.stems), asked.held(title | one.stems_around)
    fits = _fits(asked, reading, one.needed[-3:], unit.folded) if asked.amounts else 0
    return {
        "covered": own.share,
        "covered_with_context": around.share,
        "pairs": around.pairs,
        "precise": own.precision(len(unit.stems)),
        "gives_what_is_asked": _gives(asked, shown),
        "amount_fits": float(fits > 0),
        "amount_excluded": float(fits < 0),
        "first": float(one.first),
        "begins_by_reserving": float(shown.reserves),
        "leaves_to_agreements": float(shown.leaves_to_agreements),
        "special_public": float(bool(one.special_publics - judging.publics)),
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


def _situation_features(judging: _Judging, unit: UnitFacts, around: _Around) -> dict[str, float]:
    """Return whether a unit is of the situation told, or of another one."""
    told, levels = judging.told, (*unit.levels, around.titles)
    close = unit.special_close | around.title_special
    named = told.special and told.special & (unit.special | special(around.titles))
    near = judging.publics and judging.publics & (unit.publics | around.publics)
    return {
        "other_situation": float(told.contradicted(levels)),
        "told_situation": told.named_by(levels),
        "told_special": float(bool(named)),
        "told_public": float(bool(near)),
        "special_not_told": float(bool(close) and not close & told.special),
    }


def _fits(asked: AskedQuestion, reading: Reading, needed: Sequence[int], words: str) -> int:
    """Return 1 when the bounds of a unit hold what the question tells, -1 when they exclude it."""
    around = " ".join(reading.units[other].folded for other in needed)
    if reading.units[needed[-1]].role is Role.ROW:
        return fit(asked.amounts, bounds(around))
    return fit(asked.amounts, bounds(words)) if is_condition(around) else 0


def _gives(asked: AskedQuestion, shown: Signs) -> float:
    """Return how far a unit gives what is asked, first of all the first kind asked for."""
    if asked.kinds == (Asked.ANY,):
        return 0.0
    first, *others = asked.kinds
    given = float(shown.gives(first))
    return 0.7 * given + 0.3 * any(map(shown.gives, others)) if others else given
