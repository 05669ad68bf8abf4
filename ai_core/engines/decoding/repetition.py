"""Finds out that an answer repeats itself and will not end.

A model that has fallen into a loop writes the same tokens again and again until its limit
(Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 4.2). A loop here is
an exact period of the latest tokens: numbered lists and tables of a law repeat words, never whole
rows token by token.
"""

import numpy as np

MAX_PERIOD_TOKENS = 256
MIN_REPEATED_TOKENS = 160
"""How many tokens in a row are those one period before; and at least `MIN_COPIES` periods."""
MIN_COPIES = 3
"""Of the repeated part after it was first written, so that it stands there four times."""


class RepetitionDetector:
    """Takes the tokens of one answer as they are generated.

    For every period it counts how many of the latest tokens in a row equal the one a period before;
    constant work per token.
    """

    def __init__(self) -> None:
        periods = np.arange(1, MAX_PERIOD_TOKENS + 1)
        self._needed = np.maximum(MIN_REPEATED_TOKENS, MIN_COPIES * periods)
        self._matches = np.zeros(MAX_PERIOD_TOKENS, dtype=np.int64)
        self._latest = np.full(MAX_PERIOD_TOKENS, -1, dtype=np.int64)  # newest first, twice
        self._latest = np.concatenate((self._latest, self._latest))
        self._newest = 0

    def add(self, token: int) -> bool:
        """Take the next token; returns whether the answer repeats itself."""
        window = self._latest[self._newest : self._newest + MAX_PERIOD_TOKENS]
        same = window == token
        self._matches += 1
        self._matches *= same
        self._newest = (self._newest - 1) % MAX_PERIOD_TOKENS
        self._latest[self._newest] = self._latest[self._newest + MAX_PERIOD_TOKENS] = token
        return bool((self._matches >= self._needed).any())
