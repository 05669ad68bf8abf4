"""Which token comes next.

Greedy is the largest logit. Otherwise llama.cpp's samplers, in its order: top_k, top_p, min_p,
temperature, draw. Without a top_k, the 100 likeliest tokens are kept: sorting a whole vocabulary
takes milliseconds a token. The repetition penalty (Keskar et al. 2019, CTRL, 4.1) looks at the
prompt and all that was written.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as lib

from ai_core.engines.base import Sampling, TokenLogprob
from ai_core.engines.decoding.logprobs import odds_of
from ai_core.engines.gguf.context import Logits
from ai_core.engines.gguf.grammar import grammar_of
from ai_core.engines.gguf.model import Vocabulary, why_refused
from ai_core.errors import EngineFailed, Unsupported

TOP_K = 100
_RANDOM_SEED = 0xFFFFFFFF  # llama.cpp takes this one for "draw a seed"
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Choice:
    """Chooses the tokens of one job; holds llama.cpp samplers until `close`."""

    def __init__(self, vocabulary: Vocabulary, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._vocabulary = vocabulary
        self._sampling = sampling
        self._penalty = sampling.repetition_penalty
        self._seen = set(prompt) if self._penalty != 1.0 else set()
        self._grammar: Any = _grammar(vocabulary, sampling.json_schema)
        self._chain: Any = _chain(sampling) if sampling.temperature > 0 else None

    def next(self, row: Logits) -> tuple[int, tuple[TokenLogprob, ...]]:
        """Choose from a row of logits, which it may change; returns the token and its odds."""
        plain = row if self._sampling.top_logprobs is None else row.copy()
        if self._seen:
            seen = np.fromiter(self._seen, dtype=np.int64)
            held = row[seen]
            row[seen] = np.where(held > 0, held / self._penalty, held * self._penalty)
        token = self._choose(row)
        if self._grammar:
            lib.llama_sampler_accept(self._grammar, token)
        if self._penalty != 1.0:
            self._seen.add(token)
        if self._sampling.top_logprobs is None:
            return token, ()
        return token, (odds_of(plain, token, self._sampling.top_logprobs, self._text),)

    def _choose(self, row: Logits) -> int:
        token = self._pick(_candidates(row)) if self._chain else int(row.argmax())
        if not self._grammar or self._allowed(token, float(row[token])):
            return token
        candidates = _candidates(row)
        self._apply(self._grammar, candidates)
        if not np.isfinite(candidates["logit"]).any():
            raise EngineFailed("no token of this model can follow the JSON schema here")
        if self._chain:
            return self._pick(candidates)
        return int(candidates["id"][candidates["logit"].argmax()])

    def _allowed(self, token: int, logit: float) -> bool:
        one = np.array([(token, logit, 0.0)], dtype=_CANDIDATE)
        self._apply(self._grammar, one)
        return bool(np.isfinite(one["logit"][0]))

    def _pick(self, candidates: npt.NDArray[np.void]) -> int:
        chosen = self._apply(self._chain, candidates)
        return int(candidates["id"][chosen])

    def _apply(self, sampler: Any, candidates: npt.NDArray[np.void]) -> int:
        array = lib.llama_token_data_array(
            candidates.ctypes.data_as(lib.llama_token_data_p), len(candidates), -1, False
        )
        lib.llama_sampler_apply(sampler, ctypes.byref(array))
        return int(array.selected)

    def _text(self, token: int) -> str:
        return self._vocabulary.piece(token).decode("utf-8", "replace")

    def close(self) -> None:
        """Free the samplers."""
        for sampler in filter(None, (self._chain, self._grammar)):
            lib.llama_sampler_free(sampler)
        self._chain = self._grammar = None


def _candidates(row: Logits) -> npt.NDArray[np.void]:
    candidates = np.empty(len(row), dtype=_CANDIDATE)
    candidates["id"] = np.arange(len(row), dtype=np.int32)
    candidates["logit"] = row
    candidates["p"] = 0
    return candidates


def _grammar(vocabulary: Vocabulary, schema: str | None) -> Any:
    if schema is None:
        return None
    words = grammar_of(schema)
    why_refused()
    grammar = lib.llama_sampler_init_grammar(vocabulary.handle, words.encode(), b"root")
    if not grammar:
        raise Unsupported(f"the JSON schema cannot be followed: {why_refused()}")
    return grammar


def _chain(sampling: Sampling) -> Any:
    chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_k(sampling.top_k or TOP_K))
    if sampling.top_p < 1:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_min_p(sampling.min_p, 1))
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_temp(sampling.temperature))
    seed = sampling.seed % _RANDOM_SEED
    lib.llama_sampler_chain_add(chain, lib.llama_sampler_init_dist(seed))
    return chain
