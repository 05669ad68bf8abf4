"""ONNX models through onnxruntime, their keys and values kept between steps.

A model is a folder as the Hub has them: `model.onnx` (there or in `onnx/`) with the inputs
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
from onnxruntime.capi import onnxruntime_pybind11_state as refusals

from ai_core.engines.base import Capabilities
from ai_core.engines.decoding.threads import Pace, cores
from ai_core.engines.folder.continuous_batching import ContinuousBatchingRunner, Rows
from ai_core.engines.folder.tokenizer import Words, read_json
from ai_core.engines.runner import LoadOptions, RunnerInfo, slots_that_fit
from ai_core.errors import ModelUnusable, Unsupported

CONTEXT_TOKENS = 4_096
INT8 = "int8"
_PLACES = ("model.onnx", "onnx/model.onnx")
_INT8_PLACES = ("model_int8.onnx", "model_quantized.onnx")
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_NAMES = {"tensor(float)": "fp32", "tensor(float16)": "fp16"}
_BESIDE = ("*.json", "*.jinja", "*.model", "*.txt")
_REFUSALS = (
    refusals.EPFail,
    refusals.Fail,
    refusals.InvalidArgument,
    refusals.InvalidGraph,
    refusals.InvalidProtobuf,
    refusals.ModelLoadCanceled,
    refusals.NoModel,
    refusals.NoSuchFile,
    refusals.NotImplemented,
    refusals.RuntimeException,
    RuntimeError,
    ValueError,
)
_LARGEST_FILE_BYTES = 1_500_000_000  # protobuf ends at 2 GiB: beyond, weights go beside the model


def open_runner(path: str, options: LoadOptions) -> ContinuousBatchingRunner:
    """Bring the model at `path`, a folder or a file, to memory. Raises ModelUnusable.

    The precision is the file's; `options.precision` "int8" opens the int8 file of a folder that
    has several.
    """
    file = _file(Path(path), options.precision)
    folder = file.parent if (file.parent / "config.json").is_file() else file.parent.parent
    config = read_json(folder / "config.json")
    if not config:
        raise ModelUnusable(f"{file.parent / 'config.json'} is missing: put the model's own there")
    threads = options.threads or cores()
    decoder = OnnxDecoder(file, config, threads)
    if options.precision not in {"", decoder.precision}:
        raise ModelUnusable(
            f"{file} is in {decoder.precision}; to have {options.precision}, "
            "make it with ./neo model quantize"
        )
    words = Words(folder, decoder.vocabulary, options.chat_template)
    trained = int(config.get("max_position_embeddings", CONTEXT_TOKENS))
    context_tokens = options.context_tokens or min(trained, CONTEXT_TOKENS)
    slots = options.slots or slots_that_fit(decoder.bytes_per_token * context_tokens)
    facts = RunnerInfo(
        context_tokens,
        slots if decoder.pads else 1,
        Capabilities(logprobs=True),
        decoder.precision,
        decoder.device,
    )
    return ContinuousBatchingRunner(decoder, words, facts, Pace(threads))


def quantize_int8(source: Path, target: Path) -> None:
    """Write the ONNX model in the folder `source` to the folder `target` with weights in int8.

    Weights are quantized by output channel, activations as they come. Raises ModelUnusable.
    """
    # Serving needs neither of them.
    import onnx
    from google.protobuf.message import DecodeError
    from onnxruntime.quantization import QuantType, quantize_dynamic

    file = _file(source, "")
    folder = file.parent if (file.parent / "config.json").is_file() else file.parent.parent
    target.mkdir(parents=True, exist_ok=True)
    size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))
    damaged = (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
    try:
        quantize_dynamic(
            onnx.load(file),  # by its path, it would write beside it
            target / "model.onnx",
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=size > _LARGEST_FILE_BYTES,
        )
    except (*damaged, ValueError, RuntimeError, KeyError, OSError) as fault:
        raise ModelUnusable(f"{file} cannot be quantized: {_first_line(fault)}") from fault
    for pattern in _BESIDE:
        for beside in folder.glob(pattern):
            shutil.copy(beside, target / beside.name)


class OnnxDecoder:
    """An ONNX model as a function; see `Decoder`. What it keeps is a list of OrtValues."""

    def __init__(self, file: Path, config: dict[str, Any], threads: int) -> None:
        self._file = file
        self._session = _session(file, threads)
        inputs = {given.name: given for given in self._session.get_inputs()}
        self._pasts = [name for name in inputs if name.startswith("past_key_values.")]
        outputs = {made.name: made for made in self._session.get_outputs()}
        self._outputs = ["logits", *(_present(name) for name in self._pasts)]
        wanted = {"input_ids", "attention_mask"}
        known = {*wanted, "position_ids", *self._pasts}
        if not self._pasts or not wanted <= set(inputs) <= known or set(self._outputs) - {*outputs}:
            raise ModelUnusable(
                f"{file} keeps no keys and values between steps (its inputs: "
                f"{', '.join(sorted(inputs))}); export it with its "
                "cache (text-generation-with-past)"
            )
        self._placed = "position_ids" in inputs
        past = inputs[self._pasts[0]]
        self._type = _TYPES.get(past.type, np.float32)
        self._shape = tuple(
            size if isinstance(size, int) else _from_config(config, at)
            for at, size in enumerate(past.shape)
        )
        rows = outputs["logits"].shape[-1]
        self.vocabulary = rows if isinstance(rows, int) else int(config.get("vocab_size", 0))
        self.precision = INT8 if _mentions(file, b"MatMulInteger") else _NAMES.get(past.type, "")
        # This operator counts tokens from the left: a row may not begin with padding.
        self.pads = not _mentions(file, b"GroupQueryAttention")
        self.device = "cuda" if "CUDA" in self._session.get_providers()[0] else "cpu"

    @property
    def bytes_per_token(self) -> int:
        """Return what the keys and values of a token take."""
        _, heads, _, numbers = self._shape
        return len(self._pasts) * heads * numbers * np.dtype(self._type).itemsize

    def compute(self, kept: Any, rows: Rows) -> tuple[npt.NDArray[np.float32], Any]:
        """Return the logits after each row's last token, and the keys and values."""
        feeds = {"input_ids": _value(rows.tokens), "attention_mask": _value(rows.seen)}
        if self._placed:
            feeds["position_ids"] = _value(rows.positions)
        pasts = self._nothing(len(rows.tokens)) if kept is None else kept
        feeds.update(zip(self._pasts, pasts, strict=True))
        logits, *presents = self._session.run_with_ort_values(self._outputs, feeds)
        last: npt.NDArray[np.float32] = logits.numpy()[:, -1].astype(np.float32, copy=False)
        return last, presents

    def join(self, first: Any, second: Any) -> Any:
        """Put the rows of `second` under those of `first`, both padded on the left."""
        return [
            _joined(one.numpy(), other.numpy()) for one, other in zip(first, second, strict=True)
        ]

    def select(self, kept: Any, rows: Sequence[int], drop: int) -> Any:
        """Keep only `rows`, without their first `drop` columns."""
        return [_value(one.numpy()[list(rows)][:, :, drop:]) for one in kept]

    def set_threads(self, threads: int) -> None:
        """Keep the threads: onnxruntime's are those its session began with."""

    def embed(self, tokens: Sequence[int]) -> list[float]:
        """Raise Unsupported: the exported graph gives logits, not states."""
        raise Unsupported(f"{self._file.name} writes text and has no vectors")

    def load_adapter(self, name: str, path: str) -> None:
        """Raise ModelUnusable: an ONNX graph takes no adapter at run time."""
        raise ModelUnusable(
            f"{path}: an ONNX model takes no adapter; serve {name} on its SafeTensors or GGUF base"
        )

    def close(self) -> None:
        """Give the memory back."""
        self._session = None
        gc.collect()

    def _nothing(self, rows: int) -> list[Any]:
        _, heads, _, numbers = self._shape
        return [_value(np.zeros((rows, heads, 0, numbers), self._type)) for _ in self._pasts]


def _file(path: Path, precision: str) -> Path:
    if path.is_file():
        return path
    names = (*_INT8_PLACES, *_PLACES) if precision == INT8 else (*_PLACES, *_INT8_PLACES)
    places = [path / folder / name for name in names for folder in ("", "onnx")]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ModelUnusable(f"{path}: no model.onnx there; check the path in models.toml")
    return found


def _session(file: Path, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    providers = [name for name in wanted if name in ort.get_available_providers()]
    try:
        return ort.InferenceSession(str(file), options, providers=providers)
    except _REFUSALS as fault:
        raise ModelUnusable(
            f"{file} cannot be opened ({_first_line(fault)}); fetch or export it again"
        ) from fault


def _present(past: str) -> str:
    return past.replace("past_key_values.", "present.")


def _from_config(config: dict[str, Any], at: int) -> int:
    """Return a dimension of the keys, [row, head, column, number], that the graph leaves open."""
    heads = int(config.get("num_attention_heads", 1))
    if at == 1:
        return int(config.get("num_key_value_heads", heads))
    if at == 3:
        return int(config.get("head_dim") or int(config.get("hidden_size", heads)) // heads)
    return 0


def _mentions(file: Path, operator: bytes) -> bool:
    """Tell whether the graph has an operator: its name stands in the file as it is."""
    with file.open("rb") as data, mmap.mmap(data.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(operator) >= 0


def _value(numbers: npt.NDArray[Any]) -> Any:
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(numbers))


def _joined(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Any:
    width = max(first.shape[2], second.shape[2])
    rows, heads, _, numbers = first.shape
    both = np.zeros((rows + len(second), heads, width, numbers), first.dtype)
    both[:rows, :, width - first.shape[2] :] = first
    both[rows:, :, width - second.shape[2] :] = second
    return _value(both)


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip() or type(fault).__name__).partition("\n")[0][:200]
