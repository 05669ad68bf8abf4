"""SafeTensors models through transformers and torch, with peft adapters.

Keys and values are written in place into buffers with spare columns: appending by concatenation, as
transformers does, copies all of them for every token. Rows with different adapters are computed
together (`adapter_names` of peft).
"""

import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from peft import PeftModel
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from ai_core.engines.base import Capabilities
from ai_core.engines.decoding.sampling import Logits
from ai_core.engines.decoding.threads import ThreadGovernor, available_cores
from ai_core.engines.folder.continuous_batching import ContinuousBatchingRunner, DecoderInput
from ai_core.engines.folder.files import first_line, load_json
from ai_core.engines.folder.tokenizer import Tokenizer
from ai_core.engines.runner import CONTEXT_TOKENS, LoadOptions, RunnerInfo, fit_memory
from ai_core.errors import ModelUnusable

SPARE_COLUMNS = 64
"""Columns of keys and values allocated at a time for tokens to come."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
INT8 = "int8"
_BASE = "__base__"  # what peft calls a row without an adapter
_LOAD_ERRORS = (
    SafetensorError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    ImportError,
)


def open_runner(path: str, options: LoadOptions) -> ContinuousBatchingRunner:
    """Load the model in the folder `path`.

    Precisions: fp32, bf16, fp16, and int8 on the CPU (weights of linear layers, activations
    quantized dynamically). By default: bf16 on CUDA; on the CPU the precision of the file, except
    that fp16, and bf16 where the CPU has no instructions for it, become fp32. Raises ModelUnusable.
    """
    folder = _find_folder(path)
    threads = options.threads or available_cores()
    torch.set_num_threads(threads)
    config = _load_config(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = options.precision or _best_precision(config, device)
    if precision not in (*PRECISIONS, INT8) or (precision, device) == (INT8, "cuda"):
        raise ModelUnusable(
            f"{path}: SafeTensors models have no precision {precision} on {device}; "
            f"choose {', '.join(PRECISIONS)}{'' if device == 'cuda' else f' or {INT8}'}"
        )
    text_config = config.get_text_config()
    tokenizer = Tokenizer(folder, int(text_config.vocab_size), options.chat_template)
    decoder = TorchDecoder(_load(folder, precision, device), path, precision)
    trained = int(getattr(text_config, "max_position_embeddings", CONTEXT_TOKENS))
    context_tokens, slots = fit_memory(options, trained, decoder.kv_bytes_per_token(text_config))
    info = RunnerInfo(
        context_tokens,
        slots,
        Capabilities(
            json_schema=True, logprobs=True, embeddings=True, tools=tokenizer.tool_call_format
        ),
        precision,
        device,
    )
    return ContinuousBatchingRunner(decoder, tokenizer, info, ThreadGovernor(threads))


class TorchDecoder:
    """A transformers model as a function; see `Decoder`."""

    def __init__(self, model: Any, path: str, precision: str) -> None:
        self._model = model
        self._path = path
        self._precision = precision
        self._peft_model: Any = None
        model.get_output_embeddings().register_forward_pre_hook(_make_contiguous)

    @torch.inference_mode()
    def compute(self, cache: Any, inputs: DecoderInput) -> tuple[Logits, Any]:
        """Return the logits after each row's last token, and the keys and values."""
        if cache is None:
            cache = Cache(layer_class_to_replicate=GrowingLayer)
        adapters: dict[str, Any] = {}
        model = self._model
        if self._peft_model is not None:
            model = self._peft_model
            adapters["adapter_names"] = [name or _BASE for name in inputs.adapters]
        output = model(
            input_ids=self._tensor(inputs.tokens),
            attention_mask=self._tensor(inputs.attention_mask),
            position_ids=self._tensor(inputs.positions),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **adapters,
        )
        logits: Logits = output.logits[:, -1].float().cpu().numpy()
        return logits, cache

    def join(self, first: Any, second: Any) -> Any:
        """Append the rows of cache `second` to those of `first`, both padded on the left."""
        with torch.inference_mode():
            for one, other in zip(first.layers, second.layers, strict=True):
                one.join(other)
        return first

    def select(self, cache: Any, rows: Sequence[int], drop: int) -> Any:
        """Keep only `rows`, without their first `drop` columns."""
        with torch.inference_mode():
            for layer in cache.layers:
                layer.select(rows, drop)
        return cache

    def set_threads(self, threads: int) -> None:
        """Set the number of threads from now on."""
        torch.set_num_threads(threads)

    @torch.inference_mode()
    def embed(self, tokens: Sequence[int]) -> list[float]:
        """Return the mean of the last layer's hidden states, scaled to unit length."""
        ids = self._tensor(np.array([tokens], dtype=np.int64))
        model = self._model
        states = model(input_ids=ids, output_hidden_states=True, logits_to_keep=1).hidden_states
        mean = states[-1][0].float().mean(dim=0)
        vector: list[float] = (mean / mean.norm()).cpu().tolist()
        return vector

    def load_adapter(self, name: str, path: str) -> None:
        """Load a peft LoRA. Raises ModelUnusable when it is not for this model."""
        self._check_adapter(path)
        try:
            with _ignored_warnings():
                if self._peft_model is None:
                    peft_model = PeftModel.from_pretrained(self._model, path, adapter_name=name)
                    self._peft_model = peft_model.eval()
                else:
                    self._peft_model.load_adapter(path, adapter_name=name)
        except _LOAD_ERRORS as error:
            raise ModelUnusable(
                f"{path} cannot be read as an adapter ({first_line(error)}); fetch it again"
            ) from error

    def close(self) -> None:
        """Free the memory."""
        self._model = self._peft_model = None
        gc.collect()

    def kv_bytes_per_token(self, config: Any) -> int:
        """Return the bytes of a token's keys and values."""
        heads = config.num_attention_heads
        head_width = getattr(config, "head_dim", None) or config.hidden_size // heads
        kv_heads = getattr(config, "num_key_value_heads", None) or heads
        number_bytes = 4 if self._precision in {"fp32", INT8} else 2
        return int(config.num_hidden_layers * 2 * kv_heads * head_width * number_bytes)

    def _check_adapter(self, path: str) -> None:
        """Compare every weight's shape with its layer, before any layer is changed."""
        if self._precision == INT8:
            raise ModelUnusable(
                f"{self._path} is open in int8, which takes no adapters: give it precision bf16 "
                f"or fp32 to use {path}"
            )
        settings = load_json(Path(path) / "adapter_config.json")
        weights = Path(path) / "adapter_model.safetensors"
        if settings.get("peft_type") != "LORA" or not weights.is_file():
            raise ModelUnusable(
                f"{path} holds no LoRA as peft writes it (adapter_config.json and "
                "adapter_model.safetensors); check the path in models.toml"
            )
        misfits = [name for name, shape in _shapes(weights) if not self._fits(name, shape)]
        if misfits:
            raise ModelUnusable(
                f"{path} is not an adapter of {self._path} ({misfits[0]} does not fit); "
                "use the one made for this base"
            )

    def _fits(self, name: str, shape: Sequence[int]) -> bool:
        module, found, side = name.removeprefix("base_model.model.").rpartition(".lora_")
        if not found or side not in {"A.weight", "B.weight"}:
            return True
        try:
            layer = self._model.get_submodule(module)
        except AttributeError:
            return False
        if side == "A.weight":
            return bool(shape[1] == layer.in_features)
        return bool(shape[0] == layer.out_features)

    def _tensor(self, numbers: npt.NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self._model.device)


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's keys and values, [row, head, column, width], in buffers with spare columns."""

    keys: Any
    values: Any

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append columns; returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers: list[torch.Tensor] = []
        cached, new = self.get_seq_length(), key_states.shape[-2]
        if not self._buffers or cached + new > self._buffers[0].shape[-2]:
            parts = (self.keys, self.values) if cached else (key_states[..., :0, :],) * 2
            self._buffers = [_right_padded(part, cached + new + SPARE_COLUMNS) for part in parts]
        for buffer, part in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., cached : cached + new, :] = part
        self._expose(cached + new)
        return self.keys, self.values

    def join(self, other: "GrowingLayer") -> None:
        """Append the rows of `other`, both padded on the left."""
        width = max(self.get_seq_length(), other.get_seq_length())
        pairs = ((self.keys, other.keys), (self.values, other.values))
        self._buffers = [
            _right_padded(
                torch.cat([_left_padded(part, width) for part in pair]), width + SPARE_COLUMNS
            )
            for pair in pairs
        ]
        self._expose(width)

    def select(self, rows: Sequence[int], drop: int) -> None:
        """Keep only `rows`, without their first `drop` columns."""
        width = self.get_seq_length() - drop
        index = torch.tensor(rows, device=self.keys.device)
        parts = (self.keys, self.values)
        self._buffers = [
            _right_padded(part[index][..., drop:, :], width + SPARE_COLUMNS) for part in parts
        ]
        self._expose(width)

    def _expose(self, width: int) -> None:
        self.keys, self.values = (buffer[..., :width, :] for buffer in self._buffers)


def _make_contiguous(_head: Any, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """Copy the last columns together: else torch would copy the output weights for every row.

    That took three quarters of the time to prefill 8 prompts of 200 tokens (135 M, bf16).
    """
    return (args[0].contiguous(),)


def _right_padded(part: torch.Tensor, width: int) -> torch.Tensor:
    """Return `part` with zeros after it, `width` columns in all."""
    rows, heads, columns, head_width = part.shape
    padded = part.new_zeros((rows, heads, width, head_width))
    padded[..., :columns, :] = part
    return padded


def _left_padded(part: torch.Tensor, width: int) -> torch.Tensor:
    """Return `part` with zeros before it, `width` columns in all."""
    return torch.nn.functional.pad(part, (0, 0, width - part.shape[-2], 0))


def _shapes(weights: Path) -> list[tuple[str, list[int]]]:
    try:
        with safe_open(weights, framework="pt") as file:
            return [(name, file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelUnusable(f"{weights} is damaged ({error}); fetch it again") from error


def _find_folder(path: str) -> Path:
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    if not any(folder.glob("*.safetensors")):
        raise ModelUnusable(f"{path}: no .safetensors file there; check the path in models.toml")
    if not (folder / "config.json").is_file():
        raise ModelUnusable(f"{folder / 'config.json'} is missing; fetch the whole model again")
    return folder


def _load_config(folder: Path) -> Any:
    load_json(folder / "config.json")
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except _LOAD_ERRORS as error:
        raise ModelUnusable(
            f"{folder / 'config.json'}: {first_line(error)}; this version of transformers may be "
            "too old for the model, or the file is damaged"
        ) from error


def _best_precision(config: Any, device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if config.dtype == torch.bfloat16 and _has_bf16_instructions() else "fp32"


def _has_bf16_instructions() -> bool:
    """Whether the CPU multiplies bf16 natively (AVX-512 BF16, AMX)."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(
        torch.cpu._is_avx512_bf16_supported()
    )


def _load(folder: Path, precision: str, device: str) -> Any:
    dtype = PRECISIONS.get(precision, torch.float32)
    try:
        with _ignored_warnings():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
    except _LOAD_ERRORS as error:
        raise ModelUnusable(
            f"{folder}: the weights cannot be read ({first_line(error)}); fetch them again"
        ) from error
    model, loading_info = loaded
    missing = [*loading_info["missing_keys"], *loading_info.get("mismatched_keys", ())]
    if missing:
        raise ModelUnusable(
            f"{folder}: {len(missing)} weights are missing, {missing[0]} first; config.json is "
            "another model's, or the files are not all there: fetch them again"
        )
    if not _caches_all_columns(model):
        raise ModelUnusable(
            f"{folder}: {type(model).__name__} does not keep a key and a value for every token in "
            "every layer; models of this kind are served as GGUF"
        )
    model.eval().requires_grad_(False)
    return _quantized(model) if precision == INT8 else model.to(device)


def _caches_all_columns(model: Any) -> bool:
    """Whether the model's only state between tokens is a key and a value of every token."""
    layers = DynamicCache(config=model.config).layers
    return not model._is_stateful and all(isinstance(layer, DynamicLayer) for layer in layers)


def _quantized(model: Any) -> Any:
    """Quantize the linear layers' weights to int8, each scaled by its largest value."""
    with _ignored_warnings():
        return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
        )


@contextmanager
def _ignored_warnings() -> Iterator[None]:
    """Ignore the libraries' deprecation warnings, which address their own developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
