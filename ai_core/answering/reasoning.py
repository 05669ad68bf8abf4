"""Splits what a model thinks aloud before its answer from the answer."""

from typing import NamedTuple

TAGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",
    "<seed:think>": "</seed:think>",
    "<|channel>thought": "<channel|>",
}
"""How models enclose their reasoning, which stands before everything else."""


class Split(NamedTuple):
    """The next text of the answer, and of the reasoning."""

    answer: str = ""
    reasoning: str = ""


class ReasoningFilter:
    """Splits an answer chunk by chunk. White space around the reasoning is dropped."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"
        self._end = ""

    def feed(self, text: str) -> Split:
        """Take the next text; return what is known of it by now."""
        self._held += text
        reasoning = ""
        if self._state == "start":
            self._begin()
        if self._state == "reasoning":
            reasoning = self._reason()
        if self._state == "gap":
            self._held = self._held.lstrip()
            self._state = "answer" if self._held else "gap"
        if self._state == "answer":
            answer, self._held = self._held, ""
            return Split(answer, reasoning)
        return Split("", reasoning)

    def finish(self) -> Split:
        """Return what was held back."""
        held, self._held = self._held, ""
        return Split("", held) if self._state == "reasoning" else Split(held, "")

    def _begin(self) -> None:
        begun = self._held.lstrip()
        tag = next((tag for tag in TAGS if begun.startswith(tag)), None)
        if tag:
            self._state, self._end = "reasoning", TAGS[tag]
            self._held = begun.removeprefix(tag).lstrip()
        elif not any(tag.startswith(begun) for tag in TAGS):
            self._state = "answer"

    def _reason(self) -> str:
        at = self._held.find(self._end)
        if at >= 0:
            reasoning, self._held = self._held[:at], self._held[at + len(self._end) :]
            self._state = "gap"
            return reasoning
        longest = min(len(self._held), len(self._end) - 1)
        kept = next((n for n in range(longest, 0, -1) if self._end.startswith(self._held[-n:])), 0)
        reasoning = self._held[: len(self._held) - kept]
        self._held = self._held[len(reasoning) :]
        return reasoning
