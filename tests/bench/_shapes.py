"""Models with random weights and the shapes of real ones: their speed is real, their words are not.

Made once, under .neo/bench/models/<name>/, as GGUF in F16 and quantized by llama.cpp. Every ASCII
letter is a token of its own, so a prompt of 200 letters has 200 tokens for every server.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import gguf
import numpy as np
from llama_cpp import llama_cpp as lib

MODELS = Path(__file__).resolve().parents[2] / ".neo" / "bench" / "models"
END = "<|end|>"
PRECISIONS = {
    "q8_0": lib.LLAMA_FTYPE_MOSTLY_Q8_0,
    "q4_0": lib.LLAMA_FTYPE_MOSTLY_Q4_0,
}


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder; `kind` is llama.cpp's name of the architecture."""

    kind: str
    layers: int
    width: int
    heads: int
    shared_heads: int
    inner: int
    words: int
    bias: bool = False
    context_tokens: int = 8_192
    spread: float = 0.02


SHAPES = {
    "135M": Shape("llama", 30, 576, 9, 3, 1_536, 49_152),  # SmolLM2-135M
    "0.5B": Shape("qwen2", 24, 896, 14, 2, 4_864, 151_936, bias=True),  # Qwen2-0.5B
}


def model_file(name: str, precision: str) -> Path:
    """Return the file of a model, made when it is not there yet."""
    path = MODELS / name / f"{precision}.gguf"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    if precision == "f16":
        write_model(partial, SHAPES[name])
    else:
        params = lib.llama_model_quantize_default_params()
        params.ftype = PRECISIONS[precision]
        source = model_file(name, "f16")
        if lib.llama_model_quantize(str(source).encode(), str(partial).encode(), params):
            raise RuntimeError(f"llama.cpp could not quantize {source}")
    partial.rename(path)
    return path


def write_model(path: Path, shape: Shape, chat_template: str = "") -> None:
    """Write a model in F16; the same shape always gets the same weights."""
    writer = gguf.GGUFWriter(str(path), shape.kind)
    if chat_template:
        writer.add_chat_template(chat_template)
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.shared_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(100_000.0)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.words)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_vocabulary(writer, shape.words)
    chance = np.random.default_rng(7)
    for tensor, size in _tensors(shape):
        if len(size) == 1:
            data = (np.ones if "norm" in tensor else np.zeros)(size, dtype=np.float32)
        else:
            data = chance.standard_normal(size, dtype=np.float32) * np.float32(shape.spread)
            data = data.astype(np.float16)
        writer.add_tensor(tensor, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_adapter(path: Path, shape: Shape, strength: float) -> None:
    """Write a LoRA of rank 4 that bends the first layer's queries and outputs."""
    writer = gguf.GGUFWriter(str(path), shape.kind)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    chance = np.random.default_rng(11)
    for part in ("attn_q", "attn_output"):
        for end, size in (("a", (4, shape.width)), ("b", (shape.width, 4))):
            data = chance.standard_normal(size, dtype=np.float32) * np.float32(strength)
            writer.add_tensor(f"blk.0.{part}.weight.lora_{end}", data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, words: int) -> None:
    letters = [chr(code) for code in _byte_letters()]
    syllables = map("".join, product(ascii_lowercase, repeat=4))
    tokens = [*letters, END, "zz", *islice(syllables, words - len(letters) - 2)]
    kinds = [gguf.TokenType.NORMAL] * words
    kinds[tokens.index(END)] = gguf.TokenType.CONTROL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["z z"])
    writer.add_eos_token_id(tokens.index(END))
    writer.add_add_bos_token(False)


def _byte_letters() -> Iterator[int]:
    """Name the 256 bytes as byte-level BPE does (Radford et al. 2019, GPT-2)."""
    plain = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)}
    plain |= set(range(ord("®"), ord("ÿ") + 1))
    spare = 256
    for byte in range(256):
        if byte in plain:
            yield byte
        else:
            yield spare
            spare += 1


def _tensors(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    shared = shape.width // shape.heads * shape.shared_heads
    yield "token_embd.weight", (shape.words, shape.width)
    for layer in range(shape.layers):
        yield f"blk.{layer}.attn_norm.weight", (shape.width,)
        yield f"blk.{layer}.ffn_norm.weight", (shape.width,)
        for part, rows in (("q", shape.width), ("k", shared), ("v", shared)):
            yield f"blk.{layer}.attn_{part}.weight", (rows, shape.width)
            if shape.bias:
                yield f"blk.{layer}.attn_{part}.bias", (rows,)
        yield f"blk.{layer}.attn_output.weight", (shape.width, shape.width)
        yield f"blk.{layer}.ffn_gate.weight", (shape.inner, shape.width)
        yield f"blk.{layer}.ffn_up.weight", (shape.inner, shape.width)
        yield f"blk.{layer}.ffn_down.weight", (shape.width, shape.inner)
    yield "output_norm.weight", (shape.width,)
