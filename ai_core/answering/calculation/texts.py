"""The sentences around a calculation (`texts/calculation.toml`, and those every answer has)."""

from functools import lru_cache
from pathlib import Path

from shared.texts import Texts

TEXTS = Path(__file__).parents[2] / "texts"
FILE = TEXTS / "calculation.toml"


@lru_cache(maxsize=1)
def calculation_texts() -> Texts:
    """Read the sentences."""
    return Texts.read(TEXTS / "answers.toml", FILE)
