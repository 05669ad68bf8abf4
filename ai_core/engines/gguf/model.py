"""A GGUF file in memory: weights, metadata and vocabulary, and what llama.cpp logged about it.

Everything here may be called from two threads at once: llama.cpp only reads a loaded model.
"""

import ctypes
from collections import deque
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib

from ai_core.engines.decoding.chat_template import ChatTemplate, PromptText
from ai_core.engines.decoding.special_tokens import MAX_RUN_CHARS, SpecialTokens, as_content
from ai_core.errors import ModelUnusable

_MAGIC = b"GGUF"
_WARNING = 3
_CONTINUED = 5
_TOKEN_BYTES = 256
_SPECIAL_ATTRIBUTES = (
    lib.LLAMA_TOKEN_ATTR_CONTROL
    | lib.LLAMA_TOKEN_ATTR_USER_DEFINED
    | lib.LLAMA_TOKEN_ATTR_UNKNOWN
    | lib.LLAMA_TOKEN_ATTR_UNUSED
)
"""llama.cpp looks for USER_DEFINED tokens in every text, whatever it is told
(`tokenizer_st_partition` in llama-vocab.cpp)."""
_SEPARATOR = "\x02"
_logged: deque[str] = deque(maxlen=40)


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _log_callback(level: int, text: bytes, _user: object) -> None:
    if _WARNING <= level < _CONTINUED:
        _logged.append(text.decode("utf-8", "replace").strip())


def take_logged_errors() -> str:
    """Return the warnings and errors llama.cpp logged since the last call, and clear them."""
    text = " ".join(_logged)
    _logged.clear()
    return text


@lru_cache(1)
def initialize_library() -> None:
    """Initialize llama.cpp once per process, and take its log from stderr."""
    lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
    lib.llama_backend_init()


def _check_magic(path: Path) -> None:
    """Refuse what is not a GGUF file before llama.cpp maps it."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ModelUnusable(
            f"{path}: {error.strerror}; check the path in models.toml, or add the model again"
        ) from error
    if magic != _MAGIC:
        raise ModelUnusable(f"{path} is not a GGUF file; download it again or convert it")


class GgufModel:
    """The weights and the vocabulary; `handle` is llama.cpp's own pointer to them.

    `can_truncate` is false for recurrent models, whose state cannot be cut at a token.
    """

    def __init__(self, path: str) -> None:
        initialize_library()
        _check_magic(Path(path))
        take_logged_errors()
        params = lib.llama_model_default_params()
        self.on_gpu = bool(lib.llama_supports_gpu_offload())
        self.handle: Any = lib.llama_model_load_from_file(path.encode(), params)
        if not self.handle:
            raise ModelUnusable(
                f"{path} is damaged, incomplete or of a kind this version cannot read; "
                f"download it again ({take_logged_errors()})"
            )
        self.path = path
        self.trained_context_tokens = int(lib.llama_model_n_ctx_train(self.handle))
        file_type = lib.llama_ftype_name(lib.llama_model_ftype(self.handle))
        self.precision = bytes(file_type or b"").decode()
        self.encoder_only = bool(lib.llama_model_has_encoder(self.handle)) or (
            self.architecture_metadata("attention.causal") == "false"
        )
        self.can_truncate = not (
            lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)
        )
        self.vocabulary = Vocabulary(self)

    def metadata(self, key: str) -> str:
        """Return a value of the file's metadata as text, "" when there is none."""
        buffer = ctypes.create_string_buffer(256)
        length = lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length >= 0 else ""

    def architecture_metadata(self, key: str) -> str:
        """Return a value of the metadata under the architecture's name ("llama.…")."""
        return self.metadata(f"{self.metadata('general.architecture')}.{key}")

    @property
    def kv_bytes_per_token(self) -> int:
        """Return the bytes of a token's keys and values in all layers, in F16."""
        layers = int(lib.llama_model_n_layer(self.handle))
        heads = int(lib.llama_model_n_head(self.handle)) or 1
        kv_heads = int(lib.llama_model_n_head_kv(self.handle)) or heads
        width = int(lib.llama_model_n_embd(self.handle)) // heads
        keys = int(self.architecture_metadata("attention.key_length") or width)
        values = int(self.architecture_metadata("attention.value_length") or width)
        return 2 * layers * kv_heads * (keys + values)

    @property
    def attention_ratio(self) -> float:
        """Return the multiplications of a row per attended token, by those with the weights."""
        width = int(lib.llama_model_n_embd(self.handle))
        weights = int(lib.llama_model_n_params(self.handle)) - self.vocabulary.size * width
        return 2 * int(lib.llama_model_n_layer(self.handle)) * width / max(weights, 1)

    def close(self) -> None:
        """Free the model and its adapters."""
        if self.handle:
            lib.llama_model_free(self.handle)
            self.handle = None


class Vocabulary:
    """Tokenizes and detokenizes as the model was trained."""

    def __init__(self, model: GgufModel) -> None:
        handle: Any = lib.llama_model_get_vocab(model.handle)
        self.handle = handle
        self.size = int(lib.llama_vocab_n_tokens(handle))
        self.bos = self._spelling(int(lib.llama_vocab_bos(handle)))
        self.eos = self._spelling(int(lib.llama_vocab_eos(handle)))
        self._adds_bos = bool(lib.llama_vocab_get_add_bos(handle))
        self._adds_eos = bool(lib.llama_vocab_get_add_eos(handle)) or bool(
            lib.llama_vocab_get_add_sep(handle)
        )
        template = lib.llama_model_chat_template(model.handle, None)
        self.chat_template = bytes(template).decode("utf-8", "replace") if template else ""
        self.adds_leading_space = int(lib.llama_vocab_type(handle)) == lib.LLAMA_VOCAB_TYPE_SPM
        self._token_bytes: dict[int, bytes] = {}

    def tokenize(self, text: str, *, add_special: bool = False) -> list[int]:
        """Return the tokens of a plain text; special tokens spelled in it are text.

        `add_special` adds the model's beginning-of-sequence token, and its end-of-sequence token
        for an encoder.
        """
        pieces = self.special_tokens.pieces(as_content(text), max_run_chars=MAX_RUN_CHARS)
        return self._tokenize_pieces(pieces, add_special=add_special, parse_special=False)

    def tokenize_prompt(
        self, prompt: PromptText, special_tokens: SpecialTokens | None = None
    ) -> list[int]:
        """Return the tokens of a prompt to continue: one beginning token, no end token.

        Special tokens that its contents spell are text.
        """
        spelled = bool(self.bos) and prompt.text.startswith(self.bos)
        add_special = self._adds_bos and not spelled
        special_tokens = special_tokens or self.special_tokens
        pieces = special_tokens.pieces(prompt, max_run_chars=MAX_RUN_CHARS)
        tokens = self._tokenize_pieces(pieces, add_special=add_special, parse_special=True)
        ends = bool(tokens) and self.is_end_token(tokens[-1])
        if self._adds_eos and ends and not prompt.text.endswith(self.eos):
            tokens.pop()
        return tokens

    def is_end_token(self, token: int) -> bool:
        """Whether a token ends the generation."""
        return bool(lib.llama_vocab_is_eog(self.handle, token))

    @cached_property
    def special_tokens(self) -> SpecialTokens:
        """The spellings of the special tokens of every class."""
        return SpecialTokens(self._special_spellings)

    def special_tokens_of(self, template: ChatTemplate) -> SpecialTokens:
        """Return the special tokens and the tags of a chat template."""
        return SpecialTokens(self._special_spellings, template.role_marks())

    @cached_property
    def _special_spellings(self) -> frozenset[str]:
        special = (
            token
            for token in range(self.size)
            if lib.llama_vocab_get_attr(self.handle, token) & _SPECIAL_ATTRIBUTES
        )
        return frozenset(map(self._spelling, special))

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token; none for a control token."""
        found = self._token_bytes.get(token)
        if found is None:
            buffer = ctypes.create_string_buffer(_TOKEN_BYTES)
            length = lib.llama_token_to_piece(self.handle, token, buffer, len(buffer), 0, False)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = lib.llama_token_to_piece(self.handle, token, buffer, len(buffer), 0, False)
            found = self._token_bytes[token] = buffer.raw[:length]
        return found

    def control_spelling(self, token: int) -> bytes:
        """Return a token as the file spells it, a control token too."""
        return self._spelling(token).encode()

    def _spelling(self, token: int) -> str:
        """Return a token as the file spells it, control tokens included; "" for no token."""
        if token < 0:
            return ""
        return bytes(lib.llama_vocab_get_text(self.handle, token) or b"").decode("utf-8", "replace")

    def _tokenize_pieces(
        self, pieces: Sequence[str], *, add_special: bool, parse_special: bool
    ) -> list[int]:
        first, *later = pieces
        tokens = self._tokenize(first, add_special=add_special, parse_special=parse_special)
        for piece in later:
            tokens += self._tokenize_continued(piece, parse_special=parse_special)
        return tokens

    def _tokenize_continued(self, piece: str, *, parse_special: bool) -> list[int]:
        """Return the tokens of a text in the middle of another.

        SentencePiece vocabularies put a space before a text: here before a byte that joins with
        nothing, whose tokens are dropped.
        """
        if self.adds_leading_space:
            before = self._tokenize(_SEPARATOR, add_special=False, parse_special=False)
            both = self._tokenize(
                f"{_SEPARATOR}{piece}", add_special=False, parse_special=parse_special
            )
            if both[: len(before)] == before:
                return both[len(before) :]
        return self._tokenize(piece, add_special=False, parse_special=parse_special)

    def _tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Return llama.cpp's tokens; `parse_special` takes spellings for CONTROL tokens."""
        data = text.encode()
        buffer = np.empty(len(data) + 16, dtype=np.int32)
        count = self._tokenize_into(buffer, data, add_special, parse_special)
        if count < 0:
            buffer = np.empty(-count, dtype=np.int32)
            count = self._tokenize_into(buffer, data, add_special, parse_special)
        tokens: list[int] = buffer[:count].tolist()
        return tokens

    def _tokenize_into(
        self, buffer: Any, data: bytes, add_special: bool, parse_special: bool
    ) -> int:
        pointer = buffer.ctypes.data_as(lib.llama_token_p)
        return int(
            lib.llama_tokenize(
                self.handle, data, len(data), pointer, len(buffer), add_special, parse_special
            )
        )
