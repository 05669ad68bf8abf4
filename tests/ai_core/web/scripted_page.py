"""A scripted service behind the real pages, and a visitor before them in a real Chromium.

A fault of a page shows as a console error, which fails the test."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    expect,
)
from starlette.types import ASGIApp

from ai_core.access.keys import KeyRing, Scope
from ai_core.api.page import page_router
from ai_core.redis_keys import TAG
from ai_core.settings import PageSettings
from shared.clock import Clock
from shared.stores.redis_connection import RedisConnection
from tests.servers.accessibility import axe_results

KEY = "publishable-key-of-the-page"


QUESTION = "Combien de jours de congé pour un mariage ?"


ARTICLE_URL = "https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI900000000001"


FICHE_URL = "https://travail-emploi.gouv.fr/exemple-1"


HELP_URL = "https://travail-emploi.gouv.fr/aide"


QUOTE = "Le salarié a droit, sur justification, à un congé de quatre jours pour son mariage."


NOTICE = "Information donnée par une intelligence artificielle, pas un conseil juridique."


ANSWER = f"""Le congé dépend de l'événement **familial** [1] [2] :

- quatre jours pour un mariage ;
- un jour pour celui d'un enfant [9].

> {QUOTE}

{ARTICLE_URL} et https://ailleurs.example/piege

{FICHE_URL}

Version publiée au 1er novembre 2026. {NOTICE}"""


SECTION_PATH = ["Partie législative", "Livre Ier : Durée du travail", "Section 1 : Congés"]


ARTICLE: dict[str, Any] = {
    "number": "L9142-1",
    "id": "LEGIARTI900000000001",
    "title": "Congés pour événements familiaux",
    "section_path": SECTION_PATH,
    "text": f"{QUOTE}\n\nÉvénement\tJours\nMariage\t4",
    "nota": "Texte écrit pour les essais.",
    "in_force_since": "2016-08-10",
    "in_force_until": None,
    "url": ARTICLE_URL,
    "cited_by_fiches": [{"title": "Les congés pour événements familiaux", "url": FICHE_URL}],
}


CITATIONS: list[dict[str, Any]] = [
    {
        "kind": "article",
        "id": "LEGIARTI900000000001",
        "number": "L9142-1",
        "title": "Congés pour événements familiaux",
        "url": ARTICLE_URL,
        "quote": QUOTE,
        "in_force_since": "2016-08-10",
        "status": "verified",
    },
    {
        "kind": "fiche",
        "id": "fiche-1",
        "number": "",
        "title": "Les congés pour événements familiaux",
        "url": FICHE_URL,
        "quote": "Ces jours sont payés comme du temps de travail.",
        "in_force_since": None,
        "status": "verified",
    },
]


WHOLE = "Le texte entier de cette source."
AGREEMENTS: list[dict[str, Any]] = [
    {"idcc": idcc, "title": title, "held": True, "url": "https://www.legifrance.gouv.fr/"}
    for idcc, title in (
        ("9001", "Horlogerie du dimanche"),
        ("9002", "Horlogerie de gare"),
        ("9003", "Vitrail"),
    )
]
USAGE = {
    "model": "scripted",
    "tokens_used": 12,
    "processing_time": 0.01,
    "timestamp": "2026-11-20T09:00:00Z",
    "conversation_id": "conversation-1",
    "corpus_date": "2026-11-01",
    "notice": NOTICE,
    "abstained": None,
    "clarification": None,
}


CHROMIUM_ARGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",
]


def event(data: object, name: str = "") -> str:
    prefix = f"event: {name}\n" if name else ""
    return f"{prefix}data: {json.dumps(data)}\n\n"


def asks(question: str) -> dict[str, Any]:
    return {"question": question, "choices": [], "fact": None}


def stream(
    text: str = ANSWER, citations: list[dict[str, Any]] = CITATIONS, **usage: object
) -> list[str]:
    """Write an answer's events, a few characters at a time."""
    pieces = [event({"delta": text[at : at + 9]}) for at in range(0, len(text), 9)]
    ending = [event(citations, "citations"), event(USAGE | usage, "usage"), "data: [DONE]\n\n"]
    return [*pieces, *ending]


def problem(status: int, code: str, detail: str, **headers: str) -> Response:
    document = {"title": code, "status": status, "detail": detail, "code": code, "request_id": "r1"}
    return JSONResponse(document, status, headers, "application/problem+json")


@dataclass
class ScriptedService:
    """Answers `/api/v1` with what a test put in `replies`, and remembers what it was asked."""

    replies: list[list[str] | Response] = field(default_factory=list)
    article: dict[str, Any] = field(default_factory=lambda: dict(ARTICLE))
    asked: list[dict[str, Any]] = field(default_factory=list)
    erased: list[tuple[str, str]] = field(default_factory=list)
    erasing_fails: bool = False
    keys: list[str] = field(default_factory=list)
    deadlines_ms: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    sources_read: list[tuple[str, str | None]] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    async def chat(self, request: Request) -> Response:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("x-api-key", ""))
        self.deadlines_ms.append(request.headers.get("x-deadline-ms", ""))
        self.languages.append(request.headers.get("accept-language", ""))
        reply = self.replies.pop(0) if self.replies else stream()
        if isinstance(reply, Response):
            return reply
        return StreamingResponse(self._write(reply), media_type="text/event-stream")

    async def _write(self, reply: list[str]) -> AsyncIterator[str]:
        try:
            pauses = {"wait": self.go_on, "pause": self.goes_on}
            for piece in reply:
                while piece in pauses and not pauses[piece].is_set():  # noqa: ASYNC110 - a test sets
                    await asyncio.sleep(0.01)
                if piece not in pauses:
                    yield piece
        finally:
            self.left.set()

    async def erase(self, request: Request) -> Response:
        if self.erasing_fails:
            return problem(503, "unavailable", "Le service ne répond pas.")
        key = request.headers.get("x-api-key", "")
        self.erased.append((request.path_params["name"], key))
        return Response(status_code=204)

    async def read(self, number: str) -> Response:
        if number != self.article["id"]:
            return problem(404, "unknown_article", "Aucun article ne porte ce numéro.")
        return JSONResponse(self.article)

    async def source(self, source_id: str, agreement: str | None) -> Response:
        self.sources_read.append((source_id, agreement))
        kind = "agreement" if agreement else "fiche"
        return JSONResponse(
            {"kind": kind, "id": source_id, "number": "", "title": "Un titre", "text": WHOLE,
             "in_force_since": None, "updated": "2026-02-03", "url": FICHE_URL}
        )  # fmt: skip

    async def judge(self, request: Request) -> Response:
        self.feedback.append(await request.json())
        return Response(status_code=204)


def scripted_app(page: PageSettings) -> FastAPI:
    """Serve the page, and the `ScriptedService` that is in `app.state.service` by then."""
    app = FastAPI()
    app.state.service = ScriptedService()
    app.include_router(page_router(page))

    @app.post("/api/v1/chat", response_model=None)
    async def chat(request: Request) -> Response:
        return await request.app.state.service.chat(request)  # type: ignore[no-any-return]

    @app.delete("/api/v1/conversations/{name}", response_model=None)
    async def erase(request: Request, name: str) -> Response:
        return await request.app.state.service.erase(request)  # type: ignore[no-any-return]

    @app.get("/api/v1/health")
    async def health() -> dict[str, object]:
        return {
            "postgres": "up",
            "corpus": {"law_date": "2026-11-01", "articles": 11_214, "fiches": 310},
        }

    @app.get("/api/v1/articles/{number}", response_model=None)
    async def read(request: Request, number: str) -> Response:
        return await request.app.state.service.read(number)  # type: ignore[no-any-return]

    @app.get("/api/v1/sources/{source_id}", response_model=None)
    async def source(request: Request, source_id: str, agreement: str | None = None) -> Response:
        service: ScriptedService = request.app.state.service
        return await service.source(source_id, agreement)

    @app.get("/api/v1/agreements")
    async def agreements(q: str) -> dict[str, object]:
        near = [one for one in AGREEMENTS if q.casefold() in one["title"].casefold()]
        exact = [one for one in AGREEMENTS if q == one["idcc"]] or near[: len(near) == 1]
        return {"agreement": exact[0] if exact else None, "near": [] if exact else near}

    @app.post("/api/v1/feedback", response_model=None)
    async def feedback(request: Request) -> Response:
        return await request.app.state.service.judge(request)  # type: ignore[no-any-return]

    return app


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a free loopback port; give its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, lifespan="on", timeout_graceful_shutdown=1, loop="asyncio"
    )  # uvloop: see tests/ai_core/console/conftest.py
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="page-server")
    thread.start()
    try:
        deadline_s = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline_s:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


@dataclass
class Visitor:
    """A person before the page, and what the browser said meanwhile."""

    page: Page
    service: ScriptedService
    address: str
    faults: list[str]
    hosts: set[str]
    keeps_history: bool = False

    @property
    def turn(self) -> Locator:
        """The latest turn."""
        return self.page.locator(".turn").last

    def open_sources(self) -> None:
        """Unfold the panel of the latest answer's sources."""
        self.turn.locator(".sources > summary").click()

    def ask(self, question: str = QUESTION) -> None:
        """Ask with the keyboard, from wherever the page put the focus."""
        self.page.keyboard.insert_text(question)
        self.page.keyboard.press("Enter")

    def answered(self) -> None:
        """Wait for the end of the latest answer."""
        expect(self.page.locator(".turn").last.locator(".facts")).to_be_visible()


@contextmanager
def visiting(
    browser: Browser,
    address: str,
    service: ScriptedService | None = None,
    path: str = "",
    **context: Any,
) -> Iterator[Visitor]:
    profile = browser.new_context(**{"locale": "fr-FR", **context})
    page = profile.new_page()
    page.set_default_timeout(30_000)
    visitor = Visitor(page, service or ScriptedService(), address, [], set())

    def heard(message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource")  # the browser's own 4xx line
        if message.type in {"error", "warning"} and not refused:
            visitor.faults.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: visitor.faults.append(str(error)))
    page.on("request", lambda request: visitor.hosts.add(request.url.split("/")[2]))
    try:
        page.goto(f"{address}{path}")
        page.wait_for_selector("html[data-ready]")
        yield visitor
        assert visitor.faults == []
        assert visitor.hosts == {address.removeprefix("http://")}
        assert profile.cookies() == []
        kept = page.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)]")
        assert kept[0] == (["history"] if visitor.keeps_history else [])
        assert set(kept[1]) <= {"conversation", "situation"}
    finally:
        profile.close()


def assert_accessible(page: Page) -> None:
    """Check what axe-core can see of WCAG 2.2 AA, contrast included."""
    results = axe_results(page)
    assert results.violations_count == 0, results.generate_report()


async def publishable_key(redis_url: str, clock: Clock, *origins: str) -> str:
    link = RedisConnection(redis_url, TAG, timeout_s=30)
    await link.open()
    try:
        ring = KeyRing(link, clock)
        made = await ring.create("page", Scope.PUBLISHABLE, allowed_origins=origins)
        return made.secret
    finally:
        await link.close()
