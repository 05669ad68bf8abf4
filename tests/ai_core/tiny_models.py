"""Models of a few megabytes, written on the spot: right in form, and deterministic."""

from pathlib import Path

import gguf
import numpy as np

BYTES, WIDTH = 256, 256


def write_gguf(
    path: Path,
    *,
    sure: bool = True,
    seed: int = 1,
    licence: str = "",
    template: str = "",
    tensors_per_file: int = 0,
) -> Path:
    """Write a Llama of one layer over bytes, in one file or split in several.

    A `sure` one finds one token far likelier than any other at each place, whatever its precision;
    another one is unsure everywhere.
    """
    dice = np.random.default_rng(seed)
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(BYTES))]
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=tensors_per_file)
    if licence:
        writer.add_license(licence)
    if template:
        writer.add_chat_template(template)
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *([6] * BYTES)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, tensor in tensors(dice, len(tokens), sure=sure).items():
        writer.add_tensor(name, tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tensors(dice: np.random.Generator, size: int, *, sure: bool) -> dict[str, np.ndarray]:
    """Return the weights: the layer adds next to nothing to what the token itself says."""
    tokens = dice.normal(size=(size, WIDTH))
    following = tokens[dice.permutation(size)] if sure else dice.normal(size=(size, WIDTH)) / 16

    def small(rows: int) -> np.ndarray:
        return dice.normal(size=(rows, WIDTH)) * 1e-3

    return {
        "token_embd.weight": tokens,
        "output_norm.weight": np.ones(WIDTH),
        "output.weight": following,
        "blk.0.attn_norm.weight": np.ones(WIDTH),
        "blk.0.ffn_norm.weight": np.ones(WIDTH),
        "blk.0.attn_q.weight": small(WIDTH),
        "blk.0.attn_k.weight": small(WIDTH // 2),
        "blk.0.attn_v.weight": small(WIDTH // 2),
        "blk.0.attn_output.weight": small(WIDTH),
        "blk.0.ffn_gate.weight": small(WIDTH),
        "blk.0.ffn_up.weight": small(WIDTH),
        "blk.0.ffn_down.weight": small(WIDTH),
    }


def write_adapter(path: Path, architecture: str = "llama") -> Path:
    """Write a LoRA of rank 2 for models of that architecture."""
    dice = np.random.default_rng(3)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, 4.0)
    for half in ("lora_a", "lora_b"):
        shape = (2, WIDTH) if half == "lora_a" else (WIDTH, 2)
        writer.add_tensor(f"blk.0.attn_q.weight.{half}", dice.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
