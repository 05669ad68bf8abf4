"""What of each passage concerns a question, for a model to read; whether any fits what is told."""

from collections.abc import Sequence

from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.deciding import candidates, nothing_fits
from ai_core.engines.extractive.excerpt import Quoted, excerpt
from ai_core.engines.extractive.situations import read_told
from ai_core.engines.extractive.units import read
from ai_core.law.records import Passage


def relevant_runs(
    question: str, passages: Sequence[Passage], budget_chars: int
) -> list[tuple[str, ...]]:
    """Return of each passage the runs to read, in its order, each word for word.

    A passage within `budget_chars` is one run, whole.
    """
    scored: dict[int, dict[int, float]] = {}
    for one in candidates(AskedQuestion.read(question), passages):
        scored.setdefault(one.passage, {})[one.unit] = one.score
    found = []
    for n, passage in enumerate(passages):
        reading = read(passage.text)
        chosen = excerpt(reading, (), scored.get(n, {}), budget_chars, Quoted())
        found.append(tuple(passage.text[start:stop] for start, stop in reading.runs(chosen)))
    return found


def fits_no_situation(question: str, passages: Sequence[Passage]) -> bool:
    """Whether the passages that would answer are of another situation than the question tells."""
    asked = AskedQuestion.read(question)
    told = read_told(asked.folded)
    return bool(told.exclusive) and nothing_fits(candidates(asked, passages))
