"""Vectors of texts: the mean of what the model makes of their tokens, or as the model was trained.

The context for it is opened when first asked for, and kept.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib

from ai_core.engines.gguf.context import BatchRoom, Rows
from ai_core.engines.gguf.model import Model, why_refused
from ai_core.errors import ContextOverflow, EngineFailed, NoMemory

_MOST_TOKENS = 2_048


class Pooling:
    """Makes vectors of length 1; one thread owns it."""

    def __init__(self, model: Model, context_tokens: int, threads: int) -> None:
        self._model = model
        self._most = min(context_tokens, model.trained_tokens, _MOST_TOKENS)
        self._threads = threads
        self._handle: Any = None
        self._room = BatchRoom(self._most)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text. Raises ContextOverflow when one is too long."""
        handle = self._opened()
        return [self._vector(handle, text) for text in texts]

    def _vector(self, handle: Any, text: str) -> list[float]:
        tokens = self._model.vocabulary.tokens(text, special=False, around=True)
        if len(tokens) > self._most:
            raise ContextOverflow(
                f"the text has {len(tokens)} tokens, this model takes {self._most}",
                tokens=len(tokens),
                limit=self._most,
            )
        if not tokens:
            return [0.0] * int(lib.llama_model_n_embd_out(self._model.handle))
        memory = lib.llama_get_memory(handle)
        if memory:
            lib.llama_memory_clear(memory, False)
        self._room.fill([Rows(0, tokens, 0, wanted=True)], every=True)
        why_refused()
        if lib.llama_decode(handle, self._room.batch) != 0:
            raise EngineFailed(f"llama.cpp could not compute: {why_refused()}")
        pooled = lib.llama_get_embeddings_seq(handle, 0)
        width = int(lib.llama_model_n_embd_out(self._model.handle))
        vector = np.ctypeslib.as_array(pooled, (width,)).astype(np.float64)
        length = float(np.linalg.norm(vector))
        unit: list[float] = (vector / length if length else vector).tolist()
        return unit

    def _opened(self) -> Any:
        if self._handle is None:
            params = lib.llama_context_default_params()
            params.n_ctx = params.n_batch = params.n_ubatch = self._most
            params.n_seq_max = 1
            params.n_threads = params.n_threads_batch = self._threads
            params.embeddings = True
            params.no_perf = True
            kind = self._model.about("general.architecture")
            if self._model.about(f"{kind}.pooling_type") in {"", "0"}:
                params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
            why_refused()
            self._handle = lib.llama_init_from_model(self._model.handle, params)
            if not self._handle:
                raise NoMemory(f"{self._model.path}: no memory for embeddings ({why_refused()})")
        return self._handle

    def close(self) -> None:
        """Give the memory back."""
        if self._handle:
            lib.llama_free(self._handle)
            self._handle = None
