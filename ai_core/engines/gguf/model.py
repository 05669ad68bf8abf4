"""A GGUF file in memory: its weights, its vocabulary, and what its library said when it refused it.

Everything here may be called from two threads at once: llama.cpp only reads a loaded model.
"""

import ctypes
import re
from collections import deque
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib

from ai_core.errors import ModelUnusable

_MAGIC = b"GGUF"
_WARNING = 3
_CONTINUED = 5
_PIECE_BYTES = 256
_said: deque[str] = deque(maxlen=40)


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _listen(level: int, text: bytes, _user: object) -> None:
    if _WARNING <= level < _CONTINUED:
        _said.append(text.decode("utf-8", "replace").strip())


def why_refused() -> str:
    """Return what llama.cpp complained of since the last call, and forget it."""
    words = " ".join(_said)
    _said.clear()
    return words


@lru_cache(1)
def start_library() -> None:
    """Initialize llama.cpp, once in a process; its messages go to `why_refused`, not to stderr."""
    lib.llama_log_set(_listen, ctypes.c_void_p(0))
    lib.llama_backend_init()


def _check_file(path: Path) -> None:
    """Refuse what is not even a GGUF file, before llama.cpp maps it."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as fault:
        raise ModelUnusable(
            f"{path}: {fault.strerror}; check the path in models.toml, or add the model again"
        ) from fault
    if magic != _MAGIC:
        raise ModelUnusable(f"{path} is not a GGUF file; download it again or convert it")


class Model:
    """The weights and the vocabulary; `handle` is llama.cpp's own pointer to them."""

    def __init__(self, path: str) -> None:
        start_library()
        _check_file(Path(path))
        why_refused()
        params = lib.llama_model_default_params()
        self.on_gpu = bool(lib.llama_supports_gpu_offload())
        self.handle: Any = lib.llama_model_load_from_file(path.encode(), params)
        if not self.handle:
            raise ModelUnusable(
                f"{path} is damaged, incomplete or of a kind this version cannot read; "
                f"download it again ({why_refused()})"
            )
        self.path = path
        self.trained_tokens = int(lib.llama_model_n_ctx_train(self.handle))
        self.size_bytes = int(lib.llama_model_size(self.handle))
        self.precision = bytes(
            lib.llama_ftype_name(lib.llama_model_ftype(self.handle)) or b""
        ).decode()
        kind = self.about("general.architecture")
        self.encodes_only = bool(lib.llama_model_has_encoder(self.handle)) or (
            self.about(f"{kind}.attention.causal") == "false"
        )
        self.forgets_in_parts = not (
            lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)
        )
        self.vocabulary = Vocabulary(self)

    def about(self, key: str) -> str:
        """Return a value of the file's metadata as text, "" when there is none."""
        room = ctypes.create_string_buffer(256)
        length = lib.llama_model_meta_val_str(self.handle, key.encode(), room, len(room))
        return room.value.decode("utf-8", "replace") if length >= 0 else ""

    @property
    def memory_bytes_per_token(self) -> int:
        """Return what one token of a conversation takes: keys and values of every layer, in F16."""
        kind = self.about("general.architecture")
        layers = int(lib.llama_model_n_layer(self.handle))
        heads = int(lib.llama_model_n_head(self.handle)) or 1
        shared_heads = int(lib.llama_model_n_head_kv(self.handle)) or heads
        width = int(lib.llama_model_n_embd(self.handle)) // heads
        keys = int(self.about(f"{kind}.attention.key_length") or width)
        values = int(self.about(f"{kind}.attention.value_length") or width)
        return 2 * layers * shared_heads * (keys + values)

    @property
    def attention(self) -> float:
        """Return what a row multiplies for each token it looks at, by that with the weights."""
        width = int(lib.llama_model_n_embd(self.handle))
        weights = int(lib.llama_model_n_params(self.handle)) - self.vocabulary.size * width
        return 2 * int(lib.llama_model_n_layer(self.handle)) * width / max(weights, 1)

    def close(self) -> None:
        """Give the memory back; adapters go with the model."""
        if self.handle:
            lib.llama_model_free(self.handle)
            self.handle = None


class Vocabulary:
    """From text to tokens and back, as the model was trained."""

    def __init__(self, model: Model) -> None:
        handle: Any = lib.llama_model_get_vocab(model.handle)
        self.handle = handle
        self.size = int(lib.llama_vocab_n_tokens(handle))
        self.adds_bos = bool(lib.llama_vocab_get_add_bos(handle))
        self.bos = self.text(int(lib.llama_vocab_bos(handle)))
        self.eos = self.text(int(lib.llama_vocab_eos(handle)))
        self._eos_added = bool(lib.llama_vocab_get_add_eos(handle)) or bool(
            lib.llama_vocab_get_add_sep(handle)
        )
        template = lib.llama_model_chat_template(model.handle, None)
        self.chat_template = bytes(template).decode("utf-8", "replace") if template else ""
        self.leads_with_space = int(lib.llama_vocab_type(handle)) == lib.LLAMA_VOCAB_TYPE_SPM
        self._pieces: dict[int, bytes] = {}

    def text(self, token: int) -> str:
        """Return a token as the file spells it, control tokens included; "" for no token."""
        if token < 0:
            return ""
        return bytes(lib.llama_vocab_get_text(self.handle, token) or b"").decode("utf-8", "replace")

    def tokens(self, text: str, *, special: bool, around: bool) -> list[int]:
        """Return the tokens of `text`.

        `special` reads the spelling of a control token as that token. `around` adds what the model
        wants at the beginning, and at the end where it is an encoder.
        """
        data = text.encode()
        room = np.empty(len(data) + 16, dtype=np.int32)
        pointer = room.ctypes.data_as(lib.llama_token_p)
        count = lib.llama_tokenize(
            self.handle, data, len(data), pointer, len(room), around, special
        )
        if count < 0:
            room = np.empty(-count, dtype=np.int32)
            pointer = room.ctypes.data_as(lib.llama_token_p)
            count = lib.llama_tokenize(
                self.handle, data, len(data), pointer, len(room), around, special
            )
        found: list[int] = room[:count].tolist()
        return found

    def prompt_tokens(self, text: str) -> list[int]:
        """Return the tokens of a prompt to go on from: one beginning, even when spelled; no end."""
        spelled = bool(self.bos) and text.startswith(self.bos)
        found = self.tokens(text, special=True, around=self.adds_bos and not spelled)
        if self._eos_added and found and self.is_end(found[-1]) and not text.endswith(self.eos):
            found.pop()
        return found

    def is_end(self, token: int) -> bool:
        """Tell whether a token ends what the model writes."""
        return bool(lib.llama_vocab_is_eog(self.handle, token))

    @cached_property
    def _control_text(self) -> re.Pattern[str]:
        controls = (
            self.text(token)
            for token in range(self.size)
            if lib.llama_vocab_is_control(self.handle, token)
        )
        spelled = sorted(filter(None, controls), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, spelled)) or r"(?!)")

    def disarmed(self, text: str) -> str:
        """Return `text` such that nothing in it is read as a control token (U+200B is put in)."""
        return self._control_text.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)

    def piece(self, token: int) -> bytes:
        """Return the bytes a token writes; none for a control token."""
        piece = self._pieces.get(token)
        if piece is None:
            room = ctypes.create_string_buffer(_PIECE_BYTES)
            length = lib.llama_token_to_piece(self.handle, token, room, len(room), 0, False)
            if length < 0:
                room = ctypes.create_string_buffer(-length)
                length = lib.llama_token_to_piece(self.handle, token, room, len(room), 0, False)
            piece = self._pieces[token] = room.raw[:length]
        return piece
