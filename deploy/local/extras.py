"""What `./neo` installs: the extras of pyproject.toml that a command or a model needs."""

import tomllib
from pathlib import Path

from deploy.local.errors import Stop
from deploy.local.layout import MODELS
from deploy.local.preflight import need_model

SERVICES = ("ai", "telegram", "mail")
MODEL_EXTRAS = {"gguf": "gguf", "safetensors": "torch", "onnx": "onnx"}
"""What a model's format needs installed; the extractive engine and remote models need nothing."""
TEST_EXTRAS = (
    *("embedded", *SERVICES, *MODEL_EXTRAS.values()),
    *("tracing", "error-reports", "names", "voice", "ocr", "dev"),
)
AUDIT_EXTRAS = ("audit", "images")


def model_extras(*sources: str) -> list[str]:
    """Return what the models that ./neo model added need, and those at `sources`.

    A source is a path or `hf:…`. Raises Stop for a path without a model.
    """
    formats = {str(model.get("format")) for model in listed_models()}
    for source in sources:
        if source.startswith(("http://", "https://")):
            continue
        if source.startswith("hf:"):
            formats.add("gguf" if "gguf" in source.lower() else "safetensors")
        else:
            formats.add(format_of(Path(source)))
    return [extra for name, extra in MODEL_EXTRAS.items() if name in formats]


def listed_models() -> list[dict[str, object]]:
    """Return the models of models.toml as they stand there. Raises Stop."""
    if not MODELS.exists():
        return []
    try:
        found: list[dict[str, object]] = tomllib.loads(MODELS.read_text()).get("model", [])
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"{MODELS} is not TOML: {error}") from None
    return found


def format_of(path: Path) -> str:
    """Return the format that a model's files need a library for. Raises Stop."""
    format = need_model(path)
    if format == "lora":
        return "gguf" if path.suffix == ".gguf" else "safetensors"
    return format
