"""Parts the text of an answer as its clients show it: what leads, the sections, what closes.

`response` holds everything, and `sections` repeats parts of it. A client that shows sections apart
must neither lose nor repeat a paragraph that belongs to none, such as a model's own text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.ai.contract import AnswerSection

FOLDED = frozenset({"sources", "nearest"})
"""Kinds of sections that quote at length: a client folds them, or shows them last."""


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """An answer in parts: Markdown without the titles of the sections.

    `lead` comes first: the summary, or a model's whole text. `closing` is what follows the
    sections: remarks, the date of the law, the notice.
    """

    lead: str
    sections: tuple[AnswerSection, ...] = ()
    closing: str = ""

    @property
    def read_first(self) -> tuple[AnswerSection, ...]:
        """Return the sections that everybody reads."""
        return tuple(section for section in self.sections if section.kind not in FOLDED)

    @property
    def folded(self) -> tuple[AnswerSection, ...]:
        """Return the sections that quote the sources at length."""
        return tuple(section for section in self.sections if section.kind in FOLDED)


def answer_parts(response: str, sections: Sequence[AnswerSection]) -> AnswerParts:
    """Part a response; a section whose text is not in it, or is empty, stays out."""
    found: list[AnswerSection] = []
    between: list[str] = []
    end = 0
    for section in sections:
        start = response.find(section.text, end) if section.text else -1
        if start < 0:
            continue
        before = response[end:start].rstrip()
        between.append(before.removesuffix(f"**{section.title}**").strip())
        found.append(section)
        end = start + len(section.text)
    if not found:
        return AnswerParts(response.strip())
    closing = "\n\n".join(filter(None, (*between[1:], response[end:].strip())))
    return AnswerParts(between[0], tuple(found), closing)
