"""The models as `model list` shows them, for people and for programs.

Standard library only: where no model was added, `./neo model list` needs no installation.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

BUILT_IN = "extractive"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A model; sizes in bytes, None and "" where something is unknown or does not apply."""

    name: str
    format: str
    size_bytes: int = 0
    memory_bytes: int = 0
    context_tokens: int = 0
    precision: str = ""
    agreement: float | None = None
    tokens_per_s: float = 0.0
    bench_tokens_per_s: float = 0.0
    bench_at_once: int = 0
    base: str = ""
    upstreams: tuple[str, ...] = ()
    upstream_model: str = ""
    licence: str = ""
    pinned: bool = False
    default: bool = False
    chat_template: bool = True
    error: str = ""

    def words(self) -> Iterator[str]:
        """Yield the words of its line."""
        yield f"{self.name:<28}"
        yield f"{self.format:<11}"
        if self.upstreams:
            yield f"{self.upstream_model} at {', '.join(self.upstreams)}"
        elif self.format != "built-in":
            yield f"{gigabytes(self.size_bytes):>8}"
            yield f"memory={gigabytes(self.memory_bytes)}"
            yield f"context={self.context_tokens}"
        if self.precision:
            yield f"precision={self.precision}"
        if self.agreement is not None:
            yield f"agreement={self.agreement:.2f}"
        if self.tokens_per_s:
            yield f"tokens/s={self.tokens_per_s:.1f}"
        if self.bench_tokens_per_s:
            yield f"bench={self.bench_tokens_per_s:.1f} tokens/s, {self.bench_at_once} at once"
        yield from self._marks()

    def _marks(self) -> Iterator[str]:
        if self.base:
            yield f"base={self.base}"
        marks = {
            self.licence: bool(self.licence),
            "pinned": self.pinned,
            "default": self.default,
            "no chat template": not self.chat_template,
            f"UNUSABLE: {self.error}": bool(self.error),
        }
        yield from (word for word, told in marks.items() if told)


def built_in(*, default: bool = True) -> ModelRow:
    """Return the model that is part of the service: it quotes the law."""
    return ModelRow(name=BUILT_IN, format="built-in", pinned=True, default=default)


def printed(rows: Sequence[ModelRow], *, as_json: bool) -> str:
    """Return the list, as lines or as a JSON array."""
    if as_json:
        return json.dumps([asdict(row) for row in rows], ensure_ascii=False) + "\n"
    return "".join("  ".join(row.words()).rstrip() + "\n" for row in rows)


def gigabytes(size_bytes: int) -> str:
    """Return a size for people."""
    return f"{size_bytes / 1e9:.2f} GB"
