"""A llama.cpp context: the keys and values of every slot, and the decoding of batches.

One thread owns it. Misuse of these calls aborts the process, so every rule of llama.cpp about them
is kept here.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as lib

from ai_core.engines.gguf.model import GgufModel, take_logged_errors
from ai_core.errors import NoMemory

Logits = npt.NDArray[np.float32]
_PADDING_TOKEN = 0
_BLOCK_TOKENS = 256


@dataclass(frozen=True, slots=True)
class BatchSegment:
    """Consecutive tokens of one slot in a batch, from `position` on.

    `wants_logits` asks for the logits after the last of them. `padding` rows follow, which the slot
    has to truncate afterwards.
    """

    slot: int
    tokens: Sequence[int]
    position: int
    wants_logits: bool
    padding: int = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.tokens) + self.padding


class Context:
    """Decodes batches over many slots, and truncates or copies what a slot holds."""

    def __init__(
        self, model: GgufModel, *, slots: int, tokens: int, rows: int, threads: int
    ) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = slots * -(-tokens // _BLOCK_TOKENS) * _BLOCK_TOKENS
        params.n_batch = params.n_ubatch = rows
        params.n_seq_max = slots
        params.n_outputs_max = slots
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = False  # one buffer for all makes batched steps 1.3 to 1.9 times slower
        params.no_perf = True
        take_logged_errors()
        self.handle: Any = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise NoMemory(
                f"{model.path}: no memory for {slots} slots of {tokens} tokens; set fewer slots "
                f"or a smaller context in models.toml ({take_logged_errors()})"
            )
        self._memory: Any = lib.llama_get_memory(self.handle)
        self._vocabulary_size = model.vocabulary.size
        self._buffer = BatchBuffer(rows)

    def decode(self, segments: Sequence[BatchSegment]) -> Logits | None:
        """Decode a batch; returns the logits asked for, one row each in order, None on failure.

        Segments of consecutive slots are computed together. The rows are llama.cpp's own memory,
        valid until the next call.
        """
        outputs = self._buffer.fill(segments)
        if lib.llama_decode(self.handle, self._buffer.batch) != 0:
            return None
        if not outputs:
            return np.empty((0, self._vocabulary_size), dtype=np.float32)
        shape = (outputs, self._vocabulary_size)
        return np.ctypeslib.as_array(lib.llama_get_logits(self.handle), shape)

    def truncate(self, slot: int, tokens: int = 0) -> bool:
        """Keep only the first `tokens` of a slot; False when the model cannot truncate in part."""
        return bool(lib.llama_memory_seq_rm(self._memory, slot, tokens or -1, -1))

    def copy_prefix(self, source: int, target: int, tokens: int) -> bool:
        """Make `target` hold the first `tokens` of `source`, and nothing else.

        Between sequences only the whole can be copied: llama.cpp aborts on a part.
        """
        lib.llama_memory_seq_rm(self._memory, target, -1, -1)
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        return self.truncate(target, tokens)

    def set_threads(self, threads: int) -> None:
        """Set the number of threads from the next step on."""
        lib.llama_set_n_threads(self.handle, threads, threads)

    def set_adapter(self, adapter: Any | None) -> None:
        """Apply a LoRA to all slots from the next step on, or none."""
        if adapter is None:
            lib.llama_set_adapters_lora(self.handle, None, 0, None)
            return
        adapters = (lib.llama_adapter_lora_p_ctypes * 1)(
            ctypes.cast(adapter, lib.llama_adapter_lora_p_ctypes)
        )
        lib.llama_set_adapters_lora(self.handle, adapters, 1, (ctypes.c_float * 1)(1.0))

    def close(self) -> None:
        """Free the context."""
        if self.handle:
            lib.llama_free(self.handle)
            self.handle = None


class BatchBuffer:
    """A llama_batch over numpy arrays, filled without a loop over its rows."""

    def __init__(self, rows: int) -> None:
        self._tokens = np.zeros(rows, dtype=np.int32)
        self._positions = np.zeros(rows, dtype=np.int32)
        self._slot_counts = np.ones(rows, dtype=np.int32)
        self._slots = np.zeros(rows, dtype=np.int32)
        self._wants_logits = np.zeros(rows, dtype=np.int8)
        step = self._slots.itemsize
        self._slot_pointers = self._slots.ctypes.data + step * np.arange(rows, dtype=np.uint64)
        integers = ctypes.POINTER(ctypes.c_int32)
        self.batch = lib.llama_batch(
            0,
            self._tokens.ctypes.data_as(integers),
            None,
            self._positions.ctypes.data_as(integers),
            self._slot_counts.ctypes.data_as(integers),
            self._slot_pointers.ctypes.data_as(ctypes.POINTER(integers)),
            self._wants_logits.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, segments: Sequence[BatchSegment], *, all_outputs: bool = False) -> int:
        """Write the segments one after the other; returns how many of them want logits.

        `all_outputs` asks for every row's output, as a pooled embedding needs.
        """
        end = 0
        for segment in segments:
            start, end = end, end + len(segment)
            own = start + len(segment.tokens)
            self._tokens[start:own] = segment.tokens
            self._tokens[own:end] = _PADDING_TOKEN
            self._positions[start:end] = np.arange(segment.position, segment.position + end - start)
            self._slots[start:end] = segment.slot
            self._wants_logits[start:end] = all_outputs
            if segment.wants_logits:
                self._wants_logits[own - 1] = True
        self.batch.n_tokens = end
        return sum(segment.wants_logits for segment in segments)
