"""What of each passage concerns a question, for a model to read; whether any fits what is told."""

from collections.abc import Sequence
from enum import StrEnum

from ai_core.engines.extractive.asked import Asked, AskedQuestion
from ai_core.engines.extractive.deciding import Candidate, candidates, other_situation_decides
from ai_core.engines.extractive.excerpt import Quoted, excerpt
from ai_core.engines.extractive.situations import read_told
from ai_core.engines.extractive.units import read
from ai_core.law.records import Passage, SourceKind

_DECIDING_SCORE = 0.85
_COVERED = 0.56
_NEAR_COVERED, _HARDLY_COVERED = 0.4, 0.06
NEAR_SCORE = 0.6
_TITLED, _PARTLY = 0.6, 1 / 3
_WELL_COVERED, _WHOLLY_COVERED = 0.65, 0.9
_GIVES = 0.7


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
    return bool(told.exclusive) and other_situation_decides(asked, passages)


class ClauseFit(StrEnum):
    """How the clauses found of an agreement answer a question.

    DECIDES: the best sentence covers what is asked and states it, for everybody or for the category
    told. NEAR: it may. SILENT: it does not, and nothing else of the agreement that was found does.
    """

    DECIDES = "decides"
    NEAR = "near"
    SILENT = "silent"


def clause_fit(
    question: str, told: str, passages: Sequence[Passage], near_score: float = NEAR_SCORE
) -> ClauseFit:
    """Judge the best sentence of the clauses found; `question` lacks the words that name them.

    Clauses of which none scores `near_score` say nothing of the question. The limits were set on
    fifty questions of our own (docs/decisions/0157).
    """
    clauses = [one for one in passages if one.kind is SourceKind.AGREEMENT]
    asked = AskedQuestion.read(question)
    found = candidates(asked, clauses, told)
    if not found or not found[0].fits:
        return ClauseFit.SILENT
    best, score = found[0], max(one.score for one in clauses)
    covered = best.features["covered_with_context"]
    enough = _NEAR_COVERED if best.features["label_fits"] == 1 else _COVERED
    leads = not (best.features["category_not_told"] or clauses[best.passage].outdated)
    if best.features["of_pay_grid"] and not best.features["other_label"]:
        return ClauseFit.DECIDES
    if leads and score >= _DECIDING_SCORE and covered >= enough and _states(asked, best):
        return ClauseFit.DECIDES
    silent = score < near_score or covered < _HARDLY_COVERED
    return ClauseFit.SILENT if silent else ClauseFit.NEAR


def _states(asked: AskedQuestion, best: Candidate) -> bool:
    """Whether a sentence states what is asked for: mostly a figure, or a grant under its title."""
    covered, titled = best.features["covered_with_context"], best.features["titled"]
    if best.features["label_fits"] or (titled >= _TITLED and covered >= _WHOLLY_COVERED):
        return True
    if not best.features["agreement_figure"] and titled < _TITLED:
        return False
    on_subject = covered >= _WHOLLY_COVERED or (covered >= _WELL_COVERED and titled >= _PARTLY)
    loose = {*asked.kinds} <= {Asked.ANY, Asked.YES_NO}
    if best.features["gives_what_is_asked"] >= _GIVES and not loose:
        return True
    return bool(best.features["agreement_figure"]) and loose and on_subject
