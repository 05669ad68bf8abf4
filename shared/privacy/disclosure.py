"""Tells a person, in words, which personal data were masked in what they wrote."""

from collections.abc import Mapping
from pathlib import Path

from shared.languages import Language
from shared.privacy.identifiers import Kind
from shared.texts import Texts

TEXT_FILE = Path(__file__).parents[1] / "texts" / "personal_data.toml"
"""To be read with the texts of the service that tells."""


def masked_in_words(
    texts: Texts, counts: Mapping[Kind, int] | Mapping[str, int], language: Language
) -> str:
    """Return kinds and counts in words, such as "2 × numéro de téléphone, 1 × compte bancaire"."""
    return ", ".join(
        texts.say(f"kind_{kind}", language, count=count) for kind, count in counts.items()
    )
