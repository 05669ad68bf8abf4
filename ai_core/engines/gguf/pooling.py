"""Text embeddings: the mean over a text's tokens, or the pooling the model was trained with.

The context for it is opened on first use and kept.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib

from ai_core.engines.gguf.context import BatchBuffer, BatchSegment
from ai_core.engines.gguf.model import GgufModel, take_logged_errors
from ai_core.errors import ContextOverflow, EngineFailed, NoMemory

_MAX_TOKENS = 2_048


class EmbeddingContext:
    """Computes embeddings of unit length; one thread owns it."""

    def __init__(self, model: GgufModel, context_tokens: int, threads: int) -> None:
        self._model = model
        self._max_tokens = min(context_tokens, model.trained_context_tokens, _MAX_TOKENS)
        self._threads = threads
        self._handle: Any = None
        self._buffer = BatchBuffer(self._max_tokens)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises ContextOverflow when one is too long."""
        handle = self._open()
        return [self._embedding(handle, text) for text in texts]

    def _embedding(self, handle: Any, text: str) -> list[float]:
        tokens = self._model.vocabulary.tokenize(text, add_special=True)
        if len(tokens) > self._max_tokens:
            raise ContextOverflow(
                f"the text has {len(tokens)} tokens, this model takes {self._max_tokens}",
                tokens=len(tokens),
                limit=self._max_tokens,
            )
        width = int(lib.llama_model_n_embd_out(self._model.handle))
        if not tokens:
            return [0.0] * width
        memory = lib.llama_get_memory(handle)
        if memory:
            lib.llama_memory_clear(memory, False)
        self._buffer.fill([BatchSegment(0, tokens, 0, wants_logits=True)], all_outputs=True)
        take_logged_errors()
        if lib.llama_decode(handle, self._buffer.batch) != 0:
            raise EngineFailed(f"llama.cpp could not compute: {take_logged_errors()}")
        pooled = lib.llama_get_embeddings_seq(handle, 0)
        vector = np.ctypeslib.as_array(pooled, (width,)).astype(np.float64)
        norm = float(np.linalg.norm(vector))
        unit: list[float] = (vector / norm if norm else vector).tolist()
        return unit

    def _open(self) -> Any:
        if self._handle is None:
            params = lib.llama_context_default_params()
            params.n_ctx = params.n_batch = params.n_ubatch = self._max_tokens
            params.n_seq_max = 1
            params.n_threads = params.n_threads_batch = self._threads
            params.embeddings = True
            params.no_perf = True
            if self._model.architecture_metadata("pooling_type") in {"", "0"}:
                params.pooling_type = lib.LLAMA_POOLING_TYPE_MEAN
            take_logged_errors()
            self._handle = lib.llama_init_from_model(self._model.handle, params)
            if not self._handle:
                reason = take_logged_errors()
                raise NoMemory(f"{self._model.path}: no memory for embeddings ({reason})")
        return self._handle

    def close(self) -> None:
        """Free the context."""
        if self._handle:
            lib.llama_free(self._handle)
            self._handle = None
