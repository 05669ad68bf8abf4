"""The real app over a law of three passages, on loopback: `python -m tests.load.app --help`.

`--peer` adds the same route as most services write it: three round trips with redis-py (the key,
the limit, the answer).
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI, Header, Request, Response
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from redis.asyncio import BlockingConnectionPool, Redis

from ai_core.access.keys import Key
from ai_core.answering.cache import open_cached
from ai_core.answering.request import Requester
from ai_core.api.response_formats import cached_body
from ai_core.api.routes import AppState, create_api
from ai_core.app import assemble, create_app, tune_the_interpreter, with_middleware
from ai_core.engines.base import Engine
from ai_core.engines.scripted import ScriptedEngine
from ai_core.errors import OverQuota
from ai_core.law.library import Library
from ai_core.law.records import (
    Agreement,
    AgreementLookup,
    AgreementMatch,
    Article,
    CorpusStatus,
    FicheSection,
    Passage,
    QuestionScope,
    SearchResult,
    SourceKind,
    Wording,
)
from ai_core.law.source import LawSource
from ai_core.law.versions import CorpusVersions
from ai_core.settings import ModelSettings, RedisSettings, ServerSettings, Settings
from shared.ai.contract import GenerateReply, GenerateRequest
from shared.clock import SystemClock
from shared.errors import NotAuthenticated, NotFound
from shared.logs import set_up_logs

SINCE = date(2008, 5, 1)
SENTENCE = "Le salarié qui démissionne prévient son employeur quinze jours à l'avance. "
SCRIPT = " ".join(f"mot{number}" for number in range(100))


class StillLibrary:
    """Finds the same three passages for every question, at once."""

    def __init__(self) -> None:
        self._passages = tuple(
            Passage(
                kind=SourceKind.ARTICLE,
                id=f"LEGIARTI{number:012d}",
                number=f"L1237-{number}",
                title=f"Article L1237-{number}",
                section_path=("Rupture du contrat",),
                text=SENTENCE * 4,
                url=f"https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI{number:012d}",
                score=3.0 - number,
                in_force_since=SINCE,
            )
            for number in range(1, 4)
        )

    async def search(
        self,
        question: str,
        *,
        limit: int,
        kind: SourceKind | None = None,
        agreement: str | None = None,
        as_of: date,
    ) -> SearchResult:
        """Return the passages."""
        return SearchResult(self._passages[:limit], QuestionScope.LABOUR_LAW)

    async def meaning(self, text: str) -> NDArray[np.float32] | None:
        """Return none."""
        return None

    async def agreements_named(self, texts: Sequence[str]) -> tuple[Agreement | None, ...]:
        """Return none."""
        return tuple(None for _ in texts)

    async def agreement_of(self, texts: Sequence[str], chosen: str | None) -> AgreementMatch | None:
        """Return none."""
        return None

    async def agreement_meant(self, written: str) -> AgreementLookup:
        """Return none."""
        return AgreementLookup(None)

    async def cited(
        self, sources: Sequence[tuple[str, str | None]], as_of: date
    ) -> tuple[Passage | None, ...]:
        """Return none."""
        return tuple(None for _ in sources)

    async def article(self, number: str, as_of: date) -> Article:
        """Return nothing: no measurement asks for an article."""
        raise NotImplementedError

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> dict[str, Wording]:
        """Return nothing: no measurement calculates."""
        return {}

    async def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        """Return none."""
        return ()

    async def status(self) -> CorpusStatus:
        """Return a corpus of three articles."""
        return CorpusStatus("load", SINCE, "2026-11-20T00:00:00Z", 3, 0, 0, semantic=False)


FIXED_WINDOW = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], 60) end
return count
"""


def add_peer_route(app: FastAPI, url: str) -> None:
    """Add `/peer/generate`: what a cached answer costs with three round trips by redis-py."""
    pool = BlockingConnectionPool.from_url(url, max_connections=50, timeout=2)
    redis = Redis(connection_pool=pool)
    count = redis.register_script(FIXED_WINDOW)

    @app.post("/peer/generate", response_model=GenerateReply)
    async def generate(
        body: GenerateRequest, request: Request, x_api_key: Annotated[str, Header()]
    ) -> Response:
        started_s = time.monotonic()
        digest = hashlib.sha256(x_api_key.encode()).hexdigest()
        record = await redis.get(f"peer:{digest}")
        if record is None:
            raise NotAuthenticated
        key = Key.model_validate_json(record)
        if await count(keys=[f"peer:count:{key.id}"]) > (key.limits.requests_per_minute or 0):
            raise OverQuota(retry_after_s=60)
        resolved = await request.state.resolver.resolve_generate(body, Requester("fr", key.scope))
        key = resolved.cache_key
        answer = await redis.get(key.name) if key else None
        if key is None or not isinstance(answer, bytes):
            raise NotFound
        whole = cached_body(
            open_cached(key, answer),
            datetime.now(UTC),
            time.monotonic() - started_s,
            resolved.answer_id,
        )
        return Response(whole, media_type="application/json")


def settings_of(arguments: argparse.Namespace, folder: Path) -> Settings:
    """Return the settings for one server, which keeps its files in `folder`."""
    return Settings(
        data_dir=folder,
        server=ServerSettings(port=arguments.port),
        redis=RedisSettings(url=arguments.redis),
        models=ModelSettings(default=arguments.model),
    )


def main() -> int:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--model", choices=["extractive", "scripted"], default="extractive")
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--data-dir", type=Path, help="answer from this corpus instead")
    arguments = parser.parse_args()
    set_up_logs("ai_core")
    with tempfile.TemporaryDirectory() as folder:
        serve(arguments, settings_of(arguments, Path(folder)))
    return 0


def serve(arguments: argparse.Namespace, settings: Settings) -> None:
    """Serve until told to stop."""

    @asynccontextmanager
    async def open_state(
        settings: Settings, registry: CollectorRegistry
    ) -> AsyncIterator[AppState]:
        engines: tuple[Engine, ...] = (ScriptedEngine(SCRIPT),)
        async with AsyncExitStack() as stack:
            library: LawSource = StillLibrary()
            if arguments.data_dir:
                library = Library(CorpusVersions(arguments.data_dir))
                stack.push_async_callback(library.close)
            state = await assemble(settings, registry, stack, library, SystemClock(), engines)
            tune_the_interpreter()
            yield state

    app = create_app(settings, open_state)
    if arguments.peer:
        registry = CollectorRegistry()
        api = create_api(settings, open_state, registry)
        add_peer_route(api, arguments.redis)
        app = with_middleware(api, settings, registry)
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    sys.exit(main())
