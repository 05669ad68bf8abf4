"""What a request adds to the logits of its answer, for models of every format.

The repetition penalty (Keskar et al. 2019, CTRL, 4.1) covers the prompt and the answer; the
presence and the frequency penalty cover the answer, and the bias is added to the tokens it names,
as https://platform.openai.com/docs/api-reference/chat/create describes them.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import Sampling
from ai_core.errors import Unsupported

Logits = npt.NDArray[np.float32]


class LogitAdjustment:
    """Adjusts the logits of one job, whose prompt is given; `active` where there is any."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._repetition = sampling.repetition_penalty
        self._presence = sampling.presence_penalty
        self._frequency = sampling.frequency_penalty
        self._bias_tokens = np.array([token for token, _ in sampling.logit_bias], dtype=np.int64)
        self._bias = np.array([bias for _, bias in sampling.logit_bias], dtype=np.float32)
        self._seen = set(prompt) if self._repetition != 1.0 else set()
        self._written: Counter[int] = Counter()
        self._counts = bool(self._presence or self._frequency)
        self.active = self._counts or self._repetition != 1.0 or bool(sampling.logit_bias)

    def apply(self, logits: Logits) -> None:
        """Change logits of shape [vocabulary] in place."""
        if self._seen:
            seen = np.fromiter(self._seen, dtype=np.int64)
            held = logits[seen]
            logits[seen] = np.where(held > 0, held / self._repetition, held * self._repetition)
        if self._written:
            tokens = np.fromiter(self._written, dtype=np.int64)
            counts = np.fromiter(self._written.values(), dtype=np.float32)
            logits[tokens] -= self._presence + self._frequency * counts
        if len(self._bias):
            logits[self._bias_tokens] += self._bias

    def add(self, token: int) -> None:
        """Take the token that was sampled."""
        if self._repetition != 1.0:
            self._seen.add(token)
        if self._counts:
            self._written[token] += 1


def require_known_tokens(sampling: Sampling, vocabulary: int) -> None:
    """Raise Unsupported, with the field, for a bias of a token that the model does not have."""
    unknown = next((token for token, _ in sampling.logit_bias if token >= vocabulary), None)
    if unknown is not None:
        raise Unsupported(
            f"the vocabulary ends at {vocabulary - 1}", feature=f"logit_bias.{unknown}"
        )


def require_tokens(tokens: Sequence[int], vocabulary: int) -> None:
    """Raise Unsupported, with the place, for a token that the model does not have."""
    for at, token in enumerate(tokens):
        if not 0 <= token < vocabulary:
            raise Unsupported(f"the vocabulary ends at {vocabulary - 1}", feature=f"tokens.{at}")
