"""What was found for each question of a message, and all of it as one result."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from ai_core.answering.understanding.messages import Asked
from ai_core.engines.extractive.relevant import ClauseFit
from ai_core.law.records import Confidence, QuestionScope, SearchResult

UNDECIDED = {Confidence.LOW, Confidence.NONE}
"""Where the answer says first that the texts found do not decide."""
_SUREST_LAST = (Confidence.NONE, Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One question of a message, and what was found for it.

    `clauses` is how the clauses found of the agreement told answer it, None where none was told.
    """

    asked: Asked
    found: SearchResult
    clauses: ClauseFit | None = None


def merged(evidence: Sequence[Evidence]) -> SearchResult:
    """Return one result for several questions: their passages in turn, each once.

    It is as sure as the least sure of them, and in scope when one of them is.
    """
    results = [one.found for one in evidence]
    if len(results) == 1:
        return results[0]
    in_turn = chain.from_iterable(zip_longest(*(result.passages for result in results)))
    passages = {(one.kind, one.id, one.start): one for one in in_turn if one is not None}
    scopes = [result.scope for result in results]
    labour = QuestionScope.LABOUR_LAW
    named = next((result for result in results if result.agreement_match), results[0])
    return replace(
        results[0],
        passages=tuple(passages.values()),
        scope=labour if labour in scopes else scopes[0],
        exact=tuple(dict.fromkeys(chain.from_iterable(result.exact for result in results))),
        missing=tuple(dict.fromkeys(chain.from_iterable(result.missing for result in results))),
        agreement=named.agreement,
        agreement_match=named.agreement_match,
        confidence=least_sure(result.confidence for result in results),
    )


def least_sure(confidences: Iterable[Confidence]) -> Confidence:
    """Return the lowest of some confidences."""
    return min(confidences, key=_SUREST_LAST.index)
