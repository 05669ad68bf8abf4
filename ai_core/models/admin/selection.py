"""Smaller variants of a model: choosing one that fits, making it, checking its quality.

A variant is compared with the original before it is used; the selection is one file replaced
atomically (`variants.py`), so a running service has the old one or the new one.
"""

import hashlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ai_core.engines.formats import FORMATS, Format
from ai_core.errors import ModelUnusable, NoMemory
from ai_core.models.files import read_metadata, weight_files
from ai_core.models.memory import estimate_bytes
from ai_core.models.registry import ModelCard
from ai_core.models.variants import Variant, Variants
from shared.weights.files import need_disk, sha256_of

BITS = {
    "fp32": 32.0, "f32": 32.0, "fp16": 16.0, "f16": 16.0, "bf16": 16.0,
    "q8_0": 8.5, "int8": 8.3, "q6_k": 6.56, "q5_1": 6.0, "q5_k_m": 5.7, "q5_0": 5.5, "q5_k_s": 5.5,
    "q4_1": 5.0, "q4_k_m": 4.9, "q4_k_s": 4.6, "q4_0": 4.5, "q3_k_l": 4.3, "q3_k_m": 3.9,
    "q3_k_s": 3.5, "q2_k": 3.0,
}  # fmt: skip
"""Bits per weight, with its share of the scales."""

NO_VARIANTS = Format("", "")
MARGIN = 1.05  # norms stay as they are, and odd shapes are written in larger types
TIMEOUT_S = 4 * 3600.0

Report = Callable[[str], None]
"""Takes one line for the operator."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Quality thresholds of a variant, measured on the passages of texts/quality.toml."""

    agreement: float = 0.80
    perplexity_ratio: float = 1.15

    def require(self, variant: Variant) -> None:
        """Raise ModelUnusable with the figures when a variant is not good enough."""
        worse = variant.perplexity_ratio > self.perplexity_ratio
        if variant.agreement < self.agreement or worse:
            raise ModelUnusable(
                f"{variant.name} is not good enough and was deleted: it chooses the original's "
                f"token {_below(variant.agreement)} of the time (at least "
                f"{self.agreement:.2%}), perplexity × {_above(variant.perplexity_ratio)} (at most "
                f"{self.perplexity_ratio:.4f}); take a larger precision or a smaller model"
            )


def _below(share: float) -> str:
    """Return a share rounded down, so that one below its bar never reads as equal to it."""
    return f"{math.floor(share * 10_000) / 100:.2f}%"


def _above(ratio: float) -> str:
    """Return a ratio rounded up, so that one above its bar never reads as equal to it."""
    return f"{math.ceil(ratio * 10_000) / 10_000:.4f}"


def smaller_precisions(card: ModelCard) -> list[str]:
    """List the precisions that make a model smaller, best first."""
    own = BITS.get(card.precision, 32.0)
    return [name for name in _format(card).variants if BITS[name] < own]


def possible_precisions(card: ModelCard) -> list[str]:
    """List the precisions a model can be made in, best first; none is larger than it."""
    own = BITS.get(card.precision, 32.0)
    names = {*_format(card).variants, *_format(card).on_request} - {card.precision}
    return sorted((name for name in names if BITS[name] <= own), key=lambda name: -BITS[name])


def bytes_in(card: ModelCard, precision: str) -> int:
    """Return the memory a model would take in a precision."""
    spared = card.size_bytes - size_in(card, precision)
    return estimate_bytes(replace(card, options=replace(card.options, precision=""))) - spared


def size_in(card: ModelCard, precision: str) -> int:
    """Return the bytes the weights would take in a precision."""
    own = BITS.get(card.precision, 32.0)
    return int(card.size_bytes * min(1.0, MARGIN * BITS[precision] / own))


def best_that_fits(original: ModelCard, budget_bytes: int) -> str:
    """Return the best precision of a model within that memory. Raises NoMemory."""
    smaller = smaller_precisions(original)
    for name in smaller:
        if bytes_in(original, name) <= budget_bytes:
            return name
    own = f"{original.format} {original.precision}".strip()
    tried = "; ".join(f"{name} takes {bytes_in(original, name):,}" for name in smaller)
    raise NoMemory(
        f"{original.id} does not fit in {budget_bytes:,} bytes: as it is it takes "
        f"{estimate_bytes(original):,}; {tried or f'nothing smaller is made of {own}'}: choose a "
        "smaller model, or give it less context_tokens or slots in models.toml",
        model=original.id,
    )


@dataclass(frozen=True, slots=True)
class VariantMaker:
    """Makes variants of one model, in the model's own folder.

    `original` is the model as it was added, `weights` its hash.
    """

    original: ModelCard
    weights: str
    folder: Path
    thresholds: Thresholds
    report: Report

    def select(self, precision: str) -> Variant:
        """Make a variant and use it from now on; see `make`.

        When that fails, the variant in use stays.
        """
        variant = self.make(precision)
        Variants.read(self.folder).select(variant).write(self.folder)
        return variant

    def make(self, precision: str) -> Variant:
        """Make a variant unless it is there, and return it if it is good enough.

        Raises NoDisk before anything is made, ModelUnusable when it cannot be made or is not good
        enough: then it is deleted. Blocks, for minutes with a large model.
        """
        variant = self._existing(precision) or self._build(precision)
        try:
            self.thresholds.require(variant)
        except ModelUnusable:
            if variant.path:
                _delete(self._path(variant))
            raise
        return variant

    def delete_unused(self, variants: Sequence[Variant]) -> None:
        """Delete the files of variants that the folder does not list."""
        known = Variants.read(self.folder).made
        for variant in variants:
            if variant.path and known.get(variant.name) != variant:
                _delete(self._path(variant))

    def card_of(self, variant: Variant | None) -> ModelCard:
        """Return the model's card in a variant; None is the original."""
        if variant is None:
            return self.original
        if variant.path:
            path = str(self._path(variant))
            return replace(self.original, path=path, precision=variant.name)
        options = replace(self.original.options, precision=variant.name)
        return replace(self.original, options=options, precision=variant.name)

    def _path(self, variant: Variant) -> Path:
        return self.folder.parent / variant.path

    def _existing(self, precision: str) -> Variant | None:
        found = Variants.read(self.folder).made.get(precision)
        if found is None or found.of != self.weights:
            return None
        return found if not found.path or self._path(found).exists() else None

    def _build(self, precision: str) -> Variant:
        source, format = Path(self.original.path), self.original.format
        size_bytes = size_in(self.original, precision)
        if _format(self.original).converts_on_load:
            self.report(f"comparing {precision} with the original")
            scores = _run("compare", format, source, source, precision)
            return Variant(precision, self.weights, size_bytes=size_bytes, **scores)
        need_disk(int(size_bytes * 1.1), self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        suffix = source.suffix if source.is_file() else ""
        target = self.folder / f"{self.original.id}-{precision}{suffix}"
        draft = target.with_name(f".{target.name}.new")
        _delete(draft)
        try:
            self.report(f"making {precision}")
            _run("make", format, source, draft, precision)
            metadata = read_metadata(draft, "gguf" if format == "gguf" else "onnx")
            self.report("comparing it with the original")
            scores = _run("compare", format, source, draft, precision)
            _delete(target)
            draft.replace(target)
        except BaseException:
            _delete(draft)
            raise
        return Variant(
            precision,
            self.weights,
            path=str(target.relative_to(self.folder.parent)),
            sha256=weights_sha256(target, format),
            size_bytes=metadata.size_bytes,
            **scores,
        )


def weights_sha256(path: Path, format: str) -> str:
    """Return the SHA-256 of a model's weights: of the file, or of its files' hashes in order."""
    hashes = [sha256_of(file) for file in weight_files(path, format)]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _format(card: ModelCard) -> Format:
    return FORMATS.get(card.format, NO_VARIANTS)


def _run(action: str, format: str, source: Path, target: Path, precision: str) -> dict[str, Any]:
    """Run `quantize.py` in a child process and return the scores it prints."""
    command = [sys.executable, "-m", "ai_core.models.admin.quantize", action, format]
    try:
        done = subprocess.run(  # noqa: S603 - a program of ours
            [*command, str(source), str(target), precision],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelUnusable(f"{action} {precision} took more than {TIMEOUT_S:g} s") from None
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise ModelUnusable(f"{source.name} as {precision}: {reason[0]}")
    scores: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return scores


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
