"""ONNX models through onnxruntime, with their keys and values cached between steps.

A model is a folder as on the Hugging Face Hub: `model.onnx` (there or in `onnx/`) with the inputs
`input_ids`, `attention_mask`, `past_key_values.N.key`, `past_key_values.N.value` (`position_ids`
where the model wants it) and the outputs `logits`, `present.N.key`, `present.N.value`; beside it
`config.json` and the tokenizer. Neither transformers nor torch is needed.
"""

import gc
import mmap
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from ai_core.engines.base import Capabilities
from ai_core.engines.decoding.sampling import Logits
from ai_core.engines.decoding.threads import ThreadGovernor, available_cores
from ai_core.engines.folder.continuous_batching import ContinuousBatchingRunner, DecoderInput
from ai_core.engines.folder.files import first_line, load_json
from ai_core.engines.folder.tokenizer import Tokenizer
from ai_core.engines.runner import CONTEXT_TOKENS, LoadOptions, RunnerInfo, fit_memory
from ai_core.errors import ModelUnusable, Unsupported

INT8 = "int8"
_FILE_NAMES = ("model.onnx", "onnx/model.onnx")
_INT8_NAMES = ("model_int8.onnx", "model_quantized.onnx")
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_PRECISIONS = {"tensor(float)": "fp32", "tensor(float16)": "fp16"}
_COMPANIONS = ("*.json", "*.jinja", "*.model", "*.txt")
_LOAD_ERRORS = (
    errors.EPFail,
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.ModelLoadCanceled,
    errors.NoModel,
    errors.NoSuchFile,
    errors.NotImplemented,
    errors.RuntimeException,
    RuntimeError,
    ValueError,
)
_MAX_FILE_BYTES = 1_500_000_000  # protobuf ends at 2 GiB: beyond, weights get files of their own


def open_runner(path: str, options: LoadOptions) -> ContinuousBatchingRunner:
    """Load the model at `path`, a folder or a file. Raises ModelUnusable.

    The precision is the file's; `options.precision` "int8" takes the int8 file of a folder that has
    several.
    """
    file = _find_file(Path(path), options.precision)
    folder = _folder_of(file)
    config = load_json(folder / "config.json")
    if not config:
        raise ModelUnusable(f"{file.parent / 'config.json'} is missing: put the model's own there")
    threads = options.threads or available_cores()
    decoder = OnnxDecoder(file, config, threads)
    if options.precision not in {"", decoder.precision}:
        raise ModelUnusable(
            f"{file} is in {decoder.precision}; to have {options.precision}, "
            "make it with ./neo model quantize"
        )
    tokenizer = Tokenizer(folder, decoder.vocabulary, options.chat_template)
    trained = int(config.get("max_position_embeddings", CONTEXT_TOKENS))
    context_tokens, slots = fit_memory(options, trained, decoder.kv_bytes_per_token)
    info = RunnerInfo(
        context_tokens,
        slots if decoder.allows_padding else 1,
        Capabilities(json_schema=True, logprobs=True, tools=tokenizer.tool_call_format),
        decoder.precision,
        decoder.device,
    )
    return ContinuousBatchingRunner(decoder, tokenizer, info, ThreadGovernor(threads))


def quantize_int8(source: Path, target: Path) -> None:
    """Write the ONNX model in the folder `source` to the folder `target` with weights in int8.

    Weights are quantized per output channel, activations dynamically. Raises ModelUnusable.
    """
    # Not installed with the extra: serving needs neither.
    import onnx
    from google.protobuf.message import DecodeError
    from onnxruntime.quantization import QuantType, quantize_dynamic

    file = _find_file(source, "")
    folder = _folder_of(file)
    target.mkdir(parents=True, exist_ok=True)
    size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))
    damage = (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
    try:
        quantize_dynamic(
            onnx.load(file),  # given a path, it would write a file beside it
            target / "model.onnx",
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=size > _MAX_FILE_BYTES,
        )
    except (*damage, ValueError, RuntimeError, KeyError, OSError) as error:
        raise ModelUnusable(f"{file} cannot be quantized: {first_line(error)}") from error
    for pattern in _COMPANIONS:
        for companion in folder.glob(pattern):
            shutil.copy(companion, target / companion.name)


class OnnxDecoder:
    """An ONNX model as a function; see `Decoder`. Its cache is a list of OrtValues."""

    def __init__(self, file: Path, config: dict[str, Any], threads: int) -> None:
        self._file = file
        self._session = _session(file, threads)
        inputs = {one.name: one for one in self._session.get_inputs()}
        self._pasts = [name for name in inputs if name.startswith("past_key_values.")]
        outputs = {one.name: one for one in self._session.get_outputs()}
        self._outputs = ["logits", *(_present(name) for name in self._pasts)]
        required = {"input_ids", "attention_mask"}
        known = {*required, "position_ids", *self._pasts}
        missing = set(self._outputs) - set(outputs)
        if not self._pasts or not required <= set(inputs) <= known or missing:
            raise ModelUnusable(
                f"{file} keeps no keys and values between steps (its inputs: "
                f"{', '.join(sorted(inputs))}); export it with its "
                "cache (text-generation-with-past)"
            )
        self._takes_positions = "position_ids" in inputs
        past = inputs[self._pasts[0]]
        self._dtype = _DTYPES.get(past.type, np.float32)
        self._shape = tuple(
            size if isinstance(size, int) else _from_config(config, at)
            for at, size in enumerate(past.shape)
        )
        width = outputs["logits"].shape[-1]
        self.vocabulary = width if isinstance(width, int) else int(config.get("vocab_size", 0))
        self.precision = (
            INT8 if _has_operator(file, b"MatMulInteger") else _PRECISIONS.get(past.type, "")
        )
        # This operator counts positions from the left: a row may not begin with padding.
        self.allows_padding = not _has_operator(file, b"GroupQueryAttention")
        self.device = "cuda" if "CUDA" in self._session.get_providers()[0] else "cpu"

    @property
    def kv_bytes_per_token(self) -> int:
        """Return the bytes of a token's keys and values."""
        _, heads, _, width = self._shape
        return len(self._pasts) * heads * width * np.dtype(self._dtype).itemsize

    def compute(self, cache: Any, inputs: DecoderInput) -> tuple[Logits, Any]:
        """Return the logits after each row's last token, and the keys and values."""
        feeds = {
            "input_ids": _to_ort(inputs.tokens),
            "attention_mask": _to_ort(inputs.attention_mask),
        }
        if self._takes_positions:
            feeds["position_ids"] = _to_ort(inputs.positions)
        pasts = self._empty_cache(len(inputs.tokens)) if cache is None else cache
        feeds.update(zip(self._pasts, pasts, strict=True))
        logits, *presents = self._session.run_with_ort_values(self._outputs, feeds)
        last: Logits = logits.numpy()[:, -1].astype(np.float32, copy=False)
        return last, presents

    def join(self, first: Any, second: Any) -> Any:
        """Append the rows of cache `second` to those of `first`, both padded on the left."""
        return [
            _concatenated(one.numpy(), other.numpy())
            for one, other in zip(first, second, strict=True)
        ]

    def select(self, cache: Any, rows: Sequence[int], drop: int) -> Any:
        """Keep only `rows`, without their first `drop` columns."""
        return [_to_ort(one.numpy()[list(rows)][:, :, drop:]) for one in cache]

    def set_threads(self, threads: int) -> None:
        """Do nothing: onnxruntime's threads are fixed when its session is created."""

    def embed(self, tokens: Sequence[int]) -> list[float]:
        """Raise Unsupported: the exported graph returns logits, not hidden states."""
        raise Unsupported(f"{self._file.name} writes text and has no vectors")

    def load_adapter(self, name: str, path: str) -> None:
        """Raise ModelUnusable: an ONNX graph takes no adapter at run time."""
        raise ModelUnusable(
            f"{path}: an ONNX model takes no adapter; serve {name} on its SafeTensors or GGUF base"
        )

    def close(self) -> None:
        """Free the memory."""
        self._session = None
        gc.collect()

    def _empty_cache(self, rows: int) -> list[Any]:
        _, heads, _, width = self._shape
        return [_to_ort(np.zeros((rows, heads, 0, width), self._dtype)) for _ in self._pasts]


def _find_file(path: Path, precision: str) -> Path:
    if path.is_file():
        return path
    names = (*_INT8_NAMES, *_FILE_NAMES) if precision == INT8 else (*_FILE_NAMES, *_INT8_NAMES)
    candidates = [path / folder / name for name in names for folder in ("", "onnx")]
    found = next((file for file in candidates if file.is_file()), None)
    if found is None:
        raise ModelUnusable(f"{path}: no model.onnx there; check the path in models.toml")
    return found


def _folder_of(file: Path) -> Path:
    """Return the folder of config.json: that of the model file, or the one above `onnx/`."""
    return file.parent if (file.parent / "config.json").is_file() else file.parent.parent


def _session(file: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    preferred = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    providers = [name for name in preferred if name in ort.get_available_providers()]
    try:
        return ort.InferenceSession(str(file), options, providers=providers)
    except _LOAD_ERRORS as error:
        raise ModelUnusable(
            f"{file} cannot be opened ({first_line(error)}); fetch or export it again"
        ) from error


def _present(past: str) -> str:
    return past.replace("past_key_values.", "present.")


def _from_config(config: dict[str, Any], at: int) -> int:
    """Return a dimension of the keys, [row, head, column, width], that the graph leaves open."""
    heads = int(config.get("num_attention_heads", 1))
    if at == 1:
        return int(config.get("num_key_value_heads", heads))
    if at == 3:
        return int(config.get("head_dim") or int(config.get("hidden_size", heads)) // heads)
    return 0


def _has_operator(file: Path, operator: bytes) -> bool:
    """Whether the graph has an operator, by its name in the file's bytes."""
    with file.open("rb") as data, mmap.mmap(data.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(operator) >= 0


def _to_ort(array: npt.NDArray[Any]) -> Any:
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _concatenated(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Any:
    columns = max(first.shape[2], second.shape[2])
    rows, heads, _, width = first.shape
    both = np.zeros((rows + len(second), heads, columns, width), first.dtype)
    both[:rows, :, columns - first.shape[2] :] = first
    both[rows:, :, columns - second.shape[2] :] = second
    return _to_ort(both)
