"""The precisions made of a model, which of them is in use, and how good each is.

They lie beside each other in the model's own folder, and `precisions.json` points to the one in
use. It is replaced atomically, so that a reader sees the old choice or the new one.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ai_core.errors import ModelUnusable

ORIGINAL = "original"
FILE = "precisions.json"


@dataclass(frozen=True, slots=True)
class Precision:
    """One precision of a model.

    `path` is the file or folder made, "" when the original is opened with that precision.
    `agreement` is the share of tokens it chooses as the original does, `perplexity_ratio` its
    perplexity over the original's; `of` is the hash of the original's weights.
    """

    name: str
    of: str
    path: str = ""
    sha256: str = ""
    size_bytes: int = 0
    agreement: float = 1.0
    perplexity_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Precisions:
    """Those made of one model; `active` and `previous` are names, or ORIGINAL."""

    active: str = ORIGINAL
    previous: str = ORIGINAL
    made: dict[str, Precision] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Precisions":
        """Read a model's folder; nothing made when there is no such file.

        Raises ModelUnusable when the file is damaged.
        """
        try:
            written = json.loads((folder / FILE).read_text("utf-8"))
            made = {name: Precision(**facts) for name, facts in written["made"].items()}
            return cls(written["active"], written["previous"], made)
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError) as error:
            raise ModelUnusable(
                f"{folder / FILE} is damaged: delete it and run model quantize again"
            ) from error

    def in_use(self, weights: str) -> Precision | None:
        """Return the precision in use of an original with that hash; None: the original itself."""
        found = self.made.get(self.active)
        return found if found and found.of == weights else None

    def choosing(self, precision: Precision | None) -> "Precisions":
        """Return these with one more, in use from now on; None goes back to the original."""
        if precision is None:
            return replace(self, active=ORIGINAL, previous=self.active)
        made = {**self.made, precision.name: precision}
        return Precisions(precision.name, self.active, made)

    def rolled_back(self) -> "Precisions":
        """Return these with the precision before the one in use."""
        return replace(self, active=self.previous, previous=self.active)

    def write(self, folder: Path) -> None:
        """Replace the folder's file."""
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / FILE, json.dumps(asdict(self), indent=1, ensure_ascii=False))


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old text or the new one, never a part of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
