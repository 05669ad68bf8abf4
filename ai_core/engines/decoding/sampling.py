"""Which token comes next, from a row of logits in numpy: for SafeTensors and ONNX models.

Greedy is the largest logit. Otherwise, as llama.cpp orders it, so that the same request means the
same in every format: top_k, top_p (Holtzman et al. 2020), min_p, temperature, draw. Without a top_k
the 100 likeliest tokens are kept: sorting a whole vocabulary takes milliseconds a token. The
repetition penalty (Keskar et al. 2019, CTRL, 4.1) looks at the prompt and all that was written.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import Sampling, TokenLogprob
from ai_core.engines.decoding.logprobs import odds_of
from ai_core.errors import EngineFailed

TOP_K = 100

Row = npt.NDArray[np.float32]


class Chooser:
    """Chooses the tokens of one job; `text_of` spells a token for the logarithms asked for."""

    def __init__(
        self, sampling: Sampling, prompt: Sequence[int], text_of: Callable[[int], str]
    ) -> None:
        self._sampling = sampling
        self._text_of = text_of
        self._seen = set(prompt) if sampling.repetition_penalty != 1.0 else set()
        self._dice = np.random.default_rng(sampling.seed) if sampling.temperature > 0 else None

    def next(self, row: Row) -> tuple[int, tuple[TokenLogprob, ...]]:
        """Choose from the logits `row`, [vocabulary]; returns the token and its odds if asked.

        Raises EngineFailed when the logits are not numbers.
        """
        penalty = self._sampling.repetition_penalty
        plain = row
        if penalty != 1.0:
            seen = np.fromiter(self._seen, dtype=np.int64)
            row = row.copy()
            row[seen] = np.where(row[seen] > 0, row[seen] / penalty, row[seen] * penalty)
        if not math.isfinite(row.max()):
            raise EngineFailed("the model computed something that is not a number")
        token = int(row.argmax()) if self._dice is None else self._draw(row, self._dice)
        if penalty != 1.0:
            self._seen.add(token)
        if self._sampling.top_logprobs is None:
            return token, ()
        return token, (odds_of(plain, token, self._sampling.top_logprobs, self._text_of),)

    def _draw(self, row: Row, dice: np.random.Generator) -> int:
        count = min(len(row), self._sampling.top_k or TOP_K)
        best = np.argpartition(row, -count)[-count:]
        best = best[np.argsort(-row[best], kind="stable")]
        chances = _softmax(row[best])
        # The shortest head whose chances reach top_p, and nothing below min_p of the likeliest.
        kept = int(np.searchsorted(np.cumsum(chances), self._sampling.top_p)) + 1
        kept = min(kept, int((chances >= self._sampling.min_p * chances[0]).sum()))
        best = best[: max(1, kept)]
        return int(dice.choice(best, p=_softmax(row[best] / self._sampling.temperature)))


def _softmax(logits: Row) -> npt.NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    chances: npt.NDArray[np.float64] = powers / powers.sum()
    return chances
