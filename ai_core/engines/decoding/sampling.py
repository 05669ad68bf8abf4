"""Token sampling in numpy, for SafeTensors and ONNX models.

Greedy decoding takes the largest logit. Otherwise the order is llama.cpp's, so that a request means
the same in every format: top_k, top_p (Holtzman et al. 2020), min_p, temperature, draw. Without a
top_k the 100 likeliest tokens are kept: sorting a whole vocabulary takes milliseconds per token.
Penalties and biases come first (`LogitAdjustment`).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import Sampling, TokenLogprob
from ai_core.engines.decoding.logit_adjustment import LogitAdjustment
from ai_core.engines.decoding.logprobs import token_logprob
from ai_core.engines.runner import TokenGrammar
from ai_core.errors import EngineFailed

TOP_K = 100

Logits = npt.NDArray[np.float32]


class Sampler:
    """Samples the tokens of one job; `bytes_of` returns a token's bytes."""

    def __init__(
        self,
        sampling: Sampling,
        prompt: Sequence[int],
        bytes_of: Callable[[int], bytes],
        grammar: TokenGrammar | None = None,
    ) -> None:
        self._sampling = sampling
        self._bytes_of = bytes_of
        self._grammar = grammar
        self._adjustment = LogitAdjustment(sampling, prompt)
        self._random = np.random.default_rng(sampling.seed) if sampling.temperature > 0 else None

    def sample(self, logits: Logits) -> tuple[int, tuple[TokenLogprob, ...]]:
        """Sample from logits of shape [vocabulary]; see `TokenSampler`.

        Raises EngineFailed when they are not finite.
        """
        unadjusted = logits
        if self._adjustment.active:
            logits = logits.copy()
            self._adjustment.apply(logits)
        if not math.isfinite(logits.max()):
            raise EngineFailed("the model computed something that is not a number")
        token = self._choose(logits)
        if self._grammar:
            self._grammar.accept(token)
        self._adjustment.add(token)
        top = self._sampling.top_logprobs
        if top is None:
            return token, ()
        return token, (token_logprob(unadjusted, token, top, self._bytes_of),)

    def _choose(self, logits: Logits) -> int:
        """Sample freely, and only when the grammar forbids the result among what it allows."""
        token = self._sampled(logits)
        if self._grammar is None or self._grammar.allows(token):
            return token
        return self._sampled(np.where(self._grammar.allowed_tokens(), logits, -np.inf))

    def _sampled(self, logits: Logits) -> int:
        return int(logits.argmax()) if self._random is None else self._draw(logits, self._random)

    def _draw(self, logits: Logits, random: np.random.Generator) -> int:
        count = min(len(logits), self._sampling.top_k or TOP_K)
        best = np.argpartition(logits, -count)[-count:]
        best = best[np.argsort(-logits[best], kind="stable")]
        probabilities = _softmax(logits[best])
        # The shortest head whose mass reaches top_p, and nothing below min_p of the likeliest.
        kept = int(np.searchsorted(np.cumsum(probabilities), self._sampling.top_p)) + 1
        kept = min(kept, int((probabilities >= self._sampling.min_p * probabilities[0]).sum()))
        best = best[: max(1, kept)]
        return int(random.choice(best, p=_softmax(logits[best] / self._sampling.temperature)))


def _softmax(logits: Logits) -> npt.NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    probabilities: npt.NDArray[np.float64] = powers / powers.sum()
    return probabilities
