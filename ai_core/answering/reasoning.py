"""Splits what a model thinks aloud from its answer."""

from typing import NamedTuple

from ai_core.engines.base import ReasoningStart
from ai_core.engines.reasoning_marks import (
    CHANNEL,
    FINAL_CHANNEL,
    MARK,
    MAX_MARK_CHARS,
    OPENING,
    Mark,
    begins_with_mark,
    kind_of,
    unfinished_chars,
)


class Split(NamedTuple):
    """The next text of the answer, and of the reasoning."""

    answer: str = ""
    reasoning: str = ""


class ReasoningFilter:
    """Splits an answer chunk by chunk. White space around the reasoning is dropped.

    Reasoning begins with the answer or at the beginning of a line: a mark inside a sentence is what
    the sentence is about. `thinking` is true from there to its end.
    """

    def __init__(self) -> None:
        self.thinking = False
        self._held = ""
        self._header: str | None = None
        self._in_channels = False
        self._begun = False
        self._gap = False
        self._line_is_blank = True

    def feed(self, text: str) -> Split:
        """Take the next text; return what is known of it by now."""
        self._held += text
        answer = reasoning = ""
        while found := self._next_mark():
            before = self._held[: found[0]]
            split = self._sort(before if self._begun else before.lstrip())
            answer, reasoning = answer + split.answer, reasoning + split.reasoning
            mark, self._held = self._held[found[0] : found[1]], self._held[found[1] :]
            self._pass(mark)
        whole = len(self._held) - unfinished_chars(self._held)
        if self._begun or self._held[:whole].strip():
            split = self._sort(self._held[:whole])
            self._held = self._held[whole:]
            answer, reasoning = answer + split.answer, reasoning + split.reasoning
        return Split(answer, reasoning)

    def finish(self, *, cut: bool = False) -> Split:
        """Return what was held back."""
        held, self._held = self._held, ""
        return self._sort(held)

    def _next_mark(self) -> tuple[int, int] | None:
        """Return where the next mark that is no text stands."""
        for found in MARK.finditer(self._held):
            if self._counts(kind_of(found[0]), found[0].lower(), found.start()):
                return found.span()
        return None

    def _counts(self, kind: Mark, spelling: str, start: int) -> bool:
        if kind is Mark.CLOSES:
            return self.thinking
        if kind is Mark.CONTENT:
            return self._header is not None
        if kind is Mark.ENDS or (kind is Mark.HEADER and spelling != CHANNEL):
            return self._in_channels or (kind is Mark.HEADER and self._opens_line(start))
        if kind is Mark.HEADER and (self._header is not None or self._in_channels):
            return True
        return not self.thinking and self._opens_line(start)

    def _opens_line(self, start: int) -> bool:
        _, newline, line = self._held[:start].rpartition("\n")
        return not line.strip() and (bool(newline) or self._line_is_blank)

    def _pass(self, mark: str) -> None:
        """Go over a mark."""
        kind = kind_of(mark)
        header, self._header = self._header, "" if kind is Mark.HEADER else None
        if kind is Mark.HEADER:
            self._in_channels |= mark.lower() == CHANNEL
        if kind is Mark.CONTENT:
            named = (header or "").strip().lower()
            self.thinking = self._in_channels and not named.startswith(FINAL_CHANNEL)
        else:
            self.thinking = kind is Mark.OPENS
        self._begun = self._gap = self._line_is_blank = True

    def _sort(self, text: str) -> Split:
        """Return a text without marks as what it is; a header is neither."""
        if self._header is not None:
            self._header += text
            return Split()
        if self._gap:
            text = text.lstrip()
        if not text:
            return Split()
        self._gap = False
        if self.thinking:
            return Split("", text)
        line = text.rpartition("\n")[2]
        self._line_is_blank = not line.strip() and ("\n" in text or self._line_is_blank)
        self._begun = True
        return Split(text, "")


class LearningReasoningFilter(ReasoningFilter):
    """Splits the answer of a server whose chat template may have opened the reasoning.

    Its text then begins inside the reasoning, and only the mark that ends it tells so. Until it is
    known whether a model does that, and of a model that does, everything is held to that mark or to
    the end of the answer: what is not checked must never be shown.
    """

    def __init__(self, start: ReasoningStart) -> None:
        super().__init__()
        self._start = start
        self._unknown = ""
        self._holds = start.in_prompt is not False

    def feed(self, text: str) -> Split:
        """Take the next text; return what is known of it by now."""
        if not self._holds:
            return super().feed(text)
        searched = max(0, len(self._unknown) - MAX_MARK_CHARS)
        self._unknown += text
        if begins_with_mark(self._unknown):
            return self._release(in_prompt=False)
        marks = MARK.finditer(self._unknown, searched)
        if any(kind_of(found[0]) is Mark.CLOSES for found in marks):
            return self._release(in_prompt=True)
        return Split()

    def told_apart(self) -> Split:
        """Take that the server sends the reasoning apart; return what was held."""
        return self._release(in_prompt=False) if self._holds else Split()

    def finish(self, *, cut: bool = False) -> Split:
        """Return what was held back; an answer that was `cut` may not have left its reasoning."""
        split = Split()
        if self._holds and self._unknown:
            known = self._start.in_prompt
            if known and cut:
                split = self._release(in_prompt=True)
            else:
                split = self._release(in_prompt=None if known or cut else False)
        rest = super().finish()
        return Split(split.answer + rest.answer, split.reasoning + rest.reasoning)

    def _release(self, *, in_prompt: bool | None) -> Split:
        self._start.in_prompt = in_prompt
        self._holds = False
        held, self._unknown = self._unknown, ""
        return super().feed(OPENING + held if in_prompt else held)
