"""The best precision of a model that fits: which it is, how it is made, whether it is good enough.

What is made is measured against the original before it is used; the choice is one file replaced
atomically (`precisions.py`), so a running service has the old one or the new one.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ai_core.engines.formats import FORMATS, Format
from ai_core.errors import ModelUnusable, NoMemory
from ai_core.models.admin.hub import need_disk, sha256_of
from ai_core.models.files import read_facts, weight_files
from ai_core.models.memory import estimate_bytes
from ai_core.models.registry import ModelCard
from ai_core.models.variants import Precision, Precisions

BITS = {
    "fp32": 32.0, "f32": 32.0, "fp16": 16.0, "f16": 16.0, "bf16": 16.0,
    "q8_0": 8.5, "int8": 8.3, "q6_k": 6.56, "q5_1": 6.0, "q5_k_m": 5.7, "q5_0": 5.5, "q5_k_s": 5.5,
    "q4_1": 5.0, "q4_k_m": 4.9, "q4_k_s": 4.6, "q4_0": 4.5, "q3_k_l": 4.3, "q3_k_m": 3.9,
    "q3_k_s": 3.5, "q2_k": 3.0,
}  # fmt: skip
"""Bits a weight takes, with its share of the scales."""

NOTHING_MADE = Format("", "")
MARGIN = 1.05  # norms stay as they are, and odd shapes are written in larger types
LIMIT_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Bar:
    """What a precision must reach: measured on the passages of texts/quality.toml."""

    agreement: float = 0.80
    perplexity_ratio: float = 1.15

    def refuse_below(self, precision: Precision) -> None:
        """Raise ModelUnusable with the figures when a precision is not good enough."""
        worse = precision.perplexity_ratio > self.perplexity_ratio
        if precision.agreement < self.agreement or worse:
            raise ModelUnusable(
                f"{precision.name} is not good enough and was deleted: it chooses the original's "
                f"token {precision.agreement:.0%} of the time (at least {self.agreement:.0%}), "
                f"perplexity × {precision.perplexity_ratio:.2f} (at most "
                f"{self.perplexity_ratio:.2f}); take a larger precision or a smaller model"
            )


def smaller(card: ModelCard) -> list[str]:
    """List the precisions that make a model smaller, best first."""
    own = BITS.get(card.precision, 32.0)
    return [name for name in _made_of(card).variants if BITS[name] < own]


def makeable(card: ModelCard) -> list[str]:
    """List the precisions that can be made of a model, best first; none is larger than it."""
    own = BITS.get(card.precision, 32.0)
    names = {*_made_of(card).variants, *_made_of(card).on_request} - {card.precision}
    return sorted((name for name in names if BITS[name] <= own), key=lambda name: -BITS[name])


def _made_of(card: ModelCard) -> Format:
    return FORMATS.get(card.format, NOTHING_MADE)


def bytes_in(card: ModelCard, precision: str) -> int:
    """Return the memory a model would take in a precision."""
    files = size_in(card, precision)
    spared = card.size_bytes - files
    return estimate_bytes(replace(card, options=replace(card.options, precision=""))) - spared


def size_in(card: ModelCard, precision: str) -> int:
    """Return the bytes the weights would take in a precision."""
    own = BITS.get(card.precision, 32.0)
    return int(card.size_bytes * min(1.0, MARGIN * BITS[precision] / own))


def best_that_fits(original: ModelCard, room_bytes: int) -> str:
    """Return the best precision of a model within that memory. Raises NoMemory."""
    for name in smaller(original):
        if bytes_in(original, name) <= room_bytes:
            return name
    tried = ", ".join(smaller(original)) or f"nothing smaller is made of {original.format}"
    raise NoMemory(
        f"{original.id} does not fit in {room_bytes:,} bytes ({tried}): choose a smaller model, or "
        "give it less context_tokens or slots in models.toml",
        model=original.id,
    )


def use_precision(
    original: ModelCard,
    weights: str,
    name: str,
    folder: Path,
    bar: Bar,
    say: Callable[[str], None],
) -> Precision:
    """Make a precision unless it is there, judge it, and put it in use; see `judged`.

    When that fails, what was in use stays in use.
    """
    made = judged(original, weights, name, folder, bar, say)
    Precisions.read(folder).choosing(made).write(folder)
    return made


def judged(
    original: ModelCard,
    weights: str,
    name: str,
    folder: Path,
    bar: Bar,
    say: Callable[[str], None],
) -> Precision:
    """Make a precision unless it is there, and return it if it is good enough.

    `original` is the model as it was added, `weights` its hash, `folder` its own. Raises NoDisk
    before anything is made, ModelUnusable when it cannot be made or is not good enough: then it is
    deleted. Blocks, for minutes with a large model.
    """
    made = Precisions.read(folder).made.get(name)
    there = made and made.of == weights and (not made.path or (folder.parent / made.path).exists())
    if made is None or not there:
        made = _made(original, weights, name, folder, say)
    try:
        bar.refuse_below(made)
    except ModelUnusable:
        _delete(folder.parent / made.path if made.path else None)
        raise
    return made


def delete_unused(folder: Path, made: Sequence[Precision]) -> None:
    """Delete the files of precisions that a model's folder does not list."""
    known = Precisions.read(folder).made
    for precision in made:
        if precision.path and known.get(precision.name) != precision:
            _delete(folder.parent / precision.path)


def _made(
    original: ModelCard, weights: str, name: str, folder: Path, say: Callable[[str], None]
) -> Precision:
    source = Path(original.path)
    if _made_of(original).converts_on_load:
        say(f"comparing {name} with the original")
        scores = _child("compare", original.format, source, source, name)
        return replace(Precision(name, weights, size_bytes=size_in(original, name)), **scores)
    need_disk(int(size_in(original, name) * 1.1), folder)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{original.id}-{name}{source.suffix if source.is_file() else ''}"
    fresh = target.with_name(f".{target.name}.new")
    _delete(fresh)
    try:
        say(f"making {name}")
        _child("make", original.format, source, fresh, name)
        facts = read_facts(fresh, "gguf" if original.format == "gguf" else "onnx")
        say("comparing it with the original")
        scores = _child("compare", original.format, source, fresh, name)
        _delete(target)
        fresh.replace(target)
    except BaseException:
        _delete(fresh)
        raise
    digest = hash_of(target, original)
    where = str(target.relative_to(folder.parent))
    return replace(Precision(name, weights, where, digest, facts.size_bytes), **scores)


def hash_of(path: Path, card: ModelCard) -> str:
    """Return the SHA-256 of a model's weights: of the file, or of its files' hashes in order."""
    hashes = [sha256_of(file) for file in weight_files(path, card.format)]
    return hashes[0] if len(hashes) == 1 else _joined(hashes)


def _joined(hashes: list[str]) -> str:
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _child(action: str, format: str, source: Path, target: Path, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "ai_core.models.admin.quantize", action, format]
    try:
        done = subprocess.run(  # noqa: S603 - a program of ours
            [*command, str(source), str(target), name],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelUnusable(f"{action} {name} took more than {LIMIT_S:g} s") from None
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise ModelUnusable(f"{source.name} as {name}: {reason[0]}")
    scores: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return scores


def _delete(path: Path | None) -> None:
    if path and path.is_dir():
        shutil.rmtree(path)
    elif path:
        path.unlink(missing_ok=True)
