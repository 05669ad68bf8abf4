"""ai_core as its callers meet it: the real app over a sample corpus and a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from asgi_lifespan import LifespanManager
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from ai_core import app as composition
from ai_core.access.keys import KeyRing, Scope
from ai_core.answering.suggestions import Suggestions
from ai_core.answering.tables import read_tables
from ai_core.api import widget
from ai_core.api.routes import AppState, create_api
from ai_core.app import assemble, create_app, open_state
from ai_core.engines.base import Engine
from ai_core.errors import UnknownArticle
from ai_core.law.agreements import AgreementFinder
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import build_sample
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
from ai_core.law.references import find_references
from ai_core.models.opening import open_engine
from ai_core.models.slot import Opener
from ai_core.redis_keys import TAG
from ai_core.settings import (
    AnswerSettings,
    KnowledgeSettings,
    PageSettings,
    PostgresSettings,
    RedisSettings,
    Settings,
    WebSocketSettings,
)
from deploy.local.redis_server import RedisServer, bundled_redis
from shared.clock import Clock, StoppedClock
from shared.settings import TracingSettings
from shared.stores.redis_connection import RedisConnection
from shared.web.pages import WebFile
from tests.calculators.law import clause_of, quoted_wordings
from tests.openapi_rules import response_checker

UNTRACED = TracingSettings()
NO_POSTGRES = PostgresSettings()
UNCHECKED: dict[str, Any] = {"check_sentences": False, "quotes_lead_below_b": 0}
"""Answers as scripted engines write them, without sources: for tests of anything else."""
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
START_TIMEOUT_S = 60.0
"""For a machine that does much else; an app starts in a fraction of a second."""


@dataclass
class SampleLibrary:
    """A library small enough to say what it will find: the passages that share a word.

    `planted` come first whatever is asked; `found` replaces the search altogether. Clauses say what
    the rule files quote of them, or what `wordings_of` says, by id: another version of the law.
    """

    corpus: Corpus
    planted: list[Passage] = field(default_factory=list)
    found: SearchResult | None = None
    asked: list[str] = field(default_factory=list)
    wordings_of: dict[str, Wording] | None = None

    @cached_property
    def finder(self) -> AgreementFinder:
        return AgreementFinder(self.corpus.agreements())

    async def search(
        self,
        question: str,
        *,
        limit: int,
        kind: SourceKind | None = None,
        agreement: str | None = None,
        as_of: date,
    ) -> SearchResult:
        self.asked.append(question)
        if self.found:
            return self.found
        return await asyncio.to_thread(self._search, question, limit, kind, agreement, as_of)

    def _search(
        self, question: str, limit: int, kind: SourceKind | None, idcc: str | None, day: date
    ) -> SearchResult:
        match = self.finder.find(question, idcc)
        names = [r for r in find_references(question) if r.sure]
        exact = [a for r in names for a in self.corpus.by_number(r.readings[0][0], day)]
        missing = [r.name for r in names if not self.corpus.by_number(r.readings[0][0], day)]
        words = {word.strip("?,.'").casefold() for word in question.split() if len(word) > 4}

        def shared(passage: Passage) -> int:
            told = f"{passage.title} {passage.text}".casefold()
            return sum(word in told for word in words)

        passages = [
            passage
            for passage in self.corpus.passages()
            if (not exact or passage.id in {article.id for article in exact})
            and (exact or shared(passage))
            and (passage.in_force_since or day) <= day < (passage.in_force_until or date.max)
            and (kind is None or passage.kind is kind)
        ]
        return SearchResult(
            tuple([*self.planted, *sorted(passages, key=shared, reverse=True)][:limit]),
            QuestionScope.LABOUR_LAW,
            exact=tuple(article.number for article in exact),
            missing=tuple(missing),
            agreement=match.agreement if match else None,
            agreement_match=match,
        )

    async def meaning(self, text: str) -> NDArray[np.float32] | None:
        return None

    async def agreements_named(self, texts: Sequence[str]) -> tuple[Agreement | None, ...]:
        matches = await asyncio.to_thread(lambda: tuple(map(self.finder.find, texts)))
        return tuple(match.agreement if match else None for match in matches)

    async def agreement_of(self, texts: Sequence[str], chosen: str | None) -> AgreementMatch | None:
        return await asyncio.to_thread(lambda: self.finder.find_first(texts, chosen))

    async def agreement_meant(self, written: str) -> AgreementLookup:
        return await asyncio.to_thread(lambda: self.finder.meant(written))

    async def cited(
        self, sources: Sequence[tuple[str, str | None]], as_of: date
    ) -> tuple[Passage | None, ...]:
        said = await self.wordings([one for one, _ in sources], as_of)

        def read(one: str, idcc: str | None) -> Passage | None:
            return (
                clause_of(said[one], idcc) if one in said else self.corpus.whole(one, idcc, as_of)
            )

        return await asyncio.to_thread(lambda: tuple(read(*source) for source in sources))

    async def article(self, number: str, as_of: date | None = None) -> Article:
        day = as_of or NOON.date()
        found = await asyncio.to_thread(self.corpus.by_number, number, day)
        article = found[0] if found else await asyncio.to_thread(self.corpus.article, number)
        if article is None:
            raise UnknownArticle(number=number)
        return article

    async def wordings(self, source_ids: Sequence[str], as_of: date) -> dict[str, Wording]:
        if self.wordings_of is None:
            return await asyncio.to_thread(quoted_wordings, source_ids)
        return {one: self.wordings_of[one] for one in source_ids if one in self.wordings_of}

    async def fiches_citing(self, cid: str) -> tuple[FicheSection, ...]:
        return await asyncio.to_thread(self.corpus.fiches_citing, cid)

    async def status(self) -> CorpusStatus:
        counts = self.corpus.counts
        said = self.wordings_of or {}
        changed = f"+{hash(tuple(said.items()))}" if said else ""
        return CorpusStatus(
            self.corpus.version + changed,
            self.corpus.law_date,
            self.corpus.imported_at,
            counts.articles,
            counts.fiches,
            counts.agreements,
            semantic=False,
        )


@dataclass(frozen=True)
class RunningApp:
    """The running app, and how to reach it with a key of each scope."""

    asgi: ASGIApp
    client: httpx2.AsyncClient
    state: AppState
    keys: dict[Scope, str]
    redis_url: str

    async def new_key(self, scope: Scope, **options: Any) -> str:
        """Make a key with the options of `KeyRing.create`; return its secret."""
        async with connected(self.redis_url) as connection:
            made = await KeyRing(connection, StoppedClock(NOON)).create("test", scope, **options)
        return made.secret

    async def revoke(self, secret: str) -> None:
        """Revoke the key of a secret."""
        async with connected(self.redis_url) as connection:
            ring = KeyRing(connection, StoppedClock(NOON))
            await ring.refresh()
            key = ring.find(secret)
            assert key
            await ring.revoke(key.id)

    def key_header(self, scope: Scope = Scope.INFERENCE) -> dict[str, str]:
        return {"X-API-Key": self.keys[scope]}


OpenApp = Callable[..., AbstractAsyncContextManager[RunningApp]]


@pytest.fixture(scope="session", autouse=True)
def files_read_once() -> Iterator[None]:
    """Read, compress and stem once what every app reads anew and no test changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WebFile, "of", cache(WebFile.of))
        patch.setattr(Suggestions, "read", cache(Suggestions.read))
        patch.setattr(widget, "WidgetPages", cache(widget.WidgetPages))
        patch.setattr(composition, "read_tables", cache(read_tables))
        yield


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(build_sample(tmp_path_factory.mktemp("sample")))


@pytest.fixture
def library(sample: Corpus) -> SampleLibrary:
    return SampleLibrary(sample)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("answers"), binary=bundled_redis())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document: every response of a test is held against it."""
    return create_api(Settings(), open_state, CollectorRegistry()).openapi()


@pytest.fixture
def running_app(
    redis: RedisServer, library: SampleLibrary, tmp_path: Path, document: dict[str, Any]
) -> OpenApp:
    """Open the app with engines beside the built-in one; the first becomes the default.

    `answers` are settings of that section. One that is not `fresh` stands beside another over the
    same Redis: it makes no keys.
    """

    @asynccontextmanager
    async def opened(
        *engines: Engine,
        redis: RedisServer = redis,
        opener: Opener = open_engine,
        clock: Clock | None = None,
        tracing: TracingSettings = UNTRACED,
        postgres: PostgresSettings = NO_POSTGRES,
        fresh: bool = True,
        idle_s: float = 600.0,
        knowledge_folder: Path | None = None,
        **answers: float,
    ) -> AsyncIterator[RunningApp]:
        @asynccontextmanager
        async def open_state(
            settings: Settings, registry: CollectorRegistry
        ) -> AsyncIterator[AppState]:
            async with AsyncExitStack() as stack:
                state = await assemble(
                    *(settings, registry, stack, library, clock or StoppedClock(NOON)),
                    engines=engines,
                    opener=opener,
                )
                states.append(state)
                yield state

        states: list[AppState] = []
        values = {"redis": RedisSettings.model_validate({"url": redis.url})}
        page = PageSettings(hosts=("ai_core",))
        settings = Settings(data_dir=tmp_path, tracing=tracing, page=page, **values)  # type: ignore[arg-type]
        own = KnowledgeSettings(shipped=False, folder=knowledge_folder)
        answering = AnswerSettings(**UNCHECKED | answers)
        settings = settings.model_copy(
            update={
                "answers": answering,
                "knowledge": own,
                "postgres": postgres,
                "websocket": WebSocketSettings(idle_s=idle_s),
            }
        )
        if engines:
            models = settings.models.model_copy(update={"default": engines[0].name})
            settings = settings.model_copy(update={"models": models})
        keys = await fresh_keys(redis) if fresh else {}
        asgi = await asyncio.to_thread(create_app, settings, open_state)
        async with (
            LifespanManager(asgi, START_TIMEOUT_S, START_TIMEOUT_S) as manager,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(manager.app),
                base_url="http://ai_core",
                event_hooks={"response": [response_checker(document)]},
            ) as client,
        ):
            yield RunningApp(manager.app, client, states[0], keys, redis.url)

    return opened


async def fresh_keys(redis: RedisServer) -> dict[Scope, str]:
    """Empty Redis and make a key of each scope."""
    async with connected(redis.url) as connection:
        await connection.call("FLUSHALL")
        ring = KeyRing(connection, StoppedClock(NOON))
        return {scope: (await ring.create(scope.value, scope)).secret for scope in Scope}


@asynccontextmanager
async def connected(redis_url: str) -> AsyncIterator[RedisConnection]:
    """Open a connection of the operator's."""
    connection = RedisConnection(redis_url, TAG, timeout_s=30)
    await connection.open()
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def app(running_app: OpenApp) -> AsyncIterator[RunningApp]:
    """The app with its built-in engine alone."""
    async with running_app() as app:
        yield app
