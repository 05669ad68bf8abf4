"""Calibrated relevance: the chance that an article or a fiche section decides a question.

Articles are put in order by a linear score of their standing and of what they hold of the question;
a logistic model (Platt, 1999) then turns each candidate's features into a probability, one model
for articles and one for fiche sections, so that both stand in one list. A fiche section is judged
by the articles its fiche cites as well: one that cites what the search itself puts first is on the
subject. Coefficients are in `data/relevance.toml`; `tests/bench/fitting.py` fits them on our own
everyday questions, each scored by indexes that never saw it.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ai_core.law.records import Confidence
from ai_core.law.search.candidates import Articles, Candidates, Fiches

Columns = NDArray[np.float64]

VARIANTS = ("lexical", "semantic", "encoder", "meaning")
"""The signals that may be available, each with those before it; the last is the encoder alone, for
a question in another language."""

ORDER = ("standing", "whole", "titles", "precision", "votes")
"""The columns of `order_columns`."""

ARTICLE = (
    *("chance", "log_chance", "margin", "whole", "titles", "precision", "similarity"),
    *("nearest", "best_whole", "votes"),
)
"""The columns of `article_columns`."""

FICHE = (
    *("standing", "gap", "words", "similarity", "whole", "titles", "precision", "support"),
    *("log_support", "own_support", "best_whole", "best_chance"),
)
"""The columns of `fiche_columns`."""

_MOST_MARGIN = 6.0
_UNKNOWN_SUPPORT = 0.15
"""Of a fiche that cites no article: about the support of one that may or may not be right."""

_OUTDATED_SHARE = 0.4
_RIVAL = 0.3
_DAYS_OLD = 730
_RIVALS = 3
_BELOW_RIVAL = 0.9
"""A fiche that is out of date comes after the articles that changed since."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate: its passage row and its relevance (0 to 1).

    `dated`: the day (ordinal) since which an article is in force, or on which a fiche was updated.
    """

    source: int
    row: int
    relevance: float
    dated: int
    outdated: bool = False


def order_columns(articles: Articles) -> Columns:
    """Return the features that put articles in order, articles × ORDER."""
    held = articles.coverage
    return np.column_stack(
        [articles.standing, held.whole, held.titles, held.precision, articles.votes]
    ).astype(np.float64)


def chances(order: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each candidate's share of a softmax over their scores."""
    powers = np.exp(order - order.max(initial=0))
    return np.asarray(powers / max(powers.sum(), 1e-9))


def article_columns(articles: Articles, order: NDArray[np.float64]) -> Columns:
    """Return the features of each article's relevance, articles × ARTICLE."""
    chance, held = chances(order), articles.coverage
    count = len(chance)
    return np.column_stack(
        [
            chance,
            np.log(chance + 1e-4),
            _margins(order),
            *(held.whole, held.titles, held.precision, articles.similarity),
            np.full(count, articles.nearest),
            np.full(count, held.whole.max(initial=0)),
            articles.votes,
        ]
    ).astype(np.float64)


def fiche_columns(fiches: Fiches, positions: Sequence[int], chance: NDArray[np.float64]) -> Columns:
    """Return the features of each fiche section's relevance, sections × FICHE."""
    chance_of = dict(zip(positions, chance.tolist(), strict=True))
    held, count = fiches.coverage, len(fiches.rows)
    support = np.array([_support(cited, chance_of) for cited in fiches.cited_by_fiche])
    own = np.array(
        [
            _support(cited, chance_of) if cited else whole / 2
            for cited, whole in zip(fiches.cited, support.tolist(), strict=True)
        ]
    )
    return np.column_stack(
        [
            fiches.standing,
            fiches.standing - fiches.standing.max(initial=0),
            *(fiches.words, fiches.similarity, held.whole, held.titles, held.precision),
            *(support, np.log(support + 0.01), own),
            np.full(count, held.whole.max(initial=0)),
            np.full(count, chance.max(initial=0)),
        ]
    ).astype(np.float64)


class Relevance:
    """The fitted models, one set for each of the signals that are available."""

    def __init__(self, tables: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self._order = {name: _row(tables[name]["order"], ORDER)[:-1] for name in VARIANTS}
        self._article = {name: _row(tables[name]["article"], ARTICLE) for name in VARIANTS}
        self._fiche = {name: _row(tables[name]["fiche"], FICHE) for name in VARIANTS}
        self._least = {name: tables[name]["least"] for name in VARIANTS}

    @classmethod
    def read(cls) -> "Relevance":
        """Read the coefficients in the package."""
        path = files("ai_core.law") / "data" / "relevance.toml"
        return cls(tomllib.loads(path.read_text("utf-8")))

    def judge(
        self, found: Candidates, variant: str, *, headings: float, today: int
    ) -> list[Judged]:
        """Return all candidates, the most relevant first.

        `variant` names the signals available. `headings` (0 to 1) says how far the order of a
        trail of headings replaces that of a question: coverage then counts for nothing. `today` is
        the day (ordinal) on which fiches are old.
        """
        weights = self._order[variant].copy()
        weights[1:] *= 1 - headings
        order = order_columns(found.articles) @ weights
        articles = self._articles(found.articles, order, variant)
        of_fiches = fiche_columns(found.fiches, found.articles.positions.tolist(), chances(order))
        fiches = dated(_probability(of_fiches, self._fiche[variant]), found.fiches, articles, today)
        return sorted([*articles, *fiches], key=lambda one: -one.relevance)

    def confidence(self, best: float, variant: str) -> Confidence:
        """Return how surely a list whose best passage has this relevance decides the question."""
        for level in (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW):
            if best >= self._least[variant][level.value]:
                return level
        return Confidence.NONE

    def _articles(
        self, articles: Articles, order: NDArray[np.float64], variant: str
    ) -> list[Judged]:
        """Judge the articles: the probabilities are dealt out in the articles' order."""
        dealt = -np.sort(-_probability(article_columns(articles, order), self._article[variant]))
        places = np.argsort(-order, kind="stable")
        return [
            Judged(
                int(articles.positions[at]),
                articles.rows[at],
                float(chance),
                int(articles.since[at]),
            )
            for at, chance in zip(places, dealt, strict=True)
        ]


def averaged(judged: Sequence[Sequence[Judged]]) -> list[Judged]:
    """Return the same candidates with the mean of their relevances, the most relevant first."""
    if len(judged) == 1:
        return list(judged[0])
    relevances: dict[int, float] = {}
    for one in chain.from_iterable(judged):
        relevances[one.source] = relevances.get(one.source, 0.0) + one.relevance / len(judged)
    mean = [replace(one, relevance=relevances[one.source]) for one in judged[0]]
    return sorted(mean, key=lambda one: -one.relevance)


def dated(
    probabilities: NDArray[np.float64], fiches: Fiches, articles: Sequence[Judged], today: int
) -> list[Judged]:
    """Rank down the fiche sections that are older than the law they explain.

    A section is out of date when an article that it cites was changed after it, or, once it is two
    years old, when one of the best articles found was: that article then comes first.
    """
    since = {article.source: article.dated for article in articles}
    rivals = [article for article in articles[:_RIVALS] if article.relevance >= _RIVAL]
    judged = []
    for at, chance in enumerate(probabilities.tolist()):
        updated = int(fiches.updated[at])
        changed = any(since.get(cited, 0) > updated for cited in fiches.cited[at])
        old = today - updated > _DAYS_OLD and any(rival.dated > updated for rival in rivals)
        relevance = chance * _OUTDATED_SHARE if changed or old else chance
        if rivals and (changed or old):
            relevance = min(relevance, rivals[-1].relevance * _BELOW_RIVAL)
        judged.append(
            Judged(int(fiches.sections[at]), fiches.rows[at], relevance, updated, changed or old)
        )
    return judged


def _margins(order: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each score is above the best of the others, at most `_MOST_MARGIN`."""
    if len(order) < 2:
        return np.full(len(order), _MOST_MARGIN)
    second, best = np.sort(order)[-2:]
    margins = order - np.where(order == best, second, best)
    return np.asarray(np.clip(margins, -_MOST_MARGIN, _MOST_MARGIN))


def _support(cited: Iterable[int], chance_of: Mapping[int, float]) -> float:
    known = list(cited)
    return sum(chance_of.get(article, 0.0) for article in known) if known else _UNKNOWN_SUPPORT


def _probability(columns: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-(columns @ weights[:-1] + weights[-1]))))


def _row(weights: Mapping[str, float], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the weights in the order of the columns, the bias last."""
    return np.array([weights.get(name, 0.0) for name in (*names, "bias")])
