"""Sentences of the desk, in French and English: texts/console/*.toml, one file for each screen."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ai_core.records.accounts import ConsoleLanguage

FOLDER = Path(__file__).parents[1] / "texts" / "console"
LANGUAGES = ("fr", "en")


class ConsoleTexts:
    """Sentences by key and language."""

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        self._sentences = sentences

    @classmethod
    def read(cls) -> "ConsoleTexts":
        """Read every file. Raises KeyError for a sentence in one language, or in two files."""
        sentences: dict[str, Mapping[str, str]] = {}
        for path in sorted(FOLDER.glob("*.toml")):
            for key, versions in tomllib.loads(path.read_text(encoding="utf-8")).items():
                if set(versions) != set(LANGUAGES):
                    raise KeyError(f"{key} needs a sentence in French and in English")
                if key in sentences:
                    raise KeyError(f"{key} stands in two files")
                sentences[key] = versions
        return cls(sentences)

    def __contains__(self, key: object) -> bool:
        return key in self._sentences

    def say(self, key: str, language: ConsoleLanguage, **facts: object) -> str:
        """Return the sentence `key` with its placeholders filled."""
        return self._sentences[key][language].format(**facts)
