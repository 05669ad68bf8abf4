"""Measures agreements: `python -m tests.bench.agreements [--misses] [--json]`.

`agreement_questions.jsonl`, written for this project, has for each question its agreement (`idcc`)
and the clauses that answer it (their ids on Légifrance). Half of it, `tuned`, was looked at while
the ranking was made, the other half, `held_out`, was not; recognition was tuned on both. Everything
goes through `CorpusIndex.search`, as a request does. `recognised`: the agreement was taken from the
question's words. `first_two`: one of the first two agreement passages is of the right clause, with
the agreement recognised and with it given (`chosen`).
"""

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ai_core.law.corpus_index import CorpusIndex
from ai_core.law.records import SearchResult, SourceKind
from ai_core.law.versions import CorpusVersions
from shared.clock import SystemClock

QUESTIONS = Path(__file__).with_name("agreement_questions.jsonl")
FIRST = 2
LIMIT = 16

Question = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    parser.add_argument("--misses", action="store_true", help="print the questions not answered")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    versions = CorpusVersions(options.data_dir)
    version = versions.current()
    if version is None:
        parser.error(f"no corpus under {options.data_dir}: run ./neo corpus update")
    index = CorpusIndex(versions.folder(version))
    questions = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    report = {
        half: measure(index, [q for q in questions if q["half"] == half], misses=options.misses)
        for half in ("tuned", "held_out")
    }
    print(json.dumps(report, ensure_ascii=False, indent=None if options.json else 2))


def measure(index: CorpusIndex, questions: list[Question], *, misses: bool) -> dict[str, Any]:
    """Measure some questions; shares are of all of them."""
    recognised = named = chosen = first = 0
    took_ms: list[float] = []
    for question in sorted(questions, key=lambda one: str(one["idcc"])):
        found = search(index, question["query"], None, took_ms)
        right = found.agreement is not None and found.agreement.idcc == question["idcc"]
        given = search(index, question["query"], question["idcc"], took_ms)
        ids = clauses(given)
        recognised += right
        named += right and bool(set(clauses(found)[:FIRST]) & set(question["clauses"]))
        chosen += bool(set(ids[:FIRST]) & set(question["clauses"]))
        first += ids[:1] != [] and ids[0] in question["clauses"]
        if misses and not (right and set(ids[:FIRST]) & set(question["clauses"])):
            print(*miss(question, found, given), sep="\n")
    n = len(questions)
    return {
        "questions": n,
        "recognised": round(recognised / n, 3),
        "first_two": round(named / n, 3),
        "first_two_chosen": round(chosen / n, 3),
        "first_chosen": round(first / n, 3),
        "median_ms": round(sorted(took_ms)[len(took_ms) // 2], 1),
    }


def search(index: CorpusIndex, query: str, idcc: str | None, took_ms: list[float]) -> SearchResult:
    """Search as a request would, and note the time."""
    start = time.perf_counter()
    found = index.search(query, limit=LIMIT, kind=None, agreement=idcc, as_of=SystemClock().today())
    took_ms.append((time.perf_counter() - start) * 1000)
    return found


def clauses(found: SearchResult) -> list[str]:
    """Return the ids of the agreement passages found, best first, each once."""
    agreed = (one.id for one in found.passages if one.kind is SourceKind.AGREEMENT)
    return list(dict.fromkeys(agreed))


def miss(question: Question, found: SearchResult, given: SearchResult) -> Iterable[str]:
    """Yield lines about a question that was not answered."""
    named = found.agreement.idcc if found.agreement else None
    yield f"{question['half']} {question['idcc']} (named {named}) {question['query']}"
    match = found.agreement_match
    if match and not match.agreement:
        others = " ".join(one.idcc for one in match.alternatives)
        yield f"    {match.basis} asked: {others} not held: {match.not_held}"
    for one in [p for p in given.passages if p.kind is SourceKind.AGREEMENT][:3]:
        right = "=" if one.id in question["clauses"] else " "
        yield f"  {right} {one.score:.2f} {one.number} {' > '.join(one.section_path)[-110:]}"


if __name__ == "__main__":
    main()
