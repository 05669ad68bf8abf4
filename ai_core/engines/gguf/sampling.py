"""Token sampling by llama.cpp.

Greedy decoding takes the largest logit. Otherwise llama.cpp's samplers in its order: top_k, top_p,
min_p, temperature, draw. Without a top_k the 100 likeliest tokens are kept: sorting a whole
vocabulary takes milliseconds per token. Penalties and biases come first (`LogitAdjustment`).
"""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as lib

from ai_core.engines.base import Sampling, TokenLogprob
from ai_core.engines.decoding.logit_adjustment import LogitAdjustment
from ai_core.engines.decoding.logprobs import token_logprob
from ai_core.engines.gguf.context import Logits
from ai_core.engines.gguf.model import Vocabulary
from ai_core.engines.runner import GenerationJob

TOP_K = 100
_RANDOM_SEED = 0xFFFFFFFF  # llama.cpp takes this one for "draw a seed"
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class LlamaSampler:
    """Samples the tokens of one job; holds llama.cpp samplers until `close`."""

    def __init__(self, vocabulary: Vocabulary, job: GenerationJob) -> None:
        sampling = job.sampling
        self._vocabulary = vocabulary
        self._top_logprobs = sampling.top_logprobs
        self._adjustment = LogitAdjustment(sampling, job.prompt.tokens)
        self._grammar = job.grammar
        self._chain: Any = _open_chain(sampling) if sampling.temperature > 0 else None

    def sample(self, logits: Logits) -> tuple[int, tuple[TokenLogprob, ...]]:
        """Sample from logits of shape [vocabulary], which it may change; see `TokenSampler`."""
        unadjusted = logits if self._top_logprobs is None else logits.copy()
        if self._adjustment.active:
            self._adjustment.apply(logits)
        token = self._choose(logits)
        if self._grammar:
            self._grammar.accept(token)
        self._adjustment.add(token)
        if self._top_logprobs is None:
            return token, ()
        return token, (
            token_logprob(unadjusted, token, self._top_logprobs, self._vocabulary.token_bytes),
        )

    def _choose(self, logits: Logits) -> int:
        """Sample freely, and only when the grammar forbids the result among what it allows."""
        token = self._draw(_candidates(logits)) if self._chain else int(logits.argmax())
        if not self._grammar or self._grammar.allows(token):
            return token
        logits[~self._grammar.allowed_tokens()] = -np.inf
        return self._draw(_candidates(logits)) if self._chain else int(logits.argmax())

    def _draw(self, candidates: npt.NDArray[np.void]) -> int:
        selected = self._apply(self._chain, candidates)
        return int(candidates["id"][selected])

    def _apply(self, sampler: Any, candidates: npt.NDArray[np.void]) -> int:
        array = lib.llama_token_data_array(
            candidates.ctypes.data_as(lib.llama_token_data_p), len(candidates), -1, False
        )
        lib.llama_sampler_apply(sampler, ctypes.byref(array))
        return int(array.selected)

    def close(self) -> None:
        """Free the samplers."""
        if self._chain:
            lib.llama_sampler_free(self._chain)
        self._chain = self._grammar = None


def _candidates(logits: Logits) -> npt.NDArray[np.void]:
    candidates = np.empty(len(logits), dtype=_CANDIDATE)
    candidates["id"] = np.arange(len(logits), dtype=np.int32)
    candidates["logit"] = logits
    candidates["p"] = 0
    return candidates


def _open_chain(sampling: Sampling) -> Any:
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
