"""Why a mail is in its state, in a sentence for a reviewer: texts/reasons.toml."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from mail_service.ledger.records import LedgerEntry
from shared.languages import Language

FILE = Path(__file__).parents[1] / "texts" / "reasons.toml"


class Reasons:
    """The sentences, in French and English: those who review read one of them."""

    def __init__(self, sentences: Mapping[str, Mapping[str, str]]) -> None:
        self._sentences = sentences

    @classmethod
    def read(cls) -> "Reasons":
        """Read the sentences. Raises KeyError where one lacks a language."""
        sentences = tomllib.loads(FILE.read_text(encoding="utf-8"))
        for key, versions in sentences.items():
            if set(versions) != {"fr", "en"}:
                raise KeyError(f"{key} needs a sentence in French and in English")
        return cls(sentences)

    def __contains__(self, reason: str) -> bool:
        return reason in self._sentences

    def explain(self, entry: LedgerEntry, language: Language) -> str:
        """Return why a mail is in its state."""
        keys = (f"{entry.state}/{entry.reason}", entry.reason, _family(entry.reason))
        state_key = f"{entry.state}/" if entry.reason else f"{entry.state}/nothing"
        return self._say(
            next((key for key in keys if key in self), state_key), entry.reason, language
        )

    def explain_finding(self, finding: str, language: Language) -> str:
        """Return what a rule found, given as `rule:condition`; the finding itself when unknown."""
        return self._say(finding, finding, language) if finding in self else finding

    def _say(self, key: str, reason: str, language: Language) -> str:
        readable: Literal["fr", "en"] = "fr" if language == "fr" else "en"
        detail = reason.partition(":")[2] or reason
        return self._sentences[key][readable].format(detail=detail)


def _family(reason: str) -> str:
    """Return the key for every reason that begins alike, as `ai:` for `ai:invalid_request`."""
    name, colon, _ = reason.partition(":")
    return f"{name}{colon}" if colon else ""
