"""Writes a Llama and its adapter as GGUF, with the `gguf` package.

Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. llama.cpp rotates neighbouring
numbers of a head where transformers rotates its halves, so the rows of the query and key weights
are put in another order.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

ARCHITECTURE = "llama"
_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
_BLOCK_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def write_model(source: Path, target: Path, *, half: bool = False) -> None:
    """Write the Llama in the folder `source` to the file `target`, in F32 or F16."""
    config = json.loads((source / "config.json").read_text())
    writer = gguf.GGUFWriter(target, ARCHITECTURE)
    _describe(writer, config, half=half)
    _add_tokenizer(writer, source)
    for name, tensor in sorted(load_file(source / "model.safetensors").items()):
        weights = _rotated(name, tensor.astype(np.float32), config)
        flat = weights.ndim == 1 or not half
        writer.add_tensor(_name(name), weights if flat else weights.astype(np.float16))
    _finish(writer)


def write_adapter(base: Path, source: Path, target: Path) -> None:
    """Write the LoRA in the folder `source`, made for the Llama in `base`, to the file `target`."""
    config = json.loads((base / "config.json").read_text())
    settings = json.loads((source / "adapter_config.json").read_text())
    writer = gguf.GGUFWriter(target, ARCHITECTURE)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(settings["lora_alpha"]))
    for name, tensor in sorted(load_file(source / "adapter_model.safetensors").items()):
        module, _, side = name.removeprefix("base_model.model.").rpartition(".lora_")
        weights = tensor.astype(np.float32)
        part = side[0].lower()
        if part == "b":
            weights = _rotated(module, weights, config)
        writer.add_tensor(f"{_name(f'{module}.weight')}.lora_{part}", weights)
    _finish(writer)


def _describe(writer: gguf.GGUFWriter, config: dict[str, Any], *, half: bool) -> None:
    heads, rope = config["num_attention_heads"], config.get("rope_parameters") or {}
    writer.add_name("Bleuet")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(float(rope.get("rope_theta", 10_000.0)))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    kind = gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.ALL_F32
    writer.add_file_type(kind)


def _add_tokenizer(writer: gguf.GGUFWriter, source: Path) -> None:
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    tokens = sorted({**vocabulary, **special}.items(), key=lambda item: item[1])
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_types([control if token in special else normal for token, _ in tokens])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(special[settings["pad_token"]])
    writer.add_eos_token_id(special[settings["eos_token"]])
    writer.add_pad_token_id(special[settings["pad_token"]])
    writer.add_add_bos_token(False)
    writer.add_chat_template((source / "chat_template.jinja").read_text(encoding="utf-8"))


def _name(name: str) -> str:
    """Return what llama.cpp calls a tensor of transformers."""
    module, _, kind = name.rpartition(".")
    if module in _NAMES:
        return f"{_NAMES[module]}.{kind}"
    _, _, layer, part = module.split(".", 3)
    return f"blk.{layer}.{_BLOCK_NAMES[part]}.{kind}"


def _rotated(
    name: str, weights: NDArray[np.float32], config: dict[str, Any]
) -> NDArray[np.float32]:
    if "q_proj" in name:
        heads = config["num_attention_heads"]
    elif "k_proj" in name:
        heads = config["num_key_value_heads"]
    else:
        return weights
    rows, *rest = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, *rest)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
