"""How far one request travels through the source: files, functions, calls, moves from file to file.

Counted by a profiler on the call events of this repository's own files (a coroutine's resumption is
one too), in the service's own process, warm, over the sample law. A move is a call event in another
file than the call event before it.

`question`: POST /api/v1/chat answered by the extractive engine, not cached.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx2
from asgi_lifespan import LifespanManager

from ai_core.access.keys import KeyRing, Scope
from ai_core.app import create_app
from ai_core.law.ingest.sample import build_sample
from ai_core.redis_keys import TAG
from ai_core.settings import RedisSettings, Settings
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection
from tests.load.bench import command_line, redis, show

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = tuple(f"{ROOT / name}/" for name in ("ai_core", "shared"))
WARM_UP = [
    "Quelle est la durée du préavis en cas de démission ?",
    "Combien de jours de congés payés par an ?",
    "Quelle est la durée légale du travail ?",
]
QUESTION = "Quelle est la durée du préavis de démission ?"


@dataclass
class Journey:
    """The call events of one request."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    recording: bool = False

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        """Record a call into a file of ours; what `sys.setprofile` calls."""
        if self.recording and event == "call":
            code = frame.f_code
            if code.co_filename.startswith(PACKAGES):
                self.calls.append((code.co_filename, code.co_qualname))

    def figures(self) -> dict[str, object]:
        """Return what was counted, and the files entered most often."""
        files = [file for file, _ in self.calls]
        entered = [
            file for before, file in zip([None, *files], files, strict=False) if file != before
        ]
        visits = Counter(str(Path(file).relative_to(ROOT)) for file in entered)
        return {
            "files": len(visits),
            "functions": len(set(self.calls)),
            "calls": len(self.calls),
            "moves": len(entered) - 1,
            "entered_most": dict(visits.most_common(8)),
            "in_order": list(visits),
        }


async def question(journey: Journey) -> None:
    """Record one question."""
    with tempfile.TemporaryDirectory() as folder, redis() as store:
        data_dir = Path(folder)
        await asyncio.to_thread(build_sample, data_dir)
        settings = Settings(data_dir=data_dir, redis=RedisSettings(url=store.url))
        key = await _make_key(store.url)
        app = await asyncio.to_thread(create_app, settings)
        async with (
            LifespanManager(app) as running,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(running.app),
                base_url="http://ai_core",
                headers={"X-API-Key": key},
            ) as client,
        ):

            async def ask(text: str) -> None:
                body = {"messages": [{"role": "user", "content": text}]}
                response = await client.post("/api/v1/chat", json=body)
                response.raise_for_status()
                if response.json()["cached"]:
                    raise SystemExit("the answer was cached")

            for text in WARM_UP:
                await ask(text)
            journey.recording = True
            await ask(QUESTION)
            journey.recording = False


async def _make_key(redis_url: str) -> str:
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    made = await KeyRing(connection, SystemClock()).create("bench", Scope.INFERENCE)
    await connection.close()
    return made.secret


JOURNEYS: dict[str, Callable[[Journey], Awaitable[None]]] = {"question": question}


def main() -> int:
    """Count and print."""
    parser: argparse.ArgumentParser = command_line(__doc__ or "")
    parser.add_argument("name", nargs="?", choices=JOURNEYS, default="question")
    arguments = parser.parse_args()
    journey = Journey()
    threading.setprofile(journey.profile)
    sys.setprofile(journey.profile)
    asyncio.run(JOURNEYS[arguments.name](journey))  # type: ignore[arg-type]
    sys.setprofile(None)
    show(f"journeys {arguments.name}", journey.figures(), as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
