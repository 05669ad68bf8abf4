"""How much memory there is, and how much a model needs."""

from dataclasses import replace
from pathlib import Path

from ai_core.engines.runner import LoadOptions
from ai_core.models.files import ModelMetadata
from ai_core.models.memory import Measurements, budget_bytes, estimate_bytes
from ai_core.models.registry import ModelCard
from shared.host_memory import read_memory

GIB = 1024**3
MISTRAL = ModelMetadata(
    "gguf", 4_370_000_000, "q4_k_m", "llama", 32_768, 32_000, 4_096, 2 * 2 * 32 * 8 * 128
)
CARD = ModelCard(
    id="mistral",
    format="gguf",
    weights="w",
    size_bytes=MISTRAL.size_bytes,
    metadata=MISTRAL,
    options=LoadOptions(context_tokens=8_192, slots=2),
)


def test_the_budget_is_what_was_set_or_a_share_of_what_is_free() -> None:
    assert budget_bytes(123) == 123
    assert 0 < budget_bytes(0) < read_memory().available_bytes * 0.9


def test_a_model_needs_its_weights_and_the_context_of_every_slot() -> None:
    weights = MISTRAL.size_bytes
    assert weights + 2 * GIB < estimate_bytes(CARD) < weights + 3 * GIB
    wider = replace(CARD, options=LoadOptions(context_tokens=8_192, slots=4))
    assert estimate_bytes(wider) - estimate_bytes(CARD) == 2 * GIB


def test_a_model_opened_in_a_smaller_precision_needs_less() -> None:
    metadata = replace(MISTRAL, format="safetensors", precision="fp32")
    card = replace(CARD, format="safetensors", metadata=metadata)
    small = replace(card, options=replace(card.options, precision="int8"))
    assert estimate_bytes(card) - estimate_bytes(small) == MISTRAL.size_bytes - int(
        MISTRAL.size_bytes / 4
    )


def test_what_was_measured_counts_more_than_what_the_files_say(tmp_path: Path) -> None:
    measurements = Measurements.read(tmp_path / "measured.json")
    assert measurements.need_bytes(CARD) == estimate_bytes(CARD)
    measurements.record(CARD, memory_bytes=5 * GIB, tokens_per_s=7.5)
    measurements.record(CARD, memory_bytes=4 * GIB)
    measurements.write()
    again = Measurements.read(tmp_path / "measured.json")
    assert again.need_bytes(CARD) == 5 * GIB
    assert again.of(CARD).tokens_per_s == 7.5
    assert again.of(replace(CARD, weights="other")).memory_bytes == 0


def test_measurements_of_two_processes_are_merged(tmp_path: Path) -> None:
    service, bench = (Measurements.read(tmp_path / "measured.json") for _ in range(2))
    other = replace(CARD, id="other")
    bench.record(other, tokens_per_s=3.0)
    bench.write()
    service.record(CARD, tokens_per_s=7.0)
    service.write()
    seen = Measurements.read(tmp_path / "measured.json")
    assert (seen.of(CARD).tokens_per_s, seen.of(other).tokens_per_s) == (7.0, 3.0)


def test_damaged_measures_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "measured.json").write_text('{"mistral w 1x1": 3}')
    assert Measurements.read(tmp_path / "measured.json").of(CARD).memory_bytes == 0
