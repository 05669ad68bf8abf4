"""Learns the weights that ship with the search: `python -m tests.bench.fitting`.

Writes ranking.toml, relevance.toml and scope.toml of ai_core/law/data, from our own questions
alone. Each question is scored by indexes and an embedding that never saw it (four folds), so the
weights are those that help with new questions. Needs an imported corpus; takes ten minutes.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ai_core.law.search import encoder, indexing, scope
from ai_core.law.search.hybrid import HybridSearch
from ai_core.law.search.ranking import SIGNALS
from ai_core.law.search.scope import Evidence
from ai_core.law.search.stems import fold
from ai_core.law.search.tokens import TokenizedCorpus, read_table
from ai_core.law.versions import CorpusVersions
from tests.bench.fitting_relevance import fit_relevance
from tests.bench.folds import FOLDS, Fold, Unseen, build_folds
from tests.bench.regression import Flags, Floats, Judged, Places, logistic, softmax

DATA = Path(indexing.__file__).parents[1] / "data"
CANDIDATES = 250
REGULARISATION = 0.01
FALSE_REFUSALS = 0.05
"""Share of our own labour questions, many of them bare words, that may be refused."""

BORDERLINE = {"borderline": -1.5, "foreign_borderline": -0.02}
"""Chosen on 37 refused questions of labour law and 43 others (`docs/log.md`), not fitted."""


def main() -> None:
    """Fit and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    parser.add_argument(
        "--folds", type=Path, help="a folder that keeps the indexes of the folds for the next run"
    )
    options = parser.parse_args()
    versions = CorpusVersions(options.data_dir)
    tokens = indexing.read_tokens(versions.folder(versions.current() or ""))
    (DATA / "scope.toml").write_text(_heading(DATA / "scope.toml") + fit_scope(tokens))
    with contextlib.ExitStack() as stack:
        folder = options.folds or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folds = list(build_folds(tokens, folder))
        ranking = DATA / "ranking.toml"
        fitted = fit_ranking(folds)
        kept = ranking.read_text()
        tables = "".join(f"[{name}]\n{_table(weights)}\n" for name, weights in fitted.items())
        ranking.write_text(_heading(ranking) + "\n" + tables + kept[kept.index("[headings]") :])
        relevance = DATA / "relevance.toml"
        relevance.write_text(_heading(relevance) + fit_relevance(folds))


def fit_ranking(folds: Sequence[Fold]) -> dict[str, dict[str, float]]:
    """Return the weights for people's questions, with and without the embedding."""
    fitted = {}
    for name, variant in (("question", "semantic"), ("question_lexical", "lexical")):
        judged = [one for fold in folds for one in _judged(fold.opened(variant), fold.unseen)]
        fitted[name] = fit(judged)
    return fitted


def _judged(hybrid: HybridSearch, questions: Sequence[Unseen]) -> list[Judged]:
    found = []
    for _, stems, cited in questions:
        signals = hybrid.signals(stems).astype(np.float64)
        rough = signals[:-1].sum(axis=0)
        candidates = np.argsort(-rough, kind="stable")[:CANDIDATES]
        answers = np.isin(candidates, cited).astype(np.float64)
        if answers.any():
            found.append(Judged(signals[:, candidates], answers / answers.sum()))
    return found


def fit(judged: Sequence[Judged]) -> dict[str, float]:
    """Return the signals' weights, by name."""
    weights = softmax(judged, REGULARISATION)
    learned = zip(SIGNALS, weights.tolist(), strict=True)
    return {name: weight for name, weight in learned if weight}


def fit_scope(tokens: TokenizedCorpus) -> str:
    """Return the classifier's tables: coefficients and threshold, with the encoder and without."""
    labour = [text for text, _ in read_table("everyday_questions.tsv")]
    other = [text for kind, text in read_table("other_questions.tsv") if kind == scope.OUTSIDE]
    texts = [*labour, *other]
    inside = np.arange(len(texts)) < len(labour)
    folds = np.random.default_rng(0).integers(0, 2 * FOLDS, len(texts))
    rows = np.column_stack(
        [_word_features(tokens, texts, inside, folds), _leanings(texts, inside, folds)]
    )
    marked = np.array([bool(scope.workplace().search(fold(text))) for text in texts])
    words = _scope_table(rows[:, :-1], inside, marked)
    foreign = float(np.quantile(rows[inside, -1], FALSE_REFUSALS))
    print(f"scope by meaning alone: refused of others {(rows[~inside, -1] < foreign).mean():.3f}")
    limits = {"foreign_threshold": foreign, **BORDERLINE}
    both = f"{_scope_table(rows, inside, marked)}{_table(limits)}"
    return f"\n[words]\n{words}\n[encoder]\n{both}"


def _word_features(
    tokens: TokenizedCorpus, texts: Sequence[str], inside: Flags, folds: Places
) -> Floats:
    stems = [tokens.stemmer(text) for text in texts]
    rows = np.zeros((len(texts), len(scope.FEATURES) - 1))
    for part in range(2 * FOLDS):
        seen = np.flatnonzero(folds != part)
        evidence = Evidence.gather(
            tokens,
            [stems[at] for at in seen if inside[at]],
            [stems[at] for at in seen if not inside[at]],
        )
        for at in np.flatnonzero(folds == part):
            rows[at] = evidence.summary(stems[at] or ["?"])
    return rows


def _leanings(texts: Sequence[str], inside: Flags, folds: Places) -> Floats:
    vectors = encoder.encoder().encode(list(texts))
    found = np.zeros(len(texts))
    for part in range(2 * FOLDS):
        labour, other = vectors[inside & (folds != part)], vectors[~inside & (folds != part)]
        for at in np.flatnonzero(folds == part):
            found[at] = encoder.leaning(labour @ vectors[at], other @ vectors[at])
    return found


def _scope_table(rows: Floats, inside: Flags, marked: Flags) -> str:
    """Fit the coefficients; the threshold refuses `FALSE_REFUSALS` of our own questions."""
    share = np.where(inside, 0.5 / inside.sum(), 0.5 / (~inside).sum())
    weights = logistic(rows, inside.astype(float), share, REGULARISATION)
    scores = np.column_stack([rows, np.ones(len(rows))]) @ weights
    ours = np.where(marked, scores.max(), scores)[inside]
    threshold = float(np.quantile(ours, FALSE_REFUSALS))
    refused = (scores < threshold) & ~marked
    print(f"scope: refused of other questions {refused[~inside].mean():.3f}", end=", ")
    print(f"of ours {refused[inside].mean():.3f}")
    names = (*scope.FEATURES[: rows.shape[1]], "bias")
    return _table(dict(zip(names, weights.tolist(), strict=True)) | {"threshold": threshold})


def _heading(path: Path) -> str:
    return "".join(line for line in path.open() if line.startswith("#"))


def _table(values: dict[str, float]) -> str:
    return "".join(f"{name} = {value:.4f}\n" for name, value in values.items())


if __name__ == "__main__":
    main()
