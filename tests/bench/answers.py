"""Answers over HTTP: is what decides in the first screen, is it sourced, is it refused or admitted
as it should be, how long is it, how long does it take?

    python -m tests.bench.answers [--json] [--rows FILE] [--url URL --key KEY] [--model GGUF]

Asks the questions of `tests/bench/questions/` (`--questions` for other files: JSON lines with
`turns`, `query`, or a column per language). Without --url a service is started on loopback over
--data-dir (a folder that holds an imported corpus), with a Redis of its own. Every article cited is
fetched again and compared word for word. With --model each conversation is asked of the extractive
engine and of that model. `--rows` saves all rows, one JSON object a line, for a person to grade.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2

from shared.clock import SystemClock
from tests.bench._answer_figures import Row, figures, good
from tests.bench._answer_judging import Verdict, below, judge
from tests.bench._answer_questions import BenchQuestion, read_questions
from tests.bench._other_questions import read_other
from tests.bench._service import Model, service

EXTRACTIVE = "extractive"
MODEL = "contestant"
TIMEOUT_S = 300.0


def chosen_questions(chosen: argparse.Namespace) -> list[BenchQuestion]:
    """Return the questions asked for, spread evenly over all of them where there is a limit."""
    read = [read_other(path) for path in chosen.questions] or [read_questions()]
    questions = [
        question
        for group in read
        for question in group
        if chosen.language in {None, question.language} and chosen.kind in {None, question.kind}
    ]
    if not questions:
        raise SystemExit("no such questions")
    count = min(chosen.limit or len(questions), len(questions))
    return [questions[index * len(questions) // count] for index in range(count)]


class Asker:
    """Plays conversations with one model, over one client; fetches each cited article once."""

    def __init__(self, client: httpx2.AsyncClient, model: str) -> None:
        self._client = client
        self._model = model
        self._articles: dict[str, dict[str, Any] | None] = {}

    async def play(self, question: BenchQuestion) -> Row:
        """Ask one turn after the other; judge the last answer."""
        conversation: str | None = None
        replies: list[str] = []
        for turn in question.turns:
            body: dict[str, Any] = {"messages": [{"role": "user", "content": turn}]}
            body |= {"model": self._model, "conversation_id": conversation}
            started_s = time.perf_counter()
            response = await self._client.post("/api/v1/chat", json=body)
            took_ms = (time.perf_counter() - started_s) * 1_000
            if not response.is_success:
                return Row(question, took_ms, None, Verdict("error"), replies=tuple(replies))
            reply = response.json()
            conversation = reply["conversation_id"]
            replies.append(reply["response"])
        found = [await self._fault(citation, reply) for citation in reply["citations"]]
        return Row(
            question,
            took_ms,
            reply,
            judge(question, reply),
            citations=len(found),
            faults=tuple(fault for fault in found if fault),
            replies=tuple(replies),
        )

    async def _fault(self, citation: dict[str, str], reply: dict[str, Any]) -> str | None:
        """Return what is wrong with a citation, or None when it holds."""
        wrong = await self._wrong(citation, reply["response"])
        return f"{citation['number'] or citation['title']}: {wrong}" if wrong else None

    async def _wrong(self, citation: dict[str, str], response: str) -> str | None:
        if self._model == EXTRACTIVE and citation["url"] not in response:
            return "its address is not in the answer"
        if not citation["quote"].strip():
            return "nothing is quoted"
        if citation["kind"] != "article":
            return None
        article = await self._article(citation["id"])
        if article is None:
            return "the article does not exist"
        today = SystemClock().today().isoformat()
        if not article["in_force_since"] <= today < (article["in_force_until"] or "9999"):
            return "the article is not in force"
        if citation["quote"] not in article["text"]:
            return "the quotation is not word for word"
        return None if citation["url"] == article["url"] else "the address is another article's"

    async def _article(self, article_id: str) -> dict[str, Any] | None:
        if article_id not in self._articles:
            found = await self._client.get(f"/api/v1/articles/{article_id}")
            self._articles[article_id] = found.json() if found.is_success else None
        return self._articles[article_id]


async def play(url: str, key: str, questions: Sequence[BenchQuestion], model: str) -> list[Row]:
    """Play every conversation, one after the other."""
    headers = {"X-API-Key": key}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S) as client:
        asker = Asker(client, model)
        return [await asker.play(question) for question in questions]


def side_by_side(extractive: Sequence[Row], model: Sequence[Row]) -> dict[str, Any]:
    """Return both engines' figures, and where the model's answer is worse or without a source."""
    pairs = list(zip(extractive, model, strict=True))
    return {
        "extractive": figures(extractive)["all"],
        "model": figures(model)["all"],
        "model_worse": [
            theirs.question.id
            for ours, theirs in pairs
            if below(theirs.verdict.grade, ours.verdict.grade)
        ],
        "model_dangerous": [row.question.id for row in model if row.verdict.grade == "D"],
        "model_without_source": [
            theirs.question.id for ours, theirs in pairs if ours.citations and not theirs.citations
        ],
    }


def movement(rows: Sequence[Row], before: Path) -> dict[str, list[str]]:
    """Return which questions got better and worse since the run whose rows are in a file."""
    lines = map(json.loads, before.read_text(encoding="utf-8").splitlines())
    then = {line["id"]: line["grade"] for line in lines if line["engine"] == EXTRACTIVE}
    now = {row.question.id: row.verdict.grade for row in rows}
    return {
        "better": [name for name, grade in now.items() if below(then.get(name), grade)],
        "worse": [name for name, grade in now.items() if below(grade, then.get(name))],
    }


@contextlib.contextmanager
def served(chosen: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Yield the address and a key of the service to ask, started here unless one was named."""
    if chosen.url:
        yield chosen.url, chosen.key
        return
    models = [Model(MODEL, "gguf", chosen.model.resolve())] if chosen.model else []
    corpus = chosen.data_dir / "corpus"
    if not (corpus / "current").exists():
        raise SystemExit(f"no law under {chosen.data_dir}: ./neo corpus update")
    with service(models, keys=("bench",), corpus=corpus, checkout=chosen.checkout) as running:
        yield running.url, running.keys["bench"]


def show(told: dict[str, Any]) -> None:
    """Print the figures, a table of kinds and of languages first."""
    columns = ("questions", "grades", "right_in_first_screen", "right_somewhere", "gold_cited_any")
    for group in ("kinds", "languages"):
        for name, values in told.get(group, {}).items():
            print(f"{name:16}", *(f"{column} {values[column]} " for column in columns))
    rest = {name: value for name, value in told.items() if name not in {"kinds", "languages"}}
    for name, value in (rest.pop("all", {}) | rest).items():
        print(f"{name:24} {value}")


def save(played: dict[str, list[Row]], path: Path) -> None:
    """Write all rows, one JSON object a line, for a person to grade and for `--before`."""
    lines = (
        json.dumps({"engine": name, **row.saved()}, ensure_ascii=False)
        for name, rows in played.items()
        for row in rows
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--language", help="only the questions in this language")
    parser.add_argument("--kind", help="only the questions of this kind")
    parser.add_argument("--limit", type=int, help="ask this many, spread over all")
    parser.add_argument("--url")
    parser.add_argument("--key", help="an inference key, with --url")
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    parser.add_argument("--checkout", type=Path, help="run the code of this other checkout")
    parser.add_argument("--before", type=Path, help="rows of an earlier run: what moved since")
    parser.add_argument("--model", type=Path, help="a GGUF file to compare with quoting")
    parser.add_argument("--rows", type=Path, help="save all rows here, one JSON object a line")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and say by the exit status whether the figures are those promised."""
    chosen = arguments()
    questions = chosen_questions(chosen)
    engines = (EXTRACTIVE, MODEL) if chosen.model else (EXTRACTIVE,)
    with served(chosen) as (url, key):
        played = {name: asyncio.run(play(url, key, questions, name)) for name in engines}
    for name, rows in played.items():
        for row in rows:
            for fault in row.faults:
                print(f"{name}: {row.question.id}: {fault}", file=sys.stderr)
    if chosen.rows:
        save(played, chosen.rows)
    ours = figures(played[EXTRACTIVE])
    told = side_by_side(played[EXTRACTIVE], played[MODEL]) if chosen.model else ours
    if chosen.before:
        told["movement"] = movement(played[EXTRACTIVE], chosen.before)
    if chosen.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        show(told)
    return 0 if good(ours) else 1


if __name__ == "__main__":
    sys.exit(main())
