"""How likely a token was, from one row of logits."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import TokenLogprob


def odds_of(
    row: npt.NDArray[np.float32], token: int, others: int, text_of: Callable[[int], str]
) -> TokenLogprob:
    """Return the log-probability of `token`, and those of the `others` likeliest, best first."""
    peak = float(row.max())
    whole = peak + math.log(float(np.exp(row - peak).sum()))
    likeliest: Sequence[int] = ()
    if others:
        best = np.argpartition(row, -others)[-others:]
        likeliest = best[np.argsort(-row[best], kind="stable")].tolist()
    top = tuple((text_of(other), float(row[other]) - whole) for other in likeliest)
    return TokenLogprob(text_of(token), float(row[token]) - whole, top)
