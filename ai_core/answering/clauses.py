"""What the clauses found of an agreement are worth to a question: they lead, follow or go."""

from collections.abc import Sequence
from dataclasses import replace

from ai_core.answering.evidence import Evidence
from ai_core.answering.understanding.messages import Asked
from ai_core.engines.extractive.relevant import NEAR_SCORE, ClauseFit, clause_fit
from ai_core.law.agreement_categories import categories_titled
from ai_core.law.records import Confidence, MatchBasis, Passage, SearchResult, SourceKind

_NEAR_SCORE_NAMED = 0.83
"""The search raises the clauses of an agreement named in the question more than of one chosen."""


def weighed(asked: Asked, found: SearchResult) -> Evidence:
    """Return the evidence for a question, with its clauses judged.

    Clauses that decide make the answer surer; those that say nothing of the question are left out,
    so that the law leads.
    """
    match = found.agreement_match
    if match is None or match.agreement is None or found.exact:
        return Evidence(asked, found)
    question = match.rest or asked.with_terms
    near = NEAR_SCORE if match.basis is MatchBasis.CHOSEN else _NEAR_SCORE_NAMED
    fit = clause_fit(question, asked.with_terms, found.passages, near)
    if fit is ClauseFit.DECIDES and found.confidence is Confidence.LOW:
        found = replace(found, confidence=Confidence.MEDIUM)
    if fit is ClauseFit.SILENT:
        law = tuple(one for one in found.passages if one.kind is not SourceKind.AGREEMENT)
        found = replace(found, passages=law)
    return Evidence(asked, found, fit)


def clauses_decide(evidence: Sequence[Evidence]) -> bool:
    """Whether the agreement told decides every question of a message."""
    return all(one.clauses is ClauseFit.DECIDES for one in evidence) and bool(evidence)


def agreement_silent(evidence: Sequence[Evidence]) -> bool:
    """Whether nothing was found on any question of a message in the agreement that it names.

    Where only a trade was told, the agreement was not what was asked about.
    """
    named = [one.found.agreement_match for one in evidence]
    about = all(match and match.basis is not MatchBasis.TRADE for match in named)
    silent = all(one.clauses is ClauseFit.SILENT for one in evidence)
    return bool(evidence) and about and silent


def of_one_category(passages: Sequence[Passage]) -> list[Passage]:
    """Return the clauses that may be for the same employees as the best one."""
    wanted = categories_titled(passages[0])
    return [
        one
        for one in passages
        if not wanted or not (titled := categories_titled(one)) or titled & wanted
    ]
