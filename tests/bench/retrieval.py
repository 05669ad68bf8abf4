"""Measures the search: `python -m tests.bench.retrieval --questions FILE … [--json]`.

A file is JSONL; its fields say what is measured. `articles` alone: ranking against these labels.
`form`: exact references (an empty list must find nothing). `scope`: refusals. `idcc`: agreements.
Everything goes through `CorpusIndex.search`, as a request does; times are of one thread. With
`--archives DIR` the import and both indexes are timed too, in a folder thrown away afterwards.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ai_core.law.corpus import Corpus
from ai_core.law.corpus_index import CorpusIndex
from ai_core.law.ingest.update import update_corpus
from ai_core.law.records import QuestionScope, SearchResult, SourceKind
from ai_core.law.references import canonical
from ai_core.law.search.indexing import build_lexical, build_semantic
from ai_core.law.search.tokens import read_table
from ai_core.law.versions import CorpusVersions
from shared.clock import SystemClock

DEPTH = 20
RESAMPLES = 2_000
MEASURES = ("hit@1", "hit@5", "hit@10", "hit@20", "recall@10", "mrr@10", "ndcg@10")

Question = dict[str, Any]
Row = tuple[float, ...]


@dataclass
class Bench:
    """An index, and the time each search took."""

    index: CorpusIndex
    took_ms: list[float] = field(default_factory=list)

    def search(self, question: str, kind: SourceKind | None = SourceKind.ARTICLE) -> SearchResult:
        """Search as a request would, and note the time."""
        start = time.perf_counter()
        found = self.index.search(
            question, limit=DEPTH, kind=kind, agreement=None, as_of=SystemClock().today()
        )
        self.took_ms.append((time.perf_counter() - start) * 1000)
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=Path, action="append", required=True)
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    parser.add_argument("--archives", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    versions = CorpusVersions(options.data_dir)
    version = versions.current()
    if version is None:
        parser.error(f"no corpus under {options.data_dir}: run ./neo corpus update")
    report = measure(Bench(CorpusIndex(versions.folder(version))), options.questions)
    if options.archives:
        report["build_s"] = build_times(options.archives)
    print(json.dumps(report, ensure_ascii=False, indent=None if options.json else 2))


def measure(bench: Bench, files: Sequence[Path]) -> dict[str, Any]:
    """Measure every file; rankings of files of the same nature also together."""
    for warm_up in ("démission", "congés payés", "Quel préavis en cas de démission ?"):
        bench.search(warm_up)
    bench.took_ms.clear()
    parts: dict[str, Any] = {}
    ranked: list[tuple[Question, Row]] = []
    for file in files:
        questions = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line]
        parts[file.stem] = _measure_file(bench, questions, ranked)
    report: dict[str, Any] = {"files": parts}
    if ranked:
        report["all_ranked"] = summary(row for _, row in ranked)
        far = [row for question, row in ranked if question.get("ft_sim", 0) < 70]
        report["all_ranked_ft_sim_below_70"] = summary(far)
    report["everyday_numbers_missing"] = missing_numbers(bench.index)
    report["semantic"] = bench.index.hybrid.semantic is not None
    report["query_ms"] = {
        f"p{level}": round(float(np.percentile(bench.took_ms, level)), 2) for level in (50, 95)
    }
    report["peak_rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return report


def _measure_file(
    bench: Bench, questions: list[Question], ranked: list[tuple[Question, Row]]
) -> dict[str, Any]:
    kinds: tuple[tuple[str, Callable[[Bench, list[Question]], dict[str, Any]]], ...] = (
        ("idcc", agreements),
        ("form", references),
        ("scope", refusals),
    )
    for name, measured in kinds:
        if name in questions[0]:
            return measured(bench, questions)
    rows, refused = [], 0
    for question in questions:
        found = bench.search(question["query"])
        refused += found.scope is not QuestionScope.LABOUR_LAW
        rows.append(score(found, question["articles"]))
    ranked += zip(questions, rows, strict=True)
    far = [row for q, row in zip(questions, rows, strict=True) if q.get("ft_sim", 0) < 70]
    return summary(rows) | {
        "ft_sim_below_70": summary(far),
        "refused": round(refused / len(questions), 3),
    }


def score(found: SearchResult, labels: Iterable[str]) -> Row:
    """Return MEASURES for one question; relevance is binary, an ideal list holds ≤ 10 labels."""
    wanted = {canonical(label) for label in labels}
    hits = np.array([canonical(one.number) in wanted for one in found.passages[:DEPTH]], float)
    hits = np.pad(hits, (0, DEPTH - len(hits)))
    positions = np.flatnonzero(hits[:10])
    discount = 1 / np.log2(np.arange(2, 12))
    return (
        *(float(hits[:depth].any()) for depth in (1, 5, 10, 20)),
        float(hits[:10].sum() / max(1, len(wanted))),
        1 / (float(positions[0]) + 1) if len(positions) else 0.0,
        float((hits[:10] * discount).sum() / discount[: min(10, max(1, len(wanted)))].sum()),
    )


def summary(rows: Iterable[Row]) -> dict[str, Any]:
    """Return means, each with the standard error of a bootstrap over questions."""
    table = np.array(list(rows))
    if not len(table):
        return {"questions": 0}
    rng = np.random.default_rng(0)
    draws = table[rng.integers(0, len(table), (RESAMPLES, len(table)))].mean(axis=1).std(axis=0)
    means = {
        name: [round(float(mean), 3), round(float(error), 3)]
        for name, mean, error in zip(MEASURES, table.mean(axis=0), draws, strict=True)
    }
    return {"questions": len(table)} | means


def references(bench: Bench, questions: list[Question]) -> dict[str, Any]:
    """Count exact references found, and in the lead, and negatives left alone."""
    wrong = []
    for question in questions:
        found = bench.search(question["query"])
        wanted = {canonical(number) for number in question["articles"]}
        exact = {canonical(number) for number in found.exact}
        lead = {canonical(one.number) for one in found.passages[: len(wanted)]}
        if exact != wanted or not wanted >= lead:
            wrong.append(question["id"])
    negatives = sum(not question["articles"] for question in questions)
    return {
        "questions": len(questions),
        "negatives": negatives,
        "right": len(questions) - len(wrong),
        "wrong": wrong,
    }


def refusals(bench: Bench, questions: list[Question]) -> dict[str, Any]:
    """Count refusals by expected scope, and what was answered though it should be refused."""
    refused: dict[str, list[bool]] = {}
    for question in questions:
        found = bench.search(question["query"])
        refused.setdefault(question["scope"], []).append(
            found.scope is not QuestionScope.LABOUR_LAW
        )
    return {
        scope: {"questions": len(flags), "refused": round(sum(flags) / len(flags), 3)}
        for scope, flags in sorted(refused.items())
    }


def agreements(bench: Bench, questions: list[Question]) -> dict[str, Any]:
    """Count agreements recognised, and those whose passages lead the answer."""
    recognised = leading = 0
    for question in questions:
        found = bench.search(question["query"], kind=None)
        recognised += found.agreement is not None and found.agreement.idcc == question["idcc"]
        first = found.passages[0] if found.passages else None
        leading += first is not None and first.number.startswith(f"IDCC {question['idcc']}")
    return {"questions": len(questions), "recognised": recognised, "first_passage": leading}


def missing_numbers(index: CorpusIndex) -> list[str]:
    """Return the numbers our everyday questions name that no article in force bears."""
    today = SystemClock().today()
    named = {n for _, numbers in read_table("everyday_questions.tsv") for n in numbers.split()}
    return sorted(number for number in named if not index.corpus.by_number(number, today))


def build_times(archives: Path) -> dict[str, float]:
    """Time the import and both indexes, from archives to a service that can search."""
    with tempfile.TemporaryDirectory() as folder:
        versions, marks = CorpusVersions(Path(folder)), [time.process_time()]
        version = update_corpus(versions, SystemClock(), folder=archives).version
        for build in (lambda position: Corpus(position).close(), build_lexical, build_semantic):
            build(versions.folder(version))
            marks.append(time.process_time())
    names = ("import", "lexical", "semantic")
    return {
        name: round(stop - start, 1)
        for name, start, stop in zip(names, marks, marks[1:], strict=False)
    }


if __name__ == "__main__":
    main()
