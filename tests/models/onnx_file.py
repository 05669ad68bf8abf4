"""Exports a decoder to ONNX with its key-value cache as inputs and outputs.

The names are those of the ONNX models on the Hub: `input_ids`, `attention_mask`, `position_ids`,
`past_key_values.N.key`, `past_key_values.N.value`, `logits`, `present.N.key`, `present.N.value`.
Only the last token's logits leave the model: a reader of long prompts needs no others.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, DynamicCache

MASKED = float(torch.finfo(torch.float32).min)


class Decoder(torch.nn.Module):
    """A transformers model as a function of tensors alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor,
        *past: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Return the last logits, [row, 1, word], then each layer's key and value."""
        cache: Any = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        new, seen = input_ids.shape[1], attention_mask.shape[1]
        at = torch.arange(seen)
        causal = at[None, :] <= (at[seen - new :])[:, None]
        allowed = causal[None, None] & (attention_mask[:, None, None, :] > 0)
        hidden = self.model.model(
            input_ids=input_ids,
            attention_mask=torch.where(allowed, 0.0, MASKED),
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        kept = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
        return (self.model.lm_head(hidden[:, -1:]), *kept)


def write_model(source: Path, target: Path) -> None:
    """Export the model in the folder `source` to the file `target`."""
    model: Any = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, attn_implementation="eager"
    )
    model.eval()
    config = model.config
    layers = range(config.num_hidden_layers)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    past = [torch.zeros(2, config.num_key_value_heads, 3, head) for _ in layers for _ in "kv"]
    parts = ("key", "value")
    pasts = [f"past_key_values.{layer}.{part}" for layer in layers for part in parts]
    presents = [f"present.{layer}.{part}" for layer in layers for part in parts]
    inputs = (
        torch.ones(2, 4, dtype=torch.long),
        torch.ones(2, 7, dtype=torch.long),
        torch.arange(3, 7).repeat(2, 1),
        *past,
    )
    axes = {
        "input_ids": {0: "rows", 1: "new"},
        "attention_mask": {0: "rows", 1: "seen"},
        "position_ids": {0: "rows", 1: "new"},
        "logits": {0: "rows"},
        **{name: {0: "rows", 2: "kept"} for name in pasts},
        **{name: {0: "rows", 2: "seen"} for name in presents},
    }
    with torch.no_grad():
        torch.onnx.export(
            Decoder(model),
            inputs,
            target,
            input_names=["input_ids", "attention_mask", "position_ids", *pasts],
            output_names=["logits", *presents],
            dynamic_axes=axes,
            opset_version=18,
            dynamo=False,
        )
