"""Log-probabilities of tokens, from the logits of one position."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import TokenLogprob


def token_logprob(
    logits: npt.NDArray[np.float32], token: int, top: int, bytes_of: Callable[[int], bytes]
) -> TokenLogprob:
    """Return the log-probability of `token` and those of the `top` likeliest, best first."""
    peak = float(logits.max())
    log_sum = peak + math.log(float(np.exp(logits - peak).sum()))
    likeliest: Sequence[int] = ()
    if top:
        best = np.argpartition(logits, -top)[-top:]
        likeliest = best[np.argsort(-logits[best], kind="stable")].tolist()
    alternatives = tuple((bytes_of(other), float(logits[other]) - log_sum) for other in likeliest)
    return TokenLogprob(bytes_of(token), float(logits[token]) - log_sum, alternatives)
