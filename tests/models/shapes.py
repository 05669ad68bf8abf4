"""Models with random weights and the shapes of real ones: their speed is real, their text is not.

`python -m tests.models.shapes NAME` fills .neo/bench/models/NAME with the folders `safetensors`
(bf16), `onnx`, `onnx-int8` and `lora`. Every letter is a token of its own, so a prompt of 200
letters has 200 tokens; no token ends an answer.
"""

import sys
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from ai_core.engines.folder.onnx import quantize_int8
from tests.models.bleuet import ROOT
from tests.models.onnx_file import write_model

SHAPES_KEPT = ROOT / ".neo" / "bench" / "models"
SHAPES: dict[str, dict[str, int]] = {
    "135M": {  # SmolLM2-135M
        "num_hidden_layers": 30,
        "hidden_size": 576,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1_536,
        "vocab_size": 49_152,
    },
    "0.5B": {  # Qwen2-0.5B
        "num_hidden_layers": 24,
        "hidden_size": 896,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "intermediate_size": 4_864,
        "vocab_size": 151_936,
    },
}
POSITIONS = 8_192


def make(name: str, folder: Path) -> None:
    """Write the model of a shape to `folder` in every form; parts that are there are kept."""
    tensors = folder / "safetensors"
    if not (tensors / "model.safetensors").exists():
        model = _model(name).to(torch.bfloat16)
        write_tokenizer(tensors, SHAPES[name]["vocab_size"])
        model.save_pretrained(tensors)
        _adapter(model).save_pretrained(str(folder / "lora"))
    exported = folder / "onnx"
    if not (exported / "model.onnx").exists():
        exported.mkdir(exist_ok=True)
        for file in tensors.glob("*.json"):
            (exported / file.name).write_bytes(file.read_bytes())
        write_model(tensors, exported / "model.onnx")
    if not (folder / "onnx-int8" / "model.onnx").exists():
        quantize_int8(exported, folder / "onnx-int8")


def write_tokenizer(folder: Path, rows: int) -> None:
    """Write a byte-level tokenizer of `rows` tokens, none of which joins two letters."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    filling = map("".join, product(ascii_lowercase, repeat=4))
    tokens = [*letters, *islice(filling, rows - len(letters))]
    tokenizer = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text("{}")


def _model(name: str) -> Any:
    torch.manual_seed(7)
    sizes: dict[str, Any] = {
        **SHAPES[name],
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if name == "0.5B":
        return Qwen2ForCausalLM(Qwen2Config(**sizes))
    return LlamaForCausalLM(LlamaConfig(**sizes))


def _adapter(model: Any) -> Any:
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=8, lora_alpha=16, target_modules=layers, init_lora_weights=False)
    return get_peft_model(model, config)


if __name__ == "__main__":
    make(sys.argv[1], SHAPES_KEPT / sys.argv[1])
