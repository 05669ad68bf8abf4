"""SafeTensors models through transformers and torch, with peft adapters.

Keys and values are written in place into buffers with room to grow: appending by concatenation, as
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
from ai_core.engines.decoding.threads import Pace, cores
from ai_core.engines.folder.continuous_batching import ContinuousBatchingRunner, Rows
from ai_core.engines.folder.tokenizer import Words, read_json
from ai_core.engines.runner import LoadOptions, RunnerInfo, slots_that_fit
from ai_core.errors import ModelUnusable

CONTEXT_TOKENS = 4_096
ROOM = 64
"""Columns of keys and values put aside at a time for tokens to come."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
INT8 = "int8"
_BASE = "__base__"  # what peft calls a row without an adapter
_DAMAGED = (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError)


def open_runner(path: str, options: LoadOptions) -> ContinuousBatchingRunner:
    """Bring the model in the folder `path` to memory.

    Precisions: fp32, bf16, fp16, and int8 on the CPU (weights of linear layers, activations
    quantized as they come). Without one: bf16 on CUDA; on the CPU the precision of the file, except
    that fp16, and bf16 where the CPU has no instructions for it, become fp32. Raises ModelUnusable.
    """
    folder = _folder(path)
    threads = options.threads or cores()
    torch.set_num_threads(threads)
    config = _config(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = options.precision or _best_precision(config, device)
    if precision not in (*PRECISIONS, INT8) or (precision, device) == (INT8, "cuda"):
        raise ModelUnusable(
            f"{path}: SafeTensors models have no precision {precision} on {device}; "
            f"choose {', '.join(PRECISIONS)}{'' if device == 'cuda' else f' or {INT8}'}"
        )
    words = Words(folder, int(config.get_text_config().vocab_size), options.chat_template)
    decoder = TorchDecoder(_load(folder, precision, device), path, precision)
    trained = int(getattr(config.get_text_config(), "max_position_embeddings", CONTEXT_TOKENS))
    context_tokens = options.context_tokens or min(trained, CONTEXT_TOKENS)
    slots = options.slots or slots_that_fit(decoder.bytes_per_token(config) * context_tokens)
    facts = RunnerInfo(
        context_tokens, slots, Capabilities(logprobs=True, embeddings=True), precision, device
    )
    return ContinuousBatchingRunner(decoder, words, facts, Pace(threads))


class TorchDecoder:
    """A transformers model as a function; see `Decoder`."""

    def __init__(self, model: Any, path: str, precision: str) -> None:
        self._model = model
        self._path = path
        self._precision = precision
        self._adapted: Any = None
        model.get_output_embeddings().register_forward_pre_hook(_side_by_side)

    @torch.inference_mode()
    def compute(self, kept: Any, rows: Rows) -> tuple[npt.NDArray[np.float32], Any]:
        """Return the logits after each row's last token, and the keys and values."""
        cache = Cache(layer_class_to_replicate=GrowingLayer) if kept is None else kept
        named: dict[str, Any] = {}
        model = self._model
        if self._adapted is not None:
            model = self._adapted
            named["adapter_names"] = [name or _BASE for name in rows.adapters]
        said = model(
            input_ids=self._tensor(rows.tokens),
            attention_mask=self._tensor(rows.seen),
            position_ids=self._tensor(rows.positions),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
            **named,
        )
        logits: npt.NDArray[np.float32] = said.logits[:, -1].float().cpu().numpy()
        return logits, cache

    def join(self, first: Any, second: Any) -> Any:
        """Put the rows of `second` under those of `first`, both padded on the left."""
        with torch.inference_mode():
            for one, other in zip(first.layers, second.layers, strict=True):
                one.join(other)
        return first

    def select(self, kept: Any, rows: Sequence[int], drop: int) -> Any:
        """Keep only `rows`, without their first `drop` columns."""
        with torch.inference_mode():
            for layer in kept.layers:
                layer.select(rows, drop)
        return kept

    def set_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        torch.set_num_threads(threads)

    @torch.inference_mode()
    def embed(self, tokens: Sequence[int]) -> list[float]:
        """Return the mean of the last layer's states, made 1 long."""
        ids = self._tensor(np.array([tokens], dtype=np.int64))
        model = self._model
        states = model(input_ids=ids, output_hidden_states=True, logits_to_keep=1).hidden_states
        mean = states[-1][0].float().mean(dim=0)
        vector: list[float] = (mean / mean.norm()).cpu().tolist()
        return vector

    def load_adapter(self, name: str, path: str) -> None:
        """Bring a peft LoRA to memory. Raises ModelUnusable when it is not for this model."""
        self._check_adapter(path)
        try:
            with _quiet():
                if self._adapted is None:
                    adapted = PeftModel.from_pretrained(self._model, path, adapter_name=name)
                    self._adapted = adapted.eval()
                else:
                    self._adapted.load_adapter(path, adapter_name=name)
        except _DAMAGED as fault:
            raise ModelUnusable(
                f"{path} cannot be read as an adapter ({_first_line(fault)}); fetch it again"
            ) from fault

    def close(self) -> None:
        """Give the memory back."""
        self._model = self._adapted = None
        gc.collect()

    def bytes_per_token(self, config: Any) -> int:
        """Return what the keys and values of a token take."""
        text = config.get_text_config()
        heads = text.num_attention_heads
        head = getattr(text, "head_dim", None) or text.hidden_size // heads
        numbers = 2 * (getattr(text, "num_key_value_heads", None) or heads) * head
        size = 4 if self._precision in {"fp32", INT8} else 2
        return int(text.num_hidden_layers * numbers * size)

    def _check_adapter(self, path: str) -> None:
        """Compare every weight's shape with the layer it is for, before any layer is touched."""
        if self._precision == INT8:
            raise ModelUnusable(
                f"{self._path} is open in int8, which takes no adapters: give it precision bf16 "
                f"or fp32 to use {path}"
            )
        settings = read_json(Path(path) / "adapter_config.json")
        weights = Path(path) / "adapter_model.safetensors"
        if settings.get("peft_type") != "LORA" or not weights.is_file():
            raise ModelUnusable(
                f"{path} holds no LoRA as peft writes it (adapter_config.json and "
                "adapter_model.safetensors); check the path in models.toml"
            )
        strangers = [name for name, shape in _shapes(weights) if not self._fits(name, shape)]
        if strangers:
            raise ModelUnusable(
                f"{path} is not an adapter of {self._path} ({strangers[0]} does not fit); "
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
    """A layer's keys and values, [row, head, column, number], in buffers with room to grow."""

    keys: Any
    values: Any

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new columns behind the others; returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._held: list[torch.Tensor] = []
        kept, new = self.get_seq_length(), key_states.shape[-2]
        if not self._held or kept + new > self._held[0].shape[-2]:
            parts = (self.keys, self.values) if kept else (key_states[..., :0, :],) * 2
            self._held = [_widened(part, kept + new + ROOM) for part in parts]
        for held, part in zip(self._held, (key_states, value_states), strict=True):
            held[..., kept : kept + new, :] = part
        self._show(kept + new)
        return self.keys, self.values

    def join(self, other: "GrowingLayer") -> None:
        """Put the rows of `other` under ours, both padded on the left."""
        width = max(self.get_seq_length(), other.get_seq_length())
        pairs = ((self.keys, other.keys), (self.values, other.values))
        self._held = [
            _widened(torch.cat([_pushed(part, width) for part in pair]), width + ROOM)
            for pair in pairs
        ]
        self._show(width)

    def select(self, rows: Sequence[int], drop: int) -> None:
        """Keep only `rows`, without their first `drop` columns."""
        width = self.get_seq_length() - drop
        index = torch.tensor(rows, device=self.keys.device)
        parts = (self.keys, self.values)
        self._held = [_widened(part[index][..., drop:, :], width + ROOM) for part in parts]
        self._show(width)

    def _show(self, width: int) -> None:
        self.keys, self.values = (held[..., :width, :] for held in self._held)


def _side_by_side(_head: Any, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """Copy the last columns, which lie apart: torch would copy the vocabulary's weights per row.

    Three quarters of the time to read 8 prompts of 200 tokens (135 M, bf16).
    """
    return (given[0].contiguous(),)


def _widened(part: torch.Tensor, width: int) -> torch.Tensor:
    """Return `part` with room behind it, `width` columns in all."""
    rows, heads, columns, numbers = part.shape
    held = part.new_zeros((rows, heads, width, numbers))
    held[..., :columns, :] = part
    return held


def _pushed(part: torch.Tensor, width: int) -> torch.Tensor:
    """Return `part` with zeros before it, `width` columns in all."""
    return torch.nn.functional.pad(part, (0, 0, width - part.shape[-2], 0))


def _shapes(weights: Path) -> list[tuple[str, list[int]]]:
    try:
        with safe_open(weights, framework="pt") as file:
            return [(name, file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118
    except (SafetensorError, OSError) as fault:
        raise ModelUnusable(f"{weights} is damaged ({fault}); fetch it again") from fault


def _folder(path: str) -> Path:
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    if not any(folder.glob("*.safetensors")):
        raise ModelUnusable(f"{path}: no .safetensors file there; check the path in models.toml")
    if not (folder / "config.json").is_file():
        raise ModelUnusable(f"{folder / 'config.json'} is missing; fetch the whole model again")
    return folder


def _config(folder: Path) -> Any:
    read_json(folder / "config.json")
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    except _DAMAGED as fault:
        raise ModelUnusable(
            f"{folder / 'config.json'}: {_first_line(fault)}; this version of transformers may be "
            "too old for the model, or the file is damaged"
        ) from fault


def _best_precision(config: Any, device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if config.dtype == torch.bfloat16 and _computes_bf16() else "fp32"


def _computes_bf16() -> bool:
    """Tell whether the CPU multiplies bf16 itself (AVX-512 BF16, AMX)."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(
        torch.cpu._is_avx512_bf16_supported()
    )


def _load(folder: Path, precision: str, device: str) -> Any:
    dtype = PRECISIONS.get(precision, torch.float32)
    try:
        with _quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, local_files_only=True, output_loading_info=True
            )
    except _DAMAGED as fault:
        raise ModelUnusable(
            f"{folder}: the weights cannot be read ({_first_line(fault)}); fetch them again"
        ) from fault
    model, told = loaded
    missing = [*told["missing_keys"], *told.get("mismatched_keys", ())]
    if missing:
        raise ModelUnusable(
            f"{folder}: {len(missing)} weights are missing, {missing[0]} first; config.json is "
            "another model's, or the files are not all there: fetch them again"
        )
    if not _keeps_columns(model):
        raise ModelUnusable(
            f"{folder}: {type(model).__name__} does not keep a key and a value for every token in "
            "every layer; models of this kind are served as GGUF"
        )
    model.eval().requires_grad_(False)
    return _quantized(model) if precision == INT8 else model.to(device)


def _keeps_columns(model: Any) -> bool:
    """Tell whether all the model keeps between tokens is columns of keys and values."""
    kept = DynamicCache(config=model.config).layers
    return not model._is_stateful and all(isinstance(layer, DynamicLayer) for layer in kept)


def _quantized(model: Any) -> Any:
    """Quantize the linear layers' weights to int8, each by its largest."""
    with _quiet():
        return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the libraries say to their own developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip() or type(fault).__name__).partition("\n")[0][:200]
