"""Tiny GGUF models with vocabularies of every kind: what a tokenizer does with a text is real.

The weights are zeros, so an answer is the first token without end. Every byte is a token of its
own, so each text can be written down; `special` tokens of any class come after them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import gguf
import numpy as np

from tests.bench._shapes import _byte_letters

WIDTH = 32
CONTEXT_TOKENS = 2_048

Kind = Literal["bpe", "sentencepiece"]


def write_vocabulary(
    path: Path,
    kind: Kind,
    *,
    pre: str = "default",
    special: Mapping[str, gguf.TokenType] | None = None,
    template: str = "",
    words: tuple[str, ...] = (),
) -> Path:
    """Write a model of one layer; `pre` names the regular expressions of a `bpe` vocabulary.

    `words` are more tokens of a SentencePiece vocabulary, which it joins from their letters.
    """
    tokens, kinds, scores = _tokens(kind, words)
    for spelling, token_type in (special or {}).items():
        tokens.append(spelling.encode())
        kinds.append(token_type)
        scores.append(-1.0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, kind, pre, tokens, kinds, scores)
    if template:
        writer.add_chat_template(template)
    for name, size in _tensors(len(tokens)):
        fill = np.ones if "norm" in name else np.zeros
        writer.add_tensor(name, fill(size, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tokens(
    kind: Kind, words: tuple[str, ...]
) -> tuple[list[bytes], list[gguf.TokenType], list[float]]:
    if kind == "bpe":
        letters = [chr(code).encode() for code in _byte_letters()]
        return letters, [gguf.TokenType.NORMAL] * len(letters), [0.0] * len(letters)
    head = [b"<unk>", b"<s>", b"</s>"]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    bytes_ = [f"<0x{byte:02X}>".encode() for byte in range(256)]
    letters = [chr(code).encode() for code in range(33, 127)]
    pieces = ["▁".encode(), *letters, *(word.encode() for word in words)]
    tokens = [*head, *bytes_, *pieces]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * len(pieces)
    return tokens, kinds, [0.0] * len(tokens)


def _add_tokenizer(
    writer: gguf.GGUFWriter,
    kind: Kind,
    pre: str,
    tokens: list[bytes],
    kinds: list[gguf.TokenType],
    scores: list[float],
) -> None:
    writer.add_tokenizer_model("gpt2" if kind == "bpe" else "llama")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if kind == "bpe":
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges(["z z"])
        writer.add_add_bos_token(False)
    else:
        writer.add_token_scores(scores)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)


def _tensors(tokens: int) -> list[tuple[str, tuple[int, ...]]]:
    square, half = (WIDTH, WIDTH), (WIDTH // 2, WIDTH)
    block = {"attn_q": square, "attn_k": half, "attn_v": half, "attn_output": square}
    block |= {"ffn_gate": square, "ffn_up": square, "ffn_down": square}
    return [
        ("token_embd.weight", (tokens, WIDTH)),
        ("output_norm.weight", (WIDTH,)),
        ("blk.0.attn_norm.weight", (WIDTH,)),
        ("blk.0.ffn_norm.weight", (WIDTH,)),
        *((f"blk.0.{name}.weight", size) for name, size in block.items()),
    ]
