"""How much memory the models may take together, and how much each of them needs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ai_core.engines.formats import FORMATS
from ai_core.models.registry import ModelCard
from ai_core.models.variants import replace_file
from shared.host_memory import read_memory

SHARE = 0.8  # of what is free when the service starts, when no budget is set
BATCH_TOKENS = 512  # for which llama.cpp reserves its buffers
FLOAT_BYTES = 4
MEASUREMENTS = "measured.json"


def budget_bytes(wanted: int) -> int:
    """Return `wanted`, or a share of what is free now when it is 0. Blocks on the disk."""
    return wanted or int(read_memory().available_bytes * SHARE)


def estimate_bytes(card: ModelCard) -> int:
    """Estimate the memory a model takes from its files' metadata.

    The weights, the keys and values of every slot's whole context, the buffers of one batch with
    its logits, and the process around them.
    """
    metadata, options = card.metadata, card.options
    process_bytes = FORMATS[card.format].process_bytes if card.format in FORMATS else 0
    if metadata is None or card.format == "lora":
        return process_bytes + card.size_bytes
    kv_cache = metadata.cache_bytes_per_token * options.context_tokens * max(1, options.slots)
    buffers = BATCH_TOKENS * FLOAT_BYTES * (metadata.vocabulary + 8 * metadata.width)
    weights = int(metadata.size_bytes * _size_ratio(metadata.precision, _precision_in_memory(card)))
    return process_bytes + weights + kv_cache + buffers


def _size_ratio(stored: str, in_memory: str) -> float:
    """Return how much larger weights are in memory than in their files."""
    bits = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8}
    if stored not in bits or in_memory not in bits:
        return 1.0
    return bits[in_memory] / bits[stored]


def _precision_in_memory(card: ModelCard) -> str:
    """Return the precision a model is opened with: processors have no fp16."""
    stored = card.metadata.precision if card.metadata else ""
    default = "fp32" if card.format == "safetensors" and stored == "fp16" else ""
    return card.options.precision or default


@dataclass(frozen=True, slots=True)
class Measurement:
    """The memory and speed of a model on this machine; 0 is unknown.

    `tokens_per_s` is what a service measured in use, however many wrote at once;
    `bench_tokens_per_s` what `model bench` measured with `bench_at_once` answers together.
    """

    memory_bytes: int = 0
    tokens_per_s: float = 0.0
    bench_tokens_per_s: float = 0.0
    bench_at_once: int = 0


class Measurements:
    """The measurements of each model, stored in a small file across restarts."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._by_key: dict[str, Measurement] = {}
        self._recorded: dict[str, Measurement] = {}

    @classmethod
    def read(cls, path: Path) -> "Measurements":
        """Read the file; empty when it is missing or damaged. Blocks on the disk."""
        measurements = cls(path)
        measurements._by_key = _read_measurements(path)
        return measurements

    def of(self, card: ModelCard) -> Measurement:
        """Return the measurement of a model with its present options."""
        return self._by_key.get(_key(card), Measurement())

    def record(
        self,
        card: ModelCard,
        *,
        memory_bytes: int = 0,
        tokens_per_s: float = 0.0,
        bench_tokens_per_s: float = 0.0,
        bench_at_once: int = 0,
    ) -> None:
        """Record the highest memory and the latest speeds; 0 leaves what is known."""
        new = Measurement(memory_bytes, tokens_per_s, bench_tokens_per_s, bench_at_once)
        key = _key(card)
        self._by_key[key] = _updated(self.of(card), new)
        self._recorded[key] = _updated(self._recorded.get(key, Measurement()), new)

    def need_bytes(self, card: ModelCard) -> int:
        """Return the memory to reserve: the measured one, else the estimate from the files."""
        return self.of(card).memory_bytes or estimate_bytes(card)

    def write(self) -> None:
        """Add what was recorded since the last call to the file, and read what others added.

        Another process may have measured meanwhile: only what this one measured is changed. Blocks
        on the disk.
        """
        if self._path is None:
            return
        written, recorded = _read_measurements(self._path), self._recorded
        self._recorded = {}
        for key, new in recorded.items():
            written[key] = _updated(written.get(key, Measurement()), new)
        self._by_key = self._by_key | written
        if recorded:
            document = {key: asdict(one) for key, one in self._by_key.items()}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, json.dumps(document, indent=1))


def _updated(known: Measurement, new: Measurement) -> Measurement:
    return Measurement(
        max(known.memory_bytes, new.memory_bytes),
        round(new.tokens_per_s, 2) or known.tokens_per_s,
        round(new.bench_tokens_per_s, 1) or known.bench_tokens_per_s,
        new.bench_at_once or known.bench_at_once,
    )


def _read_measurements(path: Path) -> dict[str, Measurement]:
    try:
        written = json.loads(path.read_text("utf-8"))
        return {key: Measurement(**found) for key, found in written.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _key(card: ModelCard) -> str:
    options = card.options
    return f"{card.id} {card.weights} {options.context_tokens}x{options.slots}"
