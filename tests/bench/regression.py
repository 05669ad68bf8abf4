"""Fits linear models: a softmax over candidates, a logistic regression. For `fitting`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Judged:
    """The candidates of one question: signals × candidates, and which of them answer it."""

    signals: Floats
    answers: Floats


def softmax(judged: Sequence[Judged], ridge: float) -> Floats:
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
        penalty = ridge * (weights**2).sum()
        return float(penalty - likelihood), slope + 2 * ridge * weights

    found = minimize(loss, np.zeros(int(used.sum())), jac=True, method="L-BFGS-B").x
    weights = np.zeros(len(signals))
    weights[used] = found / spread[used]
    return weights


def logistic(rows: Floats, inside: Floats, share: Floats, regularisation: float) -> Floats:
    """Fit a logistic regression with a weight for each row; the bias comes last."""
    middle, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    scaled = np.column_stack([(rows - middle) / spread, np.ones(len(rows))])
    ridge = np.array([regularisation] * rows.shape[1] + [0.0])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = scaled @ weights
        value = (share * (np.logaddexp(0, scores) - inside * scores)).sum()
        slope = scaled.T @ (share * (1 / (1 + np.exp(-scores)) - inside))
        return float(value + (ridge * weights**2).sum()), slope + 2 * ridge * weights

    found = minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B").x
    plain = found[:-1] / spread
    return np.append(plain, found[-1] - (plain * middle).sum())
