"""Every sentence a person can read, kept in TOML files: `[key]` with `fr` and `en`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from shared.languages import Language


class Texts:
    """Sentences by key and language."""

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        self._sentences = sentences

    @classmethod
    def read(cls, *paths: Path) -> "Texts":
        """Read TOML files; a later file overrides an earlier one.

        Raises KeyError when a sentence lacks French or English.
        """
        sentences: dict[str, Mapping[str, str]] = {}
        for path in paths:
            sentences |= tomllib.loads(path.read_text(encoding="utf-8"))
        for key, versions in sentences.items():
            if set(versions) != {"fr", "en"}:
                raise KeyError(f"{key} needs exactly a French and an English sentence")
        return cls(sentences)

    def __contains__(self, key: str) -> bool:
        return key in self._sentences

    def say(self, key: str, language: Language, **facts: str | int) -> str:
        """Return the sentence `key` with its placeholders filled."""
        return self._sentences[key][language].format(**facts)
