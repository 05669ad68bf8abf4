"""Checks a model's answer sentence by sentence, and removes what its sources do not carry.

A sentence stays when it names a source among the passages read ("[2]", or an article that one of
them is), when each of its figures with a unit stands in a passage or in the question, and when it
does not permit what the passage it names forbids, or the other way round. A quoted line stays when
it is verbatim in a passage. Lines that lead in to others (headings, "… :") stay with the first of
those. Only whole sentences are let through, so that nothing shown is ever taken back; references,
quotations and addresses are then checked by `citations.CitationFilter`.

Measured with a model of 1.5 billion parameters: of 24 answers 11 were dangerous without these
checks (docs/log.md). Whether a sentence says what its source says is not known.
"""

import re
from collections.abc import Sequence

from ai_core.answering.citations import CitationFilter
from ai_core.answering.polarity import contradicts
from ai_core.answering.quotations import QUOTED_LINE
from ai_core.law.figures import Figure, figures_in
from ai_core.law.records import Passage, SourceKind
from ai_core.law.references import canonical, find_references
from shared.ai.contract import Citation

_END_CHARS = 64
"""What ends a sentence, its markers included, is not longer; nothing before is searched again."""
_MARKER = re.compile(r"\[(\d{1,3})\]")
_END = re.compile(
    r"(?<![\s(][A-Z]\.)(?<!\bart\.)(?<!\bal\.)(?<!\bno\.)(?<!\bM\.)(?<![\n ]\d\.)(?<!^\d\.)"
    r"(?:[.!?…][»\"”)*_]*(?:\s?\[\d{1,3}\])*(?=\s+[^\s\[])|(?=\n))\s+(?=\S)"
)
_LEADS_IN = re.compile(r"\s*(?:#+ .*|\*\*[^*]+\*\* ?:?|.*:)\s*")


class SentenceCheck:
    """Checks one answer; an `output_checks.OutputCheck`.

    `passages` are those the model read, whose numbers it may name; `sources` checks what passes.
    `kept` counts the sentences let through.
    """

    def __init__(self, sources: CitationFilter, passages: Sequence[Passage], question: str) -> None:
        self._sources = sources
        self._passages = passages
        self._articles = {
            canonical(passage.number): passage
            for passage in passages
            if passage.kind is SourceKind.ARTICLE
        }
        self._question = question
        self._figures: set[Figure] | None = None
        self._pending = ""
        self._lead = ""
        self._gap = ""
        self._dropped = 0
        self.kept = 0

    @property
    def removed(self) -> int:
        """Return how many sentences, references, quotations and addresses were removed."""
        return self._dropped + self._sources.removed

    def feed(self, text: str) -> str:
        """Take the next piece; return the sentences that are complete and hold."""
        start = max(0, len(self._pending.rstrip()) - _END_CHARS)
        self._pending += text
        shown = []
        while end := _END.search(self._pending, start):
            shown.append(self._judge(self._pending[: end.end()]))
            self._pending, start = self._pending[end.end() :], 0
        return "".join(shown)

    def finish(self) -> str:
        """Return the last sentence, if it holds, and what was still held back."""
        last, self._pending = self._pending, ""
        shown = self._judge(last) if last.strip() else ""
        return shown + self._sources.finish()

    def citations(self) -> list[Citation]:
        """Return the sources of the answer, in the order of their numbers."""
        return self._sources.citations()

    def _judge(self, sentence: str) -> str:
        """Return what can be shown after one sentence, given with the white space after it."""
        words = sentence.strip()
        space = sentence[len(sentence.rstrip()) :]
        if _LEADS_IN.fullmatch(words) and not _MARKER.search(words):
            self._lead = f"{words}{space}"
            return ""
        if not self._holds(words):
            self._dropped += 1
            self._gap = max(self._gap, space, key=lambda gap: gap.count("\n"))
            return ""
        shown = f"{self._gap if self.kept else ''}{self._lead}{words}"
        self._gap, self._lead = space, ""
        self.kept += 1
        return self._sources.feed(shown)

    def _holds(self, sentence: str) -> bool:
        quoted = QUOTED_LINE.match(sentence)
        if quoted:
            return self._sources.holds(_MARKER.sub("", sentence[quoted.end() :]).strip(" .,;"))
        cited = self._cited(sentence)
        if not cited:
            return False
        if any(figure not in self._known_figures() for figure in figures_in(sentence)):
            return False
        return not any(contradicts(sentence, passage.text) for passage in cited)

    def _cited(self, sentence: str) -> list[Passage]:
        numbers = [int(marker[1]) for marker in _MARKER.finditer(sentence)]
        cited = [self._passages[n - 1] for n in numbers if 0 < n <= len(self._passages)]
        named = {
            canonical(number)
            for reference in find_references(sentence)
            for reading in reference.readings
            for number in reading
        }
        return cited + [self._articles[number] for number in named & self._articles.keys()]

    def _known_figures(self) -> set[Figure]:
        if self._figures is None:
            texts = [self._question, *(passage.text for passage in self._passages)]
            self._figures = {figure for text in texts for figure in figures_in(text)}
        return self._figures
