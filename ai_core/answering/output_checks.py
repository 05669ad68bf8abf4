"""Checks of a model's output on its way to the client, for prose and for JSON."""

from typing import Protocol

import orjson
from pydantic import JsonValue

from ai_core.answering.citations import CitationFilter
from shared.ai.contract import Citation


class OutputCheck(Protocol):
    """Filters an answer chunk by chunk; `removed` counts what was removed or replaced."""

    @property
    def removed(self) -> int:
        """Return how many citations were removed or replaced."""
        ...

    def feed(self, text: str) -> str:
        """Take the next piece; return what can be shown by now."""
        ...

    def finish(self) -> str:
        """Return what was still held back."""
        ...

    def citations(self) -> list[Citation]:
        """Return the sources of the answer, once it is finished."""
        ...


class NoCheck:
    """Passes everything: the answer is not based on our sources."""

    removed = 0

    def feed(self, text: str) -> str:
        """Return `text`."""
        return text

    def finish(self) -> str:
        """Return nothing: nothing was held back."""
        return ""

    def citations(self) -> list[Citation]:
        """Return none."""
        return []


class JsonCheck:
    """Checks every text inside an answer that is JSON, once it is whole.

    A list such as [5] is then never mistaken for a citation. Truncated output that is not valid
    JSON is checked as prose.
    """

    def __init__(self, prose: CitationFilter) -> None:
        self._prose = prose
        self._pieces: list[str] = []

    @property
    def removed(self) -> int:
        """Return how much did not hold."""
        return self._prose.removed

    def feed(self, text: str) -> str:
        """Hold the piece back."""
        self._pieces.append(text)
        return ""

    def finish(self) -> str:
        """Return the whole answer."""
        text = "".join(self._pieces)
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self._held(text)
        return orjson.dumps(self._walk(value)).decode()

    def citations(self) -> list[Citation]:
        """Return the sources, in the order of their numbers."""
        return self._prose.citations()

    def _walk(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self._held(value)
            case list():
                return [self._walk(item) for item in value]
            case dict():
                return {self._held(name): self._walk(item) for name, item in value.items()}
        return value

    def _held(self, text: str) -> str:
        return self._prose.feed(text) + self._prose.finish()
