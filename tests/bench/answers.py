"""Answers over HTTP: are they sourced, are the sources true, how long do they take?

    python -m tests.bench.answers --questions FILE [--limit 200] [--json] [--url URL --key KEY]

FILE holds one JSON object a line with a `query`. Without --url a service is started on loopback
over --data-dir (a folder that holds an imported corpus), with a Redis of its own. Every article
cited is fetched again and compared word for word. Whether a source is the right one is not
measured here.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2

from ai_core.access.keys import KeyRing, Scope
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection

START_TIMEOUT_S = 120.0
WORST_P95_MS = 100.0
MOST_UNSOURCED = 0.10
IN_SCOPE_REASONS = {"no_source"}


@dataclass(frozen=True)
class Figures:
    """What was measured; shares are between 0 and 1, times in milliseconds to the last byte."""

    questions: int
    errors: int
    citations: int
    citations_false: int
    answers_without_source: float
    refused: dict[str, int]
    p50_ms: float
    p95_ms: float
    max_ms: float

    @property
    def good(self) -> bool:
        """Return whether the figures are those promised."""
        return (
            not self.errors
            and not self.citations_false
            and self.answers_without_source <= MOST_UNSOURCED
            and self.p95_ms <= WORST_P95_MS
        )


def questions_in(path: Path, limit: int) -> list[str]:
    """Return the questions, one of each, in their order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    queries = (json.loads(line)["query"] for line in lines if line.strip())
    return list(dict.fromkeys(queries))[:limit]


@contextlib.contextmanager
def service(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Start ai_core on loopback; yield its address and a key."""
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder, "redis"), durable=False)
        redis.start()
        port = free_port()
        settings = {
            "AI_CORE_DATA_DIR": str(data_dir),
            "AI_CORE_REDIS__URL": redis.url,
            "AI_CORE_SERVER__PORT": str(port),
            "AI_CORE_LOG_LEVEL": "warning",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "ai_core", "serve"], env={**os.environ, **settings}
        )
        try:
            key = asyncio.run(make_key(redis.url))
            wait_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}", key
        finally:
            process.terminate()
            process.wait()
            redis.stop()


async def make_key(redis_url: str) -> str:
    """Make an inference key without limits."""
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    try:
        return (await KeyRing(connection, SystemClock()).create("bench", Scope.INFERENCE)).secret
    finally:
        await connection.close()


def wait_ready(url: str) -> None:
    """Return once the service answers questions."""
    give_up_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_s:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{url}/ready").is_success:
                return
        time.sleep(0.1)
    raise SystemExit(f"{url} was not ready within {START_TIMEOUT_S} s")


@dataclass(frozen=True)
class Answer:
    """One answer as it came."""

    question: str
    took_ms: float
    body: dict[str, object] | None


async def ask(client: httpx2.AsyncClient, questions: list[str]) -> AsyncIterator[Answer]:
    """Ask one question after the other."""
    for question in questions:
        started_s = time.perf_counter()
        response = await client.post(
            "/api/v1/chat", json={"messages": [{"role": "user", "content": question}]}
        )
        took_ms = (time.perf_counter() - started_s) * 1_000
        yield Answer(question, took_ms, response.json() if response.is_success else None)


async def fault(client: httpx2.AsyncClient, citation: dict[str, str], response: str) -> str | None:
    """Return what is wrong with a citation, or None when it holds."""
    if citation["url"] not in response:
        return "its address is not in the answer"
    if not citation["quote"].strip():
        return "nothing is quoted"
    if citation["kind"] != "article":
        return None
    found = await client.get(f"/api/v1/articles/{citation['id']}")
    if not found.is_success:
        return "the article does not exist"
    article = found.json()
    today = SystemClock().today().isoformat()
    if not article["in_force_since"] <= today < (article["in_force_until"] or "9999"):
        return "the article is not in force"
    if citation["quote"] not in article["text"]:
        return "the quotation is not word for word"
    return None if citation["url"] == article["url"] else "the address is another article's"


async def measure(url: str, key: str, questions: list[str], *, show: bool) -> Figures:
    """Ask the questions and check the answers."""
    times: list[float] = []
    refused: dict[str, int] = {}
    errors = citations = citations_false = unsourced = in_scope = 0
    headers = {"X-API-Key": key, "Accept-Language": "fr"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        async for answer in ask(client, questions):
            times.append(answer.took_ms)
            if answer.body is None:
                errors += 1
                continue
            body = json.loads(json.dumps(answer.body))
            if show:
                print(f"\n{'=' * 80}\n{answer.question}\n{'-' * 80}\n{body['response']}")
            reason = body["abstained"]["reason"] if body["abstained"] else None
            if reason:
                refused[reason] = refused.get(reason, 0) + 1
            if reason is None or reason in IN_SCOPE_REASONS:
                in_scope += 1
                unsourced += not body["citations"]
            for citation in body["citations"]:
                citations += 1
                wrong = await fault(client, citation, body["response"])
                if wrong:
                    citations_false += 1
                    print(f"{answer.question}: {citation['number']}: {wrong}", file=sys.stderr)
    ordered = sorted(times)
    return Figures(
        questions=len(questions),
        errors=errors,
        citations=citations,
        citations_false=citations_false,
        answers_without_source=round(unsourced / max(1, in_scope), 4),
        refused=refused,
        p50_ms=round(statistics.median(ordered), 1),
        p95_ms=round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        max_ms=round(ordered[-1], 1),
    )


def main() -> int:
    """Measure, print, and say by the exit status whether the figures are those promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--url")
    parser.add_argument("--key", help="an inference key, with --url")
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    parser.add_argument("--show", action="store_true", help="print the answers too")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    questions = questions_in(chosen.questions, chosen.limit)
    with contextlib.ExitStack() as stack:
        url, key = (
            (chosen.url, chosen.key)
            if chosen.url
            else stack.enter_context(service(chosen.data_dir))
        )
        figures = asyncio.run(measure(url, key, questions, show=chosen.show))
    if chosen.json:
        print(json.dumps(asdict(figures)))
    else:
        for name, value in asdict(figures).items():
            print(f"{name:24} {value}")
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
