"""Does the extractive engine find the sentence that decides? Measured on questions of our own.

    python -m tests.bench.deciding [--corpus FOLDER] [--fit]

`deciding.tsv` has a question, the article that decides it and words of the deciding sentence, on
each line; the even lines are those the weights may be fitted on, the odd ones are kept aside. The
corpus is searched, and the article is put among the passages when the search missed it: measured is
the choice of the sentence, not the search. `--fit` prints weights fitted on the even lines by
gradient ascent on the likelihood of the deciding sentence (a softmax over all units).
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.deciding import WEIGHTS, Candidate, candidates
from ai_core.engines.extractive.units import read
from ai_core.engines.extractive.words import fold
from ai_core.law.corpus_index import CorpusIndex
from ai_core.law.records import Passage

FILE = Path(__file__).with_name("deciding.tsv")
PASSAGES = 16
_MISSED_SCORE = 0.5
_STEPS = 400
_RATE = 0.05
_PRIOR = 0.02
_HELD = frozenset(
    {"article", "agreement", "titled", "heading", "question", "header", "example"}
    | {"other_situation", "other_trade", "told_situation", "told_special", "told_public"}
    | {"special_not_told", "agreement_decides"}
)
"""Weights that are not fitted: the examples are decided by articles only, and tell no situation."""
_FIGURE = re.compile(
    r"\b(\d+|une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|dix-huit|vingt"
    r"|vingt-quatre|vingt-cinq|trente|quarante-huit)[ -](jours?|mois|ans?|semaines?|heures?|%)"
)
_DIGITS = {
    "un": "1", "une": "1", "deux": "2", "trois": "3", "quatre": "4", "cinq": "5", "six": "6",
    "sept": "7", "huit": "8", "neuf": "9", "dix": "10", "onze": "11", "douze": "12",
    "quinze": "15", "dix-huit": "18", "vingt": "20", "vingt-quatre": "24", "vingt-cinq": "25",
    "trente": "30", "quarante-huit": "48",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A question, and the units found for it: `right` decide, `alike` tell the same figure."""

    question: str
    found: Sequence[Candidate]
    right: frozenset[int]
    alike: frozenset[int]


def examples(index: CorpusIndex, day: date) -> list[Example]:
    """Search each question, and mark the units that decide it."""
    made = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        question, number, words = line.split("\t")
        found = index.search(question, limit=PASSAGES, kind=None, agreement=None, as_of=day)
        passages = _with_article(found.passages, index, number, day)
        wanted, figures = _flat(words), _figures(words)
        ranked = candidates(AskedQuestion.read(question), passages)
        right, alike = set(), set()
        for n, one in enumerate(ranked):
            passage = passages[one.passage]
            told = _flat(read(passage.text).words(one.unit))
            if passage.number == number and wanted in told:
                right.add(n)
            elif figures and figures <= _figures(told):
                alike.add(n)
        if not right:
            raise SystemExit(f"{number} does not say: {words}")
        made.append(Example(question, ranked, frozenset(right), frozenset(alike)))
    return made


def _with_article(
    passages: Sequence[Passage], index: CorpusIndex, number: str, day: date
) -> list[Passage]:
    if any(passage.number == number for passage in passages):
        held = [p for p in passages if p.number != number]
        score = max(p.score for p in passages if p.number == number)
    else:
        held, score = list(passages), _MISSED_SCORE
    (article,) = index.corpus.by_number(number, day)[:1]
    own = [p for p in index.corpus.passages() if p.id == article.id]
    return [*held, *(replace(passage, score=score) for passage in own)]


def _flat(text: str) -> str:
    return " ".join(text.replace("’", "'").split())


def _figures(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(
        (_DIGITS.get(match[1], match[1]), match[2].rstrip("s"))
        for match in _FIGURE.finditer(fold(text).replace("pour cent", "%"))
    )


def share_right(made: Sequence[Example], first: int) -> float:
    """Return how often one of the `first` best units decides, or tells the deciding figure."""
    hits = [any(n in one.right | one.alike for n in range(first)) for one in made]
    return sum(hits) / len(hits)


def fitted(made: Sequence[Example]) -> dict[str, float]:
    """Return weights that make the deciding units likely; each keeps the sign it has."""
    names = list(WEIGHTS)
    prior = np.array([WEIGHTS[name] for name in names])
    held = np.array([name in _HELD for name in names])
    weights = prior.copy()
    for _ in range(_STEPS):
        slope = -_PRIOR * (weights - prior)
        for one in made:
            kept = [n for n in range(len(one.found)) if n in one.right or n not in one.alike]
            values = np.array([[one.found[n].features[name] for name in names] for n in kept])
            right = np.array([n in one.right for n in kept])
            scores = values @ weights
            likely = np.exp(scores - scores.max())
            likely /= likely.sum()
            of_right = likely * right / (likely * right).sum()
            slope += (of_right - likely) @ values / len(made)
        weights += np.where(held, 0.0, _RATE * slope * len(names))
        weights = np.where(np.sign(weights) == np.sign(prior), weights, 0.0)
    return dict(zip(names, (round(float(weight), 2) for weight in weights), strict=True))


def main() -> None:
    """Measure, and fit when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path(".neo/ai_core/corpus"))
    parser.add_argument("--day", type=date.fromisoformat, default=date(2026, 11, 30))
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what was missed")
    chosen = parser.parse_args()
    version = (chosen.corpus / "current").read_text(encoding="utf-8").strip()
    made = examples(CorpusIndex(chosen.corpus / version), chosen.day)
    for name, half in (("fitted on", made[::2]), ("kept aside", made[1::2])):
        shares = ", ".join(f"{share_right(half, n):.2f}" for n in (1, 2, 3))
        print(f"{name:12} {len(half):3} questions, decided by the best 1, 2, 3 units: {shares}")
    if chosen.show:
        for one in (one for one in made if not {0} & (one.right | one.alike)):
            print(one.question, "| rank", min(one.right | one.alike))
    if chosen.fit:
        print(fitted(made[::2]))


if __name__ == "__main__":
    main()
