"""The figures of many judged answers: shares, lengths and times, in all, by kind, by language."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench._answer_judging import Verdict
from tests.bench._answer_questions import BenchQuestion

WORST_P95_MS = 100.0
MOST_LABOUR_REFUSED = 0.02
LEAST_FAR_REFUSED = 0.90


@dataclass(frozen=True)
class Row:
    """One conversation as it was played: the last body, how long it took, what was judged of it.

    `faults` are the citations that do not hold, with the reason.
    """

    question: BenchQuestion
    took_ms: float
    body: dict[str, Any] | None
    verdict: Verdict
    citations: int = 0
    faults: tuple[str, ...] = ()
    replies: tuple[str, ...] = field(default=(), repr=False)

    def saved(self) -> dict[str, Any]:
        """Return it for a person who grades: the conversation, the answer, what was judged."""
        body = self.body or {}
        kept = ("response", "summary", "sections", "suggestions", "confidence", "clarification")
        return {
            **asdict(self.question),
            "replies": self.replies,
            **{name: body.get(name) for name in (*kept, "citations", "abstained", "profile")},
            "took_ms": round(self.took_ms, 1),
            "faults": self.faults,
            **asdict(self.verdict),
        }


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the figures of all rows, and of each kind and language."""
    return {
        "all": _summary(rows),
        "kinds": _grouped(rows, lambda row: row.question.kind),
        "languages": _grouped(rows, lambda row: row.question.language),
    }


def good(told: dict[str, Any]) -> bool:
    """Return whether the figures are those promised."""
    every = told["all"]
    far = told["kinds"].get("far", {}).get("refused")
    return (
        not every["errors"]
        and not every["citations_false"]
        and not every["grades"].get("D")
        and every["answerable_refused"] <= MOST_LABOUR_REFUSED
        and (far is None or far >= LEAST_FAR_REFUSED)
        and every["p95_ms"] <= WORST_P95_MS
    )


def _grouped(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: _summary(group) for name, group in sorted(groups.items())}


def _share(values: Iterable[bool | None]) -> float | None:
    """Return the share of true ones among those that are known, or None."""
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 3) if known else None


def _at(values: Sequence[float], share: float) -> float:
    return round(sorted(values)[int(share * (len(values) - 1))], 1)


def _summary(rows: Sequence[Row]) -> dict[str, Any]:
    verdicts = [row.verdict for row in rows]
    graded = [verdict for verdict in verdicts if verdict.grade]
    answered = [row.verdict for row in rows if row.question.expected == "answered"]
    screens = [verdict.first_screen_characters for verdict in verdicts]
    lengths = [verdict.characters for verdict in verdicts]
    return {
        "questions": len(rows),
        "errors": sum(row.body is None for row in rows),
        "grades": dict(sorted(Counter(verdict.grade for verdict in graded).items())),
        "right_in_first_screen": _share(verdict.grade == "A" for verdict in graded),
        "right_somewhere": _share(verdict.grade in {"A", "B"} for verdict in graded),
        "bad_that_admits_nothing": sum(v.admits_nothing_though_bad for v in verdicts),
        "gold_cited_any": _share(verdict.cited_any for verdict in answered),
        "gold_cited_all": _share(verdict.cited_all for verdict in answered),
        "language_right": _share(verdict.language_right for verdict in verdicts),
        "refused": _share(verdict.refused for verdict in verdicts),
        "answerable_refused": _share(verdict.refused for verdict in answered) or 0.0,
        "asks_back": _share(verdict.asks for verdict in verdicts),
        "without_source": _share(
            not row.citations for row in rows if row.body and not row.body["abstained"]
        ),
        "citations": sum(row.citations for row in rows),
        "citations_false": sum(len(row.faults) for row in rows),
        "first_screen_median": statistics.median(screens),
        "first_screen_p90": _at(screens, 0.9),
        "characters_median": statistics.median(lengths),
        "characters_p90": _at(lengths, 0.9),
        "p50_ms": _at([row.took_ms for row in rows], 0.5),
        "p95_ms": _at([row.took_ms for row in rows], 0.95),
    }
