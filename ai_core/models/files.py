"""Reads the metadata of model files without any model library.

GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. SafeTensors: an 8-byte length, a
JSON header, the tensors (https://github.com/huggingface/safetensors). A folder of SafeTensors or
ONNX files carries a `config.json` as transformers writes it.
"""

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from ai_core.engines.formats import FORMATS, FileFormat
from ai_core.errors import ModelUnusable

MAGIC = b"GGUF"
ADAPTER_WEIGHTS = ("*.safetensors",)
CHAT_TEMPLATE = "tokenizer.chat_template"
_SHARD = re.compile(r"(?P<model>.+)-\d{5}-of-(?P<count>\d{5})\.gguf", re.ASCII)
"""Names of the files of a split GGUF, as llama.cpp's gguf-split writes them."""
_LICENCE = re.compile(r"^license:[ \t]*['\"]?([\w.-]+)", re.MULTILINE)
MAX_HEADER_BYTES = 256 * 1024 * 1024
MAX_STRING_CHARS = 4_096  # longer metadata, as a vocabulary, is skipped
STRING, ARRAY = 8, 9
SCALARS = {  # metadata type of GGUF: its format character in `struct`
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
GGML_BLOCKS = {  # ggml type: (numbers in a block, bytes of a block)
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip
GGUF_PRECISIONS = {  # general.file_type of llama.cpp
    0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 7: "q8_0", 8: "q5_0", 9: "q5_1", 10: "q2_k",
    11: "q3_k_s", 12: "q3_k_m", 13: "q3_k_l", 14: "q4_k_s", 15: "q4_k_m", 16: "q5_k_s",
    17: "q5_k_m", 18: "q6_k", 32: "bf16",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """Metadata of a model's files; 0 and "" where it is absent.

    `size_bytes` counts the weights' files. `cache_bytes_per_token` is what one token of context
    takes in memory: keys and values, in 2 bytes for GGUF and 4 for the others. `base` is the name
    or architecture an adapter was made for. `has_chat_template` is true for what needs none, as an
    adapter or an encoder.
    """

    format: FileFormat
    size_bytes: int
    precision: str = ""
    architecture: str = ""
    context_tokens: int = 0
    vocabulary: int = 0
    width: int = 0
    cache_bytes_per_token: int = 0
    base: str = ""
    licence: str = ""
    has_chat_template: bool = True


def read_metadata(path: Path, format: FileFormat) -> ModelMetadata:
    """Read and check a model's files: present, complete, and of that format.

    Raises ModelUnusable that names the damaged file and what to do. Blocks on the disk.
    """
    if not path.exists():
        raise ModelUnusable(f"{path} does not exist: give the model's file again (model add)")
    _require_shards(path)
    try:
        if format == "gguf" or (format == "lora" and path.suffix == ".gguf"):
            return _read_gguf(path, format)
        return _read_folder(path, format)
    except (OSError, ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise ModelUnusable(f"{path} is damaged ({error}): fetch it again") from error


def guess_format(path: Path) -> FileFormat:
    """Return the format of a file or folder. Raises ModelUnusable for an unknown one."""
    if not path.exists():
        raise ModelUnusable(f"{path} does not exist")
    if path.is_file():
        return _format_of_file(path)
    if any(path.glob("*.gguf")):
        raise ModelUnusable(f"{path} is a folder of GGUF files: name one of them")
    if (path / "adapter_config.json").exists():
        return "lora"
    if any(path.glob("*.onnx")) or any(path.glob("onnx/*.onnx")):
        return "onnx"
    if any(path.glob("*.safetensors")):
        return "safetensors"
    raise ModelUnusable(f"{path} holds no model: no .gguf, .safetensors or .onnx file")


def _format_of_file(path: Path) -> FileFormat:
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ModelUnusable(f"{path} is not a GGUF file; SafeTensors and ONNX come as folders")
    try:
        header, _ = _gguf_header(path)
    except (ValueError, KeyError, struct.error):
        return "gguf"  # damaged: `read_metadata` raises the details
    return "lora" if header.get("general.type") == "adapter" else "gguf"


def weight_files(path: Path, format: str) -> list[Path]:
    """List the files that decide what a model writes, in a stable order."""
    if path.is_file():
        return [path.with_name(name) for name in shard_names(path.name)]
    patterns = FORMATS[format].weights if format in FORMATS else ADAPTER_WEIGHTS
    return sorted({file for pattern in patterns for file in path.glob(pattern)})


def shard_names(name: str) -> list[str]:
    """List the names of all files of the split GGUF that a file belongs to, in order.

    A file that is no part of one is listed alone.
    """
    shard = _SHARD.fullmatch(name)
    if not shard:
        return [name]
    count = int(shard["count"])
    return [f"{shard['model']}-{at:05}-of-{shard['count']}.gguf" for at in range(1, count + 1)]


def main_file(path: Path) -> Path:
    """Return the absolute path that opens a model: of a split GGUF, its first file.

    Links are followed, but not those of a split GGUF, whose files are found by their names.
    """
    names = shard_names(path.name)
    return path.absolute().with_name(names[0]) if len(names) > 1 else path.resolve()


def _require_shards(path: Path) -> None:
    missing = [name for name in shard_names(path.name) if not path.with_name(name).exists()]
    if missing and path.is_file():
        raise ModelUnusable(
            f"{path.name} is a part of a model, and {', '.join(missing)} of the same model "
            f"{'is' if len(missing) == 1 else 'are'} not in {path.parent}: put all its parts there"
        )


def _read_gguf(path: Path, format: FileFormat) -> ModelMetadata:
    files = weight_files(main_file(path), format)
    header = _check_shards(files)
    content = str(header.get("general.type", "model"))
    if (content == "adapter") != (format == "lora"):
        raise ValueError(f"it holds an {content}, not what format {format} means")
    name = str(header.get("general.architecture", ""))

    def number(key: str) -> int:
        found = header.get(f"{name}.{key}", 0)
        return int(found) if isinstance(found, int | float) else 0

    layers, width, heads = (
        number("block_count"),
        number("embedding_length"),
        number("attention.head_count"),
    )
    head_width = number("attention.key_length") or (width // heads if heads else 0)
    kv_heads = number("attention.head_count_kv") or heads
    pooling = f"{name}.pooling_type" in header
    return ModelMetadata(
        format=format,
        size_bytes=_size(files),
        precision=GGUF_PRECISIONS.get(int(header.get("general.file_type", -1)), ""),
        architecture=name,
        context_tokens=number("context_length"),
        vocabulary=int(header.get("tokenizer.ggml.tokens[]", 0)),
        width=width,
        cache_bytes_per_token=2 * 2 * layers * kv_heads * head_width,
        base=name if format == "lora" else "",
        licence=str(header.get("general.license", "")),
        has_chat_template=format == "lora" or pooling or CHAT_TEMPLATE in header,
    )


def _check_shards(files: list[Path]) -> dict[str, Any]:
    """Check that every file of a GGUF model is whole; return the metadata of the first.

    Raises ValueError, and ModelUnusable for a part of a split model under another name.
    """
    headers = []
    for file in files:
        header, needed_bytes = _gguf_header(file)
        size_bytes = file.stat().st_size
        if size_bytes < needed_bytes:
            raise ValueError(f"{file.name}: {needed_bytes} bytes expected, {size_bytes} found")
        headers.append(header)
    parts = int(headers[0].get("split.count", 1) or 1)
    if parts != len(files):
        at = int(headers[0].get("split.no", 0)) + 1
        raise ModelUnusable(
            f"{files[0].name} is part {at} of {parts} of a model: put all its parts in one folder, "
            f"under the names they came with, which end with -{at:05}-of-{parts:05}.gguf"
        )
    return headers[0]


def _gguf_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the metadata (of an array, as `key[]`, its length) and the bytes of the whole file."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("the magic number is not GGUF")
        version, tensors, pairs = struct.unpack("<IQQ", file.read(20))
        if version not in {2, 3}:
            raise ValueError(f"GGUF version {version} is not read here")
        header = {}
        for _ in range(pairs):
            key = _read_string(file)
            type_id = _read_scalar(file, "I")
            header[f"{key}[]" if type_id == ARRAY else key] = _read_value(file, type_id)
        ends = list(_tensor_ends(file, tensors))
        align = int(header.get("general.alignment", 32))
        start = -(-file.tell() // align) * align
        return header, start + max(ends, default=0)


def _tensor_ends(file: BinaryIO, tensors: int) -> Iterator[int]:
    for _ in range(tensors):
        _read_string(file)
        numbers = 1
        for _ in range(_read_scalar(file, "I")):
            numbers *= _read_scalar(file, "Q")
        type_id, offset = _read_scalar(file, "I"), _read_scalar(file, "Q")
        block, bytes_of_block = GGML_BLOCKS.get(type_id, (1, 0))
        yield offset + numbers // block * bytes_of_block


def _read_value(file: BinaryIO, type_id: int) -> Any:
    if type_id == STRING:
        return _read_string(file)
    if type_id != ARRAY:
        return _read_scalar(file, SCALARS[type_id])
    item, length = _read_scalar(file, "I"), _read_scalar(file, "Q")
    if item in SCALARS:
        file.seek(struct.calcsize(SCALARS[item]) * length, 1)
    else:
        for _ in range(length):
            _read_value(file, item)
    return length


def _read_string(file: BinaryIO) -> str:
    length = _read_scalar(file, "Q")
    if length > MAX_HEADER_BYTES:
        raise ValueError("a name longer than any file")
    if length > MAX_STRING_CHARS:
        file.seek(length, 1)
        return ""
    return file.read(length).decode("utf-8", "replace")


def _read_scalar(file: BinaryIO, form: str) -> Any:
    return struct.unpack(f"<{form}", file.read(struct.calcsize(form)))[0]


def _read_folder(path: Path, format: FileFormat) -> ModelMetadata:
    files = weight_files(path, format)
    if not files:
        raise ValueError(f"no {format} weights in it")
    for file in files:
        if file.suffix == ".safetensors":
            _check_safetensors(file)
        elif not file.stat().st_size:
            raise ValueError(f"{file.name} is empty")
    if format == "lora":
        adapter = json.loads((path / "adapter_config.json").read_text("utf-8"))
        base = str(adapter.get("base_model_name_or_path") or "")
        return ModelMetadata(format, _size(files), base=base)
    missing = [name for name in ("config.json", "tokenizer.json") if not (path / name).exists()]
    if missing:
        raise ValueError(f"{' and '.join(missing)} missing beside the weights")
    config = json.loads((path / "config.json").read_text("utf-8"))
    found = _transformer(files, format, config)
    return replace(found, licence=_folder_licence(path), has_chat_template=_has_chat_template(path))


def _folder_licence(path: Path) -> str:
    """Return the licence in the head of a model card (README.md, YAML between two lines `---`)."""
    try:
        card = (path / "README.md").read_text("utf-8", "replace")
    except OSError:
        return ""
    head = card.removeprefix("\ufeff").split("---", 2)
    licence = _LICENCE.search(head[1]) if len(head) > 2 and not head[0].strip() else None
    return licence[1] if licence else ""


def _has_chat_template(path: Path) -> bool:
    if (path / "chat_template.jinja").exists():
        return True
    try:
        settings = json.loads((path / "tokenizer_config.json").read_text("utf-8"))
    except FileNotFoundError:
        return False
    return isinstance(settings, dict) and bool(settings.get("chat_template"))


def _transformer(files: list[Path], format: FileFormat, config: dict[str, Any]) -> ModelMetadata:
    layers, width = int(config.get("num_hidden_layers", 0)), int(config.get("hidden_size", 0))
    heads = int(config.get("num_attention_heads", 0))
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_width = int(config.get("head_dim") or (width // heads if heads else 0))
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "")
    dtype = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}.get(dtype, dtype)
    return ModelMetadata(
        format=format,
        size_bytes=_size(files),
        precision=dtype if format == "safetensors" else "",
        architecture=str(config.get("model_type", "")),
        context_tokens=int(config.get("max_position_embeddings", 0)),
        vocabulary=int(config.get("vocab_size", 0)),
        width=width,
        cache_bytes_per_token=2 * 4 * layers * kv_heads * head_width,
    )


def _check_safetensors(file: Path) -> None:
    size_bytes = file.stat().st_size
    with file.open("rb") as opened:
        header_bytes = _read_scalar(opened, "Q")
        if not 0 < header_bytes <= min(MAX_HEADER_BYTES, size_bytes):
            raise ValueError(f"{file.name} has no SafeTensors header")
        header = json.loads(opened.read(header_bytes))
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    needed_bytes = 8 + header_bytes + max(ends, default=0)
    if needed_bytes != size_bytes:
        raise ValueError(f"{file.name}: {needed_bytes} bytes expected, {size_bytes} found")


def _size(files: list[Path]) -> int:
    return sum(file.stat().st_size for file in files)
