"""The smaller variants made of a model, the active one, and the quality of each.

They are stored in the model's own folder, and `precisions.json` names the active one. It is
replaced atomically, so that a reader sees the old selection or the new one.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ai_core.errors import ModelUnusable

ORIGINAL = "original"
FILE = "precisions.json"


@dataclass(frozen=True, slots=True)
class Variant:
    """A model in one precision, which is its name.

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
class Variants:
    """Those made of one model; `active` and `previous` are names, or ORIGINAL."""

    active: str = ORIGINAL
    previous: str = ORIGINAL
    made: dict[str, Variant] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Variants":
        """Read a model's folder; nothing made when there is no such file.

        Raises ModelUnusable when the file is damaged.
        """
        try:
            document = json.loads((folder / FILE).read_text("utf-8"))
            made = {name: Variant(**keys) for name, keys in document["made"].items()}
            return cls(document["active"], document["previous"], made)
        except FileNotFoundError:
            return cls()
        except (ValueError, KeyError, TypeError) as error:
            raise ModelUnusable(
                f"{folder / FILE} is damaged: delete it and run model quantize again"
            ) from error

    def active_of(self, weights: str) -> Variant | None:
        """Return the variant in use of an original with that hash; None: the original itself."""
        found = self.made.get(self.active)
        return found if found and found.of == weights else None

    def select(self, variant: Variant | None) -> "Variants":
        """Return these with one more, in use from now on; None goes back to the original."""
        if variant is None:
            return replace(self, active=ORIGINAL, previous=self.active)
        made = {**self.made, variant.name: variant}
        return Variants(variant.name, self.active, made)

    def roll_back(self) -> "Variants":
        """Return these with the variant before the one in use."""
        return replace(self, active=self.previous, previous=self.active)

    def write(self, folder: Path) -> None:
        """Replace the folder's file."""
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / FILE, json.dumps(asdict(self), indent=1, ensure_ascii=False))


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old text or the new one, never a part of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
