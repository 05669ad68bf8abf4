"""The formats of model files: the one table of what each needs and can become.

libgomp and others read their environment variables when they are loaded, before our code runs in
the child. So the variables are listed here, where the parent reads them without importing the
format's module; those set in the service's own environment take precedence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FileFormat = Literal["gguf", "safetensors", "onnx", "lora"]
"""What `model add` takes: the formats of FORMATS but `scripted`, and adapters for two of them."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a format needs, and which smaller variants are made of it.

    `module` has its `open_runner`, `extra` brings its library, which starts with `environment`;
    `process_bytes` is what the process takes before it opens a model. `weights` are the patterns of
    its weight files in a folder. `variants` are precisions made of it, best first, those
    `on_request` only when they are named; with `converts_on_load` they are ways of opening the
    original instead of files.
    """

    module: str
    extra: str
    environment: Mapping[str, str] = field(default_factory=dict)
    process_bytes: int = 0
    weights: tuple[str, ...] = ("*.safetensors",)
    variants: tuple[str, ...] = ()
    on_request: tuple[str, ...] = ()
    converts_on_load: bool = False


_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}

MIB = 1024**2

FORMATS: Mapping[str, Format] = {
    "gguf": Format(
        "ai_core.engines.gguf.runner",
        "gguf",
        process_bytes=120 * MIB,
        variants=("q8_0", "q6_k", "q5_k_m", "q4_k_m"),
        # bf16 is no smaller than fp16 and q4_0 is worse than q4_k_m, and either may be what a
        # processor computes fastest.
        on_request=("bf16", "q4_0"),
    ),
    "safetensors": Format(
        "ai_core.engines.folder.safetensors",
        "torch",
        _OFFLINE,
        process_bytes=500 * MIB,
        variants=("bf16", "int8"),
        converts_on_load=True,
    ),
    "onnx": Format(
        "ai_core.engines.folder.onnx",
        "onnx",
        _OFFLINE,
        process_bytes=160 * MIB,
        weights=("*.onnx", "*.onnx_data", "*.onnx.data", "onnx/*.onnx*"),
        variants=("int8",),
    ),
    "scripted": Format("ai_core.engines.process.scripted_runner", "ai"),
}
