"""The size of a model, from its files."""

import pytest

from ai_core.models.registry import ModelCard
from ai_core.models.sizes import billion_parameters


def test_the_size_of_a_model_is_estimated_from_its_files() -> None:
    def card(size_bytes: int, precision: str) -> ModelCard:
        return ModelCard(
            id="m", format="gguf", weights="w", size_bytes=size_bytes, precision=precision
        )

    qwen, mistral = card(1_117_320_736, "q4_k_m"), card(14_483_464_192, "bf16")
    assert billion_parameters(qwen) == pytest.approx(1.54, rel=0.2)
    assert billion_parameters(mistral) == pytest.approx(7.24, rel=0.2)
    assert billion_parameters(card(0, "")) is None
