"""The formats a model can come in, and the environment each one's library must start with.

libgomp and the like read their variables when they are loaded, before any code of ours runs in the
child: so they stand here, where the parent reads them without importing the format's module. What
the operator has set in the service's own environment wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Format:
    """Where a format's `open_runner` is, the extra that brings its library, its environment."""

    module: str
    extra: str
    environment: Mapping[str, str] = field(default_factory=dict)


_QUIET_HUB = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}

FORMATS: Mapping[str, Format] = {
    "gguf": Format("ai_core.engines.gguf.runner", "gguf"),
    "safetensors": Format("ai_core.engines.folder.safetensors", "torch", _QUIET_HUB),
    "onnx": Format("ai_core.engines.folder.onnx", "onnx", _QUIET_HUB),
    "scripted": Format("ai_core.engines.process.scripted_runner", "ai"),
}
