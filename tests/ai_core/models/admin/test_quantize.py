"""Smaller variants of a model: made by the real libraries, judged, selected and rolled back."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ai_core.engines.runner import LoadOptions
from ai_core.errors import ModelUnusable, NoMemory
from ai_core.models.admin.selection import (
    Report,
    Thresholds,
    VariantMaker,
    best_that_fits,
    bytes_in,
    smaller_precisions,
)
from ai_core.models.files import read_metadata
from ai_core.models.opening import Quantizer
from ai_core.models.registry import CATALOGUE, ModelCard, Registry
from ai_core.models.variants import Variant, Variants
from shared.errors import NoDisk
from tests.ai_core.tiny_models import write_gguf

LOW = Thresholds(0.5, 2.0)


def card_of(path: Path, context_tokens: int = 128) -> ModelCard:
    metadata = read_metadata(path, "gguf")
    return ModelCard(
        id="tiny",
        format="gguf",
        weights="?",
        path=str(path),
        size_bytes=metadata.size_bytes,
        precision=metadata.precision,
        metadata=metadata,
        options=LoadOptions(context_tokens=context_tokens, slots=2),
    )


def maker(
    path: Path, folder: Path, thresholds: Thresholds = LOW, report: Report = print
) -> VariantMaker:
    return VariantMaker(card_of(path), "original", folder, thresholds, report)


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "sure.gguf")


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "unsure.gguf", sure=False)


def test_a_variant_is_made_judged_and_selected(sure: Path, tmp_path: Path) -> None:
    own, reported = tmp_path / "tiny", list[str]()
    made = maker(sure, own, Thresholds(), reported.append).select("q8_0")
    assert made.agreement > 0.99
    assert 0.9 < made.perplexity_ratio < 1.1
    assert Variants.read(own).active_of("original") == made
    assert read_metadata(tmp_path / made.path, "gguf").precision == "q8_0"
    assert made.size_bytes < sure.stat().st_size / 3
    assert reported == ["making q8_0", "comparing it with the original"]


@pytest.mark.slow
def test_a_variant_that_lost_too_much_is_refused_and_the_one_before_stays(
    unsure: Path, tmp_path: Path
) -> None:
    own = tmp_path / "tiny"
    kept = maker(unsure, own).select("q8_0")
    with pytest.raises(ModelUnusable, match="not good enough"):
        maker(unsure, own, Thresholds(agreement=0.99)).select("q4_k_m")
    assert Variants.read(own).active_of("original") == kept
    assert [file.name for file in own.glob("*.gguf")] == ["tiny-q8_0.gguf"]


@pytest.mark.slow
def test_a_variant_can_be_rolled_back(sure: Path, tmp_path: Path) -> None:
    own = tmp_path / "tiny"
    first = maker(sure, own).select("q8_0")
    second = maker(sure, own).select("q4_k_m")
    assert Variants.read(own).active_of("original") == second
    Variants.read(own).roll_back().write(own)
    assert Variants.read(own).active_of("original") == first
    Variants.read(own).select(None).write(own)
    assert Variants.read(own).active_of("original") is None


@pytest.mark.slow
def test_a_variant_made_of_other_weights_is_not_used(sure: Path, tmp_path: Path) -> None:
    own = tmp_path / "tiny"
    maker(sure, own).select("q8_0")
    assert Variants.read(own).active_of("other weights") is None


@pytest.mark.parametrize(
    ("agreement", "ratio"), [(0.79999, 1.0), (0.7996, 1.0), (0.9, 1.150_01), (0.9, 1.1504)]
)
def test_a_variant_below_a_bar_never_reads_as_equal_to_it(agreement: float, ratio: float) -> None:
    variant = Variant("q4_0", "original", agreement=agreement, perplexity_ratio=ratio)
    with pytest.raises(ModelUnusable) as raised:
        Thresholds().require(variant)
    figures = re.findall(r"[\d.]+(?=%| \(at most|\);)", str(raised.value))
    measured_share, least_share, measured_ratio, most_ratio = map(float, figures)
    assert measured_share < least_share or measured_ratio > most_ratio


def test_a_damaged_original_is_reported_and_leaves_no_files(sure: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    whole = sure.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    damaged = replace(card_of(sure), path=str(broken))
    with pytest.raises(ModelUnusable, match=r"broken\.gguf as q8_0"):
        replace(maker(sure, tmp_path / "t"), original=damaged).select("q8_0")
    assert not list((tmp_path / "t").iterdir())


def test_a_full_disk_is_reported_before_anything_is_made(
    sure: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _place: full)
    with pytest.raises(NoDisk, match="1,000 are free"):
        maker(sure, tmp_path / "tiny").select("q8_0")
    assert not (tmp_path / "tiny").exists()


def test_the_best_variant_that_fits_is_chosen(sure: Path) -> None:
    card = card_of(sure)
    assert smaller_precisions(card) == ["q8_0", "q6_k", "q5_k_m", "q4_k_m"]
    assert best_that_fits(card, bytes_in(card, "q8_0")) == "q8_0"
    assert best_that_fits(card, bytes_in(card, "q8_0") - 1) == "q6_k"
    with pytest.raises(NoMemory, match="choose a smaller model"):
        best_that_fits(card, 1_000)
    assert smaller_precisions(replace(card, precision="q5_k_m")) == ["q4_k_m"]


@pytest.mark.slow
async def test_a_model_too_large_for_the_budget_is_made_smaller_by_itself(
    sure: Path, tmp_path: Path
) -> None:
    entry = f'[[model]]\nname = "tiny"\nformat = "gguf"\nquantization = "auto"\nsource = "{sure}"\n'
    await asyncio.to_thread((tmp_path / CATALOGUE).write_text, entry)
    registry = await asyncio.to_thread(Registry.read, tmp_path, (), "tiny")
    before = registry.card("tiny")
    await Quantizer(tmp_path)(before, bytes_in(before, "q8_0"))
    assert await asyncio.to_thread(registry.refresh)
    after = registry.card("tiny")
    assert (before.precision, after.precision) == ("f32", "q8_0")
    assert after.weights != before.weights
    assert after.agreement
    assert after.size_bytes < before.size_bytes
    with pytest.raises(NoMemory, match="does not fit in 1,000 bytes"):
        await Quantizer(tmp_path)(before, 1_000)
