"""Meanings of texts kept from one index to the next, so that a changed entry costs its own texts.

A text is known by its hash: the file holds no words. An encoder takes milliseconds for each of some
36,000 texts; where one entry is published, all but a hundred are here already.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ai_core.knowledge.phrasing_features import Vectors

FILE = "meanings.npz"

Embed = Callable[[list[str]], Vectors]


class TextMeanings:
    """The meanings of texts, from a file where it has them, else from an encoder.

    They are in half precision, so that an index is the same whether its texts were known or not.
    """

    def __init__(self, path: Path, embed: Embed, version: str) -> None:
        """`version` names the encoder: meanings of another one are not read."""
        self._path, self._embed, self._version = path, embed, version
        self._used: dict[bytes, NDArray[np.float16]] = {}
        self._known = self._read()

    def __call__(self, texts: list[str]) -> Vectors:
        """Return the meanings of texts, one row each."""
        hashes = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        missing = {
            one: text
            for one, text in zip(hashes, texts, strict=True)
            if one not in self._used and one not in self._known
        }
        if missing:
            made = self._embed(list(missing.values())).astype(np.float16)
            self._known.update(zip(missing, made, strict=True))
        for one in hashes:
            self._used.setdefault(one, self._known[one])
        return np.array([self._used[one] for one in hashes], np.float32)

    def save(self, path: Path) -> None:
        """Write the meanings that were asked for, whole or not at all."""
        if not self._used:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
            hashes = np.frombuffer(b"".join(self._used), np.uint8).reshape(len(self._used), -1)
            vectors = np.array(list(self._used.values()))
            np.savez(draft, version=self._version, hashes=hashes, vectors=vectors)
        Path(draft.name).chmod(0o644)
        Path(draft.name).rename(path)

    def _read(self) -> dict[bytes, NDArray[np.float16]]:
        if not self._path.exists():
            return {}
        try:
            with np.load(self._path) as saved:
                if str(saved["version"]) != self._version:
                    return {}
                hashes: Sequence[bytes] = [one.tobytes() for one in saved["hashes"]]
                return dict(zip(hashes, saved["vectors"], strict=True))
        except (BadZipFile, KeyError, ValueError):  # a damaged copy: they are made again
            return {}
