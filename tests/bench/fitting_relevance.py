"""Fits the relevance models of `ai_core/law/search/relevance.py` and measures them. For `fitting`.

An article decides a question when our table says so. A fiche section decides it the more surely the
fewer articles it cites, if one of them does; a section that cites none is judged by its fiche, and
one of a fiche that cites none is left out. Questions outside labour law have no answer at all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ai_core.law.search import hybrid, relevance
from ai_core.law.search.candidates import Candidates
from ai_core.law.search.query import QueryReader, SearchQuery
from ai_core.law.search.ranking import QuestionStyle
from ai_core.law.search.relevance import ARTICLE, FICHE, ORDER
from ai_core.law.search.spelling import Spelling
from ai_core.law.search.tokens import read_table
from shared.clock import SystemClock
from tests.bench.folds import Fold, Unseen
from tests.bench.regression import Floats, Judged, logistic, softmax

REGULARISATION = 1e-4
HIGH_PRECISION = 0.90
MEDIUM, LOW = 0.5, 0.2
"""Least relevance of the best passage; relevance being calibrated, its chance to decide."""

_FEW_CITED = 8
_SAME_FICHE = 0.4
_UNKNOWN = -1.0


@dataclass(frozen=True)
class Labelled:
    """The candidates of one question, and how surely each decides it."""

    found: Candidates
    articles: Floats
    fiches: Floats


@dataclass(frozen=True)
class Models:
    """Weights: of the order, and of both relevances (bias last)."""

    order: Floats
    article: Floats
    fiche: Floats

    def best(self, one: Labelled) -> tuple[float, float]:
        """Return the relevance of the best passage, and how surely it decides."""
        order = relevance.order_columns(one.found.articles) @ self.order
        chances = [
            *_probability(relevance.article_columns(one.found.articles, order), self.article),
            *_probability(_fiche_columns(one, order), self.fiche),
        ]
        labels = [*one.articles, *one.fiches]
        at = int(np.argmax(chances))
        return chances[at], max(0.0, float(labels[at]))


def fit_relevance(folds: Sequence[Fold]) -> str:
    """Return the tables of relevance.toml; prints what held-out questions say of them."""
    tables = ""
    for variant in relevance.VARIANTS:
        labelled = [list(_labelled(fold, variant)) for fold in folds]
        held_out = [
            models.best(one)
            for at, own in enumerate(labelled)
            for models in [_fitted([o for f in labelled[:at] + labelled[at + 1 :] for o in f])]
            for one in own
            if one.articles.any()
        ]
        high = _least(held_out)
        _report(variant, held_out, high)
        fitted = _fitted([one for own in labelled for one in own])
        tables += (
            f"\n[{variant}.order]\n{_table(ORDER, fitted.order)}"
            f"\n[{variant}.article]\n{_table((*ARTICLE, 'bias'), fitted.article)}"
            f"\n[{variant}.fiche]\n{_table((*FICHE, 'bias'), fitted.fiche)}"
            f"\n[{variant}.least]\nhigh = {high:.2f}\nmedium = {MEDIUM}\nlow = {LOW}\n"
        )
    return tables


def _labelled(fold: Fold, variant: str) -> Iterator[Labelled]:
    index = fold.opened(variant)
    spelling = Spelling.open(fold.folder / hybrid.FOLDER / "words.npz")
    reader = QueryReader(index.stemmer, spelling)
    outside: list[Unseen] = [
        (text, [], ()) for kind, text in read_table("other_questions.tsv") if kind == "outside"
    ]
    for text, _, cited in [*fold.unseen, *outside[:: len(fold.unseen) // 128 or 1]]:
        query = reader.read(reader.repaired(text))
        if variant == "meaning":
            query = SearchQuery(text, (), (), (), foreign=True)
        if query.stems or query.foreign:
            found = index.candidates(query, SystemClock().today(), QuestionStyle.QUESTION)
            yield Labelled(found, *_labels(found, frozenset(cited)))


def _labels(found: Candidates, answers: frozenset[int]) -> tuple[Floats, Floats]:
    articles = np.isin(found.articles.positions, list(answers)).astype(np.float64)
    fiches = [
        _fiche_label(cited, fiche, answers)
        for cited, fiche in zip(found.fiches.cited, found.fiches.cited_by_fiche, strict=True)
    ]
    return articles, np.array(fiches)


def _fiche_label(cited: frozenset[int], fiche: frozenset[int], answers: frozenset[int]) -> float:
    if not fiche and answers:
        return _UNKNOWN
    if cited & answers:
        return min(1.0, math.sqrt(_FEW_CITED / len(cited)))
    return _SAME_FICHE if not cited and fiche & answers else 0.0


def _fitted(labelled: Sequence[Labelled]) -> Models:
    order = softmax(
        [
            Judged(relevance.order_columns(one.found.articles).T, one.articles / one.articles.sum())
            for one in labelled
            if one.articles.any()
        ],
        REGULARISATION,
    )
    orders = [relevance.order_columns(one.found.articles) @ order for one in labelled]
    article = _logistic(
        [
            relevance.article_columns(one.found.articles, own)
            for one, own in zip(labelled, orders, strict=True)
        ],
        [one.articles for one in labelled],
    )
    fiche = _logistic(
        [_fiche_columns(one, own) for one, own in zip(labelled, orders, strict=True)],
        [one.fiches for one in labelled],
    )
    return Models(order, article, fiche)


def _fiche_columns(one: Labelled, order: Floats) -> Floats:
    positions = one.found.articles.positions.tolist()
    return relevance.fiche_columns(one.found.fiches, positions, relevance.chances(order))


def _logistic(columns: Sequence[Floats], labels: Sequence[Floats]) -> Floats:
    rows, wanted = np.concatenate(columns), np.concatenate(labels)
    known = wanted >= 0
    return logistic(
        rows[known], wanted[known], np.full(known.sum(), 1 / known.sum()), REGULARISATION
    )


def _probability(columns: Floats, weights: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(columns @ weights[:-1] + weights[-1]))))


def _least(best: Sequence[tuple[float, float]]) -> float:
    """Return the least relevance from which on the best passage decides often enough."""
    table = np.array(best)
    for least in np.arange(0.5, 1, 0.01):
        above = table[table[:, 0] >= least, 1]
        if not len(above) or above.mean() >= HIGH_PRECISION:
            return float(least)
    return 1.0


def _report(variant: str, best: Sequence[tuple[float, float]], high: float) -> None:
    table = np.array(best)
    print(f"{variant}: {len(table)} held-out questions, the best passage decides", end=" ")
    print(f"{table[:, 1].mean():.3f}")
    for name, least, most in (
        ("high", high, 1.1),
        ("medium", MEDIUM, high),
        ("low", LOW, MEDIUM),
        ("none", 0, LOW),
    ):
        band = table[(table[:, 0] >= least) & (table[:, 0] < most)]
        share = len(band) / len(table)
        decides = band[:, 1].sum() / max(1, len(band))
        print(f"  {name:6} from {least:.2f}: {share:.3f} of them, decides {decides:.3f}")


def _table(names: Sequence[str], values: Floats) -> str:
    return "".join(
        f"{name} = {value:.4f}\n" for name, value in zip(names, values.tolist(), strict=True)
    )
