"""Learns the weights that ship with the search: `python -m tests.bench.fitting`.

Writes ai_core/law/data/ranking.toml and scope.toml from our own questions alone. Each
question is scored by indexes and an embedding that never saw it (four folds), so the weights are
those that help with new questions. Needs an imported corpus; takes a few minutes.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ai_core.law.search import indexing, scope
from ai_core.law.search.hybrid import HybridSearch
from ai_core.law.search.ranking import SIGNALS
from ai_core.law.search.scope import Evidence
from ai_core.law.search.stems import fold
from ai_core.law.search.tokens import TokenizedCorpus, read_table
from ai_core.law.versions import CorpusVersions

DATA = Path(indexing.__file__).parents[1] / "data"
FOLDS = 4
CANDIDATES = 250
REGULARISATION = 0.01
FALSE_REFUSALS = 0.10
"""Share of our own labour questions, many of them bare words, that may be refused."""

Floats = NDArray[np.float64]
Question = tuple[list[str], tuple[int, ...]]


@dataclass(frozen=True)
class Judged:
    """The candidates of one question: signals × candidates, and which of them answer it."""

    signals: Floats
    answers: Floats


def main() -> None:
    """Fit and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    versions = CorpusVersions(parser.parse_args().data_dir)
    tokens = indexing.read_tokens(versions.folder(versions.current() or ""))
    scopes = fit_scope(tokens)
    (DATA / "scope.toml").write_text(_heading(DATA / "scope.toml") + _table(scopes))
    ranking = DATA / "ranking.toml"
    fitted = fit_ranking(tokens)
    kept = ranking.read_text()
    tables = "".join(f"[{name}]\n{_table(weights)}\n" for name, weights in fitted.items())
    ranking.write_text(_heading(ranking) + "\n" + tables + kept[kept.index("[headings]") :])


def fit_ranking(tokens: TokenizedCorpus) -> dict[str, dict[str, float]]:
    """Return the weights for people's questions, with and without the embedding."""
    full: list[Judged] = []
    lexical: list[Judged] = []
    rng = np.random.default_rng(0)
    folds = rng.integers(0, FOLDS, len(tokens.questions))
    for held in range(FOLDS):
        with tempfile.TemporaryDirectory() as folder:
            seen = [q for q, f in zip(tokens.questions, folds, strict=True) if f != held]
            unseen = [q for q, f in zip(tokens.questions, folds, strict=True) if f == held]
            part = without(tokens, seen)
            indexing.write_lexical(part, Path(folder))
            lexical += _judged(HybridSearch(Path(folder)), unseen)
            indexing.write_semantic(part, Path(folder))
            full += _judged(HybridSearch(Path(folder)), unseen)
    return {"question": fit(full), "question_lexical": fit(lexical)}


def without(tokens: TokenizedCorpus, questions: list[Question]) -> TokenizedCorpus:
    """Return the same tokens with these everyday questions only."""
    part = TokenizedCorpus(tokens.articles, tokens.fiches, tokens.first_pieces)
    part.__dict__.update(tokens.__dict__ | {"questions": questions})
    return part


def _judged(hybrid: HybridSearch, questions: Sequence[Question]) -> list[Judged]:
    found = []
    for stems, cited in questions:
        signals = hybrid.signals(stems).astype(np.float64)
        rough = signals[:-1].sum(axis=0)
        candidates = np.argsort(-rough, kind="stable")[:CANDIDATES]
        answers = np.isin(candidates, cited).astype(np.float64)
        if answers.any():
            found.append(Judged(signals[:, candidates], answers / answers.sum()))
    return found


def fit(judged: Sequence[Judged]) -> dict[str, float]:
    """Maximise the likelihood of the answers under a softmax over each question's candidates."""
    signals = np.concatenate([one.signals for one in judged], axis=1)
    spread = signals.std(axis=1)
    used = spread > 0
    scaled = signals[used] / spread[used, None]
    answers = np.concatenate([one.answers for one in judged])
    starts = np.cumsum([0] + [len(one.answers) for one in judged])[:-1]
    owner = np.repeat(np.arange(len(judged)), [len(one.answers) for one in judged])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = weights @ scaled
        scores = scores - np.maximum.reduceat(scores, starts)[owner]
        powers = np.exp(scores)
        totals = np.add.reduceat(powers, starts)
        chance = powers / totals[owner]
        likelihood = (answers * (scores - np.log(totals)[owner])).sum() / len(judged)
        slope = scaled @ (chance - answers) / len(judged)
        penalty = REGULARISATION * (weights**2).sum()
        return float(penalty - likelihood), slope + 2 * REGULARISATION * weights

    found = minimize(loss, np.zeros(int(used.sum())), jac=True, method="L-BFGS-B").x
    weights = np.zeros(len(SIGNALS))
    weights[used] = found / spread[used]
    learned = zip(SIGNALS, weights.tolist(), strict=True)
    return {name: weight for name, weight in learned if weight}


def fit_scope(tokens: TokenizedCorpus) -> dict[str, float]:
    """Return the classifier's coefficients and threshold."""
    labour = scope.labour_questions(tokens.stemmer)
    other = scope.other_questions(tokens.stemmer)
    rng = np.random.default_rng(0)
    folds = rng.integers(0, 2 * FOLDS, len(labour) + len(other))
    questions = [*labour, *other]
    rows, inside = np.zeros((len(questions), 4)), np.arange(len(questions)) < len(labour)
    for part in range(2 * FOLDS):
        seen = np.flatnonzero(folds != part)
        evidence = Evidence.gather(
            tokens,
            [questions[i] for i in seen if i < len(labour)],
            [questions[i] for i in seen if i >= len(labour)],
        )
        for i in np.flatnonzero(folds == part):
            rows[i] = evidence.summary(questions[i] or ["?"])
    weights = _logistic(rows, inside.astype(float))
    scores = np.column_stack([rows, np.ones(len(rows))]) @ weights
    texts = [text for text, _ in read_table("everyday_questions.tsv")]
    marked = [bool(scope.workplace().search(fold(text))) for text in texts]
    ours = np.where(marked, scores.max(), scores[: len(labour)])
    threshold = float(np.quantile(ours, FALSE_REFUSALS))
    names = ("total", "mean", "strongest", "rarest", "bias")
    return dict(zip(names, weights.tolist(), strict=True)) | {"threshold": threshold}


def _logistic(rows: Floats, inside: Floats) -> Floats:
    """Fit a logistic regression in which both classes weigh the same; the bias comes last."""
    middle, spread = rows.mean(axis=0), rows.std(axis=0)
    scaled = np.column_stack([(rows - middle) / spread, np.ones(len(rows))])
    share = np.where(inside == 1, 0.5 / inside.sum(), 0.5 / (1 - inside).sum())
    ridge = np.array([REGULARISATION] * rows.shape[1] + [0.0])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = scaled @ weights
        value = (share * (np.logaddexp(0, scores) - inside * scores)).sum()
        slope = scaled.T @ (share * (1 / (1 + np.exp(-scores)) - inside))
        return float(value + (ridge * weights**2).sum()), slope + 2 * ridge * weights

    found = minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B").x
    plain = found[:-1] / spread
    return np.append(plain, found[-1] - (plain * middle).sum())


def _heading(path: Path) -> str:
    return "".join(line for line in path.open() if line.startswith("#"))


def _table(values: dict[str, float]) -> str:
    return "".join(f"{name} = {value:.4f}\n" for name, value in values.items())


if __name__ == "__main__":
    main()
