"""What a GGUF model remembers while it writes: one stream of keys and values for each slot.

One thread owns it. Misuse of these calls aborts the process, so every rule llama.cpp has about them
is kept in here.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as lib

from ai_core.engines.gguf.model import Model, why_refused
from ai_core.errors import NoMemory

Logits = npt.NDArray[np.float32]
_ANY_TOKEN = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Tokens of one slot to compute in a step, from position `at` on.

    `wanted` asks for what comes after the last of them. As many rows as `added` come behind, which
    the slot is to forget.
    """

    slot: int
    tokens: Sequence[int]
    at: int
    wanted: bool
    added: int = 0

    def __len__(self) -> int:
        """Return how many rows they are."""
        return len(self.tokens) + self.added


def is_wanted(rows: Rows) -> bool:
    """Tell whether a row of logits comes back for these rows."""
    return rows.wanted


class Context:
    """Computes rows of many slots at once, and forgets or copies what a slot holds."""

    def __init__(self, model: Model, *, slots: int, tokens: int, rows: int, threads: int) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = slots * _padded(tokens)
        params.n_batch = params.n_ubatch = rows
        params.n_seq_max = slots
        params.n_outputs_max = slots
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = False  # one buffer for all makes batched steps 1.3 to 1.9 times slower
        params.no_perf = True
        why_refused()
        self.handle: Any = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise NoMemory(
                f"{model.path}: no memory for {slots} slots of {tokens} tokens; "
                f"set fewer slots or a smaller context in models.toml ({why_refused()})"
            )
        self._memory: Any = lib.llama_get_memory(self.handle)
        self._width = model.vocabulary.size
        self._room = BatchRoom(rows)

    def compute(self, chunks: Sequence[Rows]) -> Logits | None:
        """Compute `chunks`; returns the logits wanted (one row each, in order), None on failure.

        Chunks of slots that follow one another are computed together. The rows are llama.cpp's own
        and hold until the next call.
        """
        wanted = self._room.fill(chunks)
        if lib.llama_decode(self.handle, self._room.batch) != 0:
            return None
        if not wanted:
            return np.empty((0, self._width), dtype=np.float32)
        return np.ctypeslib.as_array(lib.llama_get_logits(self.handle), (wanted, self._width))

    def forget(self, slot: int, since: int = 0) -> bool:
        """Forget what a slot holds from position `since` on; False when it cannot in part."""
        return bool(lib.llama_memory_seq_rm(self._memory, slot, since or -1, -1))

    def copy(self, source: int, target: int, tokens: int) -> bool:
        """Make `target` hold the first `tokens` that `source` holds, and nothing else.

        Between streams only the whole can be copied: llama.cpp aborts on a part.
        """
        lib.llama_memory_seq_rm(self._memory, target, -1, -1)
        lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        return self.forget(target, tokens)

    def set_threads(self, threads: int) -> None:
        """Compute with that many threads from the next step on."""
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
        """Give the memory back."""
        if self.handle:
            lib.llama_free(self.handle)
            self.handle = None


class BatchRoom:
    """A llama_batch over arrays of our own, filled without a loop over its rows."""

    def __init__(self, rows: int) -> None:
        self._tokens = np.zeros(rows, dtype=np.int32)
        self._at = np.zeros(rows, dtype=np.int32)
        self._counts = np.ones(rows, dtype=np.int32)
        self._slots = np.zeros(rows, dtype=np.int32)
        self._wanted = np.zeros(rows, dtype=np.int8)
        step = self._slots.itemsize
        self._slot_pointers = self._slots.ctypes.data + step * np.arange(rows, dtype=np.uint64)
        integers = ctypes.POINTER(ctypes.c_int32)
        self.batch = lib.llama_batch(
            0,
            self._tokens.ctypes.data_as(integers),
            None,
            self._at.ctypes.data_as(integers),
            self._counts.ctypes.data_as(integers),
            self._slot_pointers.ctypes.data_as(ctypes.POINTER(integers)),
            self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, chunks: Sequence[Rows], *, every: bool = False) -> int:
        """Lay the chunks out one after the other; returns how many of them want what comes next.

        `every` asks for all rows, as a pooled vector needs them.
        """
        end = 0
        for chunk in chunks:
            start, end = end, end + len(chunk)
            own = start + len(chunk.tokens)
            self._tokens[start:own] = chunk.tokens
            self._tokens[own:end] = _ANY_TOKEN
            self._at[start:end] = np.arange(chunk.at, chunk.at + end - start)
            self._slots[start:end] = chunk.slot
            self._wanted[start:end] = every
            if chunk.wanted:
                self._wanted[own - 1] = True
        self.batch.n_tokens = end
        return sum(chunk.wanted for chunk in chunks)


def _padded(tokens: int) -> int:
    """Return the context llama.cpp makes of `tokens`: whole blocks of 256."""
    return -(-tokens // 256) * 256
