"""Classifies a question as labour law, neighbouring law or out of scope, by its words.

Search scores cannot decide that (a question about passports finds articles too). Each stem has
log-odds from how often it occurs in questions and titles of labour law and in questions of other
kinds (`data/other_questions.tsv`); an unknown stem counts against. Four features of these log-odds
go into a logistic classifier with the coefficients in `data/scope.toml`. Questions of neighbouring
law share our vocabulary: they are recognised by the terms in `data/neighbours.toml`. A word of the
workplace (`data/workplace.toml`) decides short complaints ("mon patron me crie dessus"), which have
no other evidence.

With the encoder's vectors of our questions (`encoder`), how much nearer the nearest labour
questions are than others is a fifth feature, and the only one for a question in another language.
A question whose score is little below the threshold is left to an entry that it surely matches:
short ones without a word of labour law ("portable interdit à l'atelier") have no other evidence.

Not covered: other languages without the encoder, and questions that mix a labour question with
another.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.law.records import QuestionScope
from ai_core.law.search.encoder import QuestionVectors
from ai_core.law.search.stems import FrenchStemmer, fold
from ai_core.law.search.tokens import TokenizedCorpus, read_table

_SMOOTHING = 0.3
_TITLE_WEIGHT, _MOST_TITLES = 0.02, 20
_MOST_RARITY = 9.0
OUTSIDE = "outside"
FEATURES = ("total", "mean", "strongest", "rarest", "leaning")
"""Of the words' log-odds (`Evidence.summary`), and of the encoder (`QuestionVectors.leaning`)."""

_PLAINLY_LABOUR = 4.0
"""From this score on, a term of neighbouring law is a detail ("faux indépendant")."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Log-odds of each stem: above zero for labour law, below for anything else."""

    weights: dict[str, float]
    rarity: dict[str, float]
    unknown: float

    @classmethod
    def gather(
        cls,
        tokens: TokenizedCorpus,
        labour: Iterable[Sequence[str]],
        other: Iterable[Sequence[str]],
    ) -> "Evidence":
        """Estimate from labour questions and others; titles of the corpus have a small weight."""
        for_, count_for = _documents([*labour, *_fiche_titles(tokens)])
        against, count_against = _documents(other)
        titles, _ = _documents(
            [section for _, section in tokens.fiche_titles]
            + [list(t) for t in {tuple(t) for titles in tokens.titles for t in titles}]
        )
        texts, count = _documents(tokens.texts)
        stems = for_.keys() | against.keys() | titles.keys() | texts.keys()
        return cls(
            weights={
                stem: float(
                    np.log(
                        for_[stem] + _SMOOTHING + _TITLE_WEIGHT * min(titles[stem], _MOST_TITLES)
                    )
                    - np.log(against[stem] + _SMOOTHING)
                    + np.log(count_against / count_for)
                )
                for stem in stems
            },
            rarity={
                stem: min(_MOST_RARITY, float(np.log((count + 1) / (texts[stem] + 0.5))))
                for stem in stems
            },
            unknown=float(np.log(count_against / count_for)),
        )

    @classmethod
    def open(cls, path: Path) -> "Evidence":
        """Open a file that `save` wrote."""
        with np.load(path) as saved:
            stems = saved["stems"].tolist()
            return cls(
                dict(zip(stems, saved["weights"].tolist(), strict=True)),
                dict(zip(stems, saved["rarity"].tolist(), strict=True)),
                float(saved["unknown"]),
            )

    def save(self, path: Path) -> None:
        """Write it to a .npz file."""
        stems = sorted(self.weights)
        np.savez(
            path,
            stems=np.array(stems),
            weights=np.array([self.weights[stem] for stem in stems], np.float32),
            rarity=np.array([self.rarity[stem] for stem in stems], np.float32),
            unknown=np.float32(self.unknown),
        )

    def summary(self, stems: Sequence[str]) -> NDArray[np.float64]:
        """Return total, mean, strongest, and mean by rarity, of a question's distinct stems."""
        distinct = list(dict.fromkeys(stems))
        weights = np.array([self.weights.get(stem, self.unknown) for stem in distinct])
        rarity = np.array([self.rarity.get(stem, _MOST_RARITY) for stem in distinct])
        return np.array(
            [weights.sum(), weights.mean(), weights.max(), (weights * rarity).sum() / rarity.sum()]
        )


class ScopeClassifier:
    """Classifies the scope of questions."""

    def __init__(
        self, evidence: Evidence, stemmer: FrenchStemmer, vectors: QuestionVectors | None = None
    ) -> None:
        self._evidence, self._stemmer, self._vectors = evidence, stemmer, vectors
        data = files("ai_core.law") / "data"
        self._small_talk = frozenset(stemmer((data / "small_talk.txt").read_text("utf-8")))
        fitted = tomllib.loads((data / "scope.toml").read_text("utf-8"))
        self._fitted = fitted["encoder" if vectors else "words"]
        self._weights = np.array([self._fitted.get(name, 0.0) for name in FEATURES])
        self._neighbours = _marks("neighbours.toml")
        self._workplace = workplace()

    def of(self, question: str, *, foreign: bool = False) -> tuple[QuestionScope, str | None]:
        """Return the scope of a question, and which neighbouring law it is about if any.

        With the encoder, a `foreign` one is judged by its meaning alone.
        """
        if foreign and self._vectors:
            inside = self._vectors.leaning(question) >= self._fitted["foreign_threshold"]
            return (QuestionScope.LABOUR_LAW if inside else QuestionScope.OUTSIDE), None
        plain = fold(question)
        stems = self._telling(question)
        marked = bool(self._workplace.search(plain))
        known = marked or any(stem in self._evidence.weights for stem in stems)
        if not known and len(stems) < 3:
            return QuestionScope.UNCLEAR, None
        score = self.score(stems, question)
        if score < _PLAINLY_LABOUR:
            for name, marks in self._neighbours.items():
                if marks.search(plain):
                    return QuestionScope.NEIGHBOUR, name
        inside = marked or score >= self._fitted["threshold"]
        return (QuestionScope.LABOUR_LAW if inside else QuestionScope.OUTSIDE), None

    def borderline(self, question: str, *, foreign: bool = False) -> bool:
        """Whether a question outside labour law is so by little; never without the encoder."""
        if self._vectors is None:
            return False
        if foreign:
            return self._vectors.leaning(question) >= float(self._fitted["foreign_borderline"])
        score = self.score(self._telling(question), question)
        return score >= float(self._fitted["borderline"])

    def _telling(self, question: str) -> list[str]:
        """Return the stems of a question without those of small talk."""
        return [stem for stem in self._stemmer(question) if stem not in self._small_talk]

    def without_small_talk(self, question: str) -> str:
        """Return a question without greetings, thanks and requests for help."""
        words = question.split()
        return " ".join(word for word in words if self._small_talk.isdisjoint(self._stemmer(word)))

    def score(self, stems: Sequence[str], question: str) -> float:
        """Return the classifier's score: the higher, the more it is labour law."""
        leaning = self._vectors.leaning(question) if self._vectors else 0.0
        features = [*self._evidence.summary(stems or ["?"]), leaning]
        return float(self._weights @ np.array(features) + self._fitted["bias"])


def workplace() -> re.Pattern[str]:
    """Return the pattern of the workplace's words, for a folded question."""
    return _marks("workplace.toml")["marks"]


def labour_questions(stemmer: FrenchStemmer) -> list[list[str]]:
    """Return our everyday questions in stems."""
    return [stemmer(question) for question, _ in read_table("everyday_questions.tsv")]


def other_questions(stemmer: FrenchStemmer) -> list[list[str]]:
    """Return our out-of-scope questions in stems, those of neighbouring law left out."""
    return [stemmer(text) for kind, text in read_table("other_questions.tsv") if kind == OUTSIDE]


def _marks(name: str) -> dict[str, re.Pattern[str]]:
    """Read lists of terms; each pattern matches any term of one list."""
    table = (files("ai_core.law") / "data" / name).read_text("utf-8")
    return {
        key: re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, marks)) + r")(?!\w)")
        for key, marks in tomllib.loads(table).items()
    }


def _fiche_titles(tokens: TokenizedCorpus) -> list[list[str]]:
    return [list(title) for title in sorted({tuple(fiche) for fiche, _ in tokens.fiche_titles})]


def _documents(texts: Iterable[Sequence[str]]) -> tuple[Counter[str], int]:
    """Count in how many texts each stem occurs, and the texts."""
    found: Counter[str] = Counter()
    count = 0
    for stems in texts:
        found.update(set(stems))
        count += 1
    return found, count
