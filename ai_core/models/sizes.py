"""How large a model is, estimated from its files."""

from ai_core.models.registry import ModelCard

_BITS = {"Q4_0": 4.6, "Q4_K_M": 4.9, "Q4_K_S": 4.6, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5,
         "INT8": 8.5, "F32": 32.0}  # fmt: skip
"""Bits a weight takes on disk, scales and larger layers included; others take 16."""


def billion_parameters(card: ModelCard) -> float | None:
    """Estimate the size of a model from its files; None where it has none here.

    Within a fifth of the true number: files also hold vocabulary and metadata.
    """
    if not card.size_bytes:
        return None
    bits = _BITS.get(card.precision.upper(), 16.0)
    return card.size_bytes * 8 / bits / 1e9
