"""The page at `/`, used in a real Chromium, from a real server.

Each test gets a fresh profile and a service whose answers it scripts. A fault of the page shows as
a console error, which fails the test. The module is long because a browser is slow to start: one
serves all of it.
"""

import asyncio
import json
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Route,
    expect,
    sync_playwright,
)
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from ai_core.access.keys import KeyRing, Scope
from ai_core.api.page import page_router
from ai_core.api.routes import AppState
from ai_core.app import assemble, create_app
from ai_core.law.source import LawSource
from ai_core.redis_keys import TAG
from ai_core.settings import KnowledgeSettings, PageSettings, RedisSettings, Settings
from deploy.local.redis_server import RedisServer
from shared.clock import Clock, StoppedClock
from shared.distress import help_lines
from shared.stores.redis_connection import RedisConnection
from tests.ai_core.conftest import SampleLibrary
from tests.knowledge.invented import LAW, RESIGNING, put_entries

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]

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


def event(data: object, name: str = "") -> str:
    prefix = f"event: {name}\n" if name else ""
    return f"{prefix}data: {json.dumps(data)}\n\n"


def asks(question: str) -> dict[str, Any]:
    return {"question": question, "choices": []}


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
        return {"corpus": {"law_date": "2026-11-01", "articles": 11_214, "fiches": 310}}

    @app.get("/api/v1/articles/{number}", response_model=None)
    async def read(request: Request, number: str) -> Response:
        return await request.app.state.service.read(number)  # type: ignore[no-any-return]

    return app


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a free loopback port; give its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("no Chromium: apt-get install -y --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A person before the page, and what the browser said meanwhile."""

    page: Page
    service: ScriptedService
    address: str
    faults: list[str]
    hosts: set[str]

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
        kept = "localStorage.length + sessionStorage.length"
        assert page.evaluate(kept) == 0
    finally:
        profile.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, str]]:
    key_file = tmp_path_factory.mktemp("keys") / "page.key"
    key_file.write_text(f"{KEY}\n", encoding="utf-8")
    app = scripted_app(PageSettings(key_file=key_file))
    with serving(app) as address:
        yield app, address


@pytest.fixture(scope="module")
def keyless() -> Iterator[tuple[FastAPI, str]]:
    app = scripted_app(PageSettings(key_file=Path("absent")))
    with serving(app) as address:
        yield app, address


@pytest.fixture
def service(served: tuple[FastAPI, str]) -> ScriptedService:
    app, _ = served
    app.state.service = ScriptedService()
    return app.state.service  # type: ignore[no-any-return]


@pytest.fixture
def visitor(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> Iterator[Visitor]:
    with visiting(browser, served[1], service) as visitor:
        yield visitor


def assert_accessible(page: Page) -> None:
    """Check what axe-core can see of WCAG 2.2 AA, contrast included."""
    results = Axe().run(page, options={"resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()


# ---- a question and its answer ----------------------------------------------------------------


def test_a_question_by_keyboard_brings_an_answer_and_its_sources(visitor: Visitor) -> None:
    visitor.page.keyboard.type(QUESTION)
    visitor.page.keyboard.press("Enter")
    visitor.answered()
    turn = visitor.page.locator(".turn")
    assert visitor.service.asked == [
        {
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": True,
            "fallback": "extractive",
        }
    ]
    assert visitor.service.deadlines_ms == ["120000"]
    assert visitor.service.keys == [KEY]
    assert "Combien de jours de congé" in turn.get_by_role("heading", level=2).inner_text()
    expect(turn.locator(".prose strong")).to_have_text("familial")
    assert turn.locator(".prose li").count() == 2
    assert QUOTE in turn.locator(".prose blockquote").inner_text()
    expect(turn.get_by_role("heading", name="Sources (2)")).to_be_visible()
    expect(turn.locator(".facts")).to_have_text(
        "Textes à jour au 1er novembre 2026. Information donnée par une intelligence "
        "artificielle, pas un conseil juridique."
    )
    assert NOTICE not in turn.locator(".prose").inner_text()
    expect(visitor.page.get_by_role("status")).to_have_text("Réponse prête, 2 sources citées.")
    assert_accessible(visitor.page)


SECTIONS = [
    {"kind": kind, "title": title, "text": text, "citations": [1]}
    for kind, title, text in (
        ("conditions", "Conditions et exceptions", "- sauf dans un cas [1]"),
        ("model", "Ajouté par un petit modèle", "En bref, quatre jours."),
        ("sources", "Ce que disent les textes", f"Article [1]\n\n> {QUOTE}\n\n{ARTICLE_URL}"),
        ("help", "Qui peut vous aider", f"Un conseil — {HELP_URL}"),
    )
]
SHAPED = (
    "Oui, quatre jours [1]."
    + "".join(f"\n\n**{section['title']}**\n\n{section['text']}" for section in SECTIONS)
    + f"\n\nÀ noter : la convention 1486.\n\nVersion publiée hier. {NOTICE}"
)


def test_the_short_answer_stands_open_and_the_texts_are_folded(visitor: Visitor) -> None:
    shaped = stream(SHAPED, summary="Oui, quatre jours [1].", sections=SECTIONS)
    first_words = len(SHAPED[: SHAPED.index(ARTICLE_URL)]) // 9
    visitor.service.replies = [[*shaped[:first_words], "wait", *shaped[first_words:]]]
    visitor.ask()
    page, turn = visitor.page, visitor.page.locator(".turn")
    expect(turn.locator(".prose strong").last).to_have_text("Ce que disent les textes")
    visitor.service.go_on.set()
    visitor.answered()
    lead = turn.locator(".answer > .prose")
    assert lead.inner_text().split("\n\n") == [
        "Oui, quatre jours\xa01.", "À noter\xa0: la convention 1486."
    ]  # fmt: skip
    titles = turn.locator(".answer").get_by_role("heading", level=3)
    assert titles.all_inner_texts() == [
        "Conditions et exceptions", "Ajouté par un petit modèle", "Qui peut vous aider"
    ]  # fmt: skip
    expect(turn.locator(".part.model")).to_contain_text("En bref, quatre jours.")
    help_link = turn.locator(".part.help").get_by_role("link")
    assert help_link.get_attribute("href") == HELP_URL
    assert_accessible(page)
    quote = turn.locator(".texts blockquote")
    expect(quote).to_be_hidden()
    turn.locator("summary", has_text="Ce que disent les textes").focus()
    page.keyboard.press("Enter")
    expect(quote).to_have_text(QUOTE)
    assert turn.inner_text().count("Version publiée hier") == 0
    assert turn.locator(".texts").get_by_role("link").all_inner_texts() == ["1"]
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(quote).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(quote).to_be_visible()


def test_a_choice_and_a_suggestion_are_asked_by_their_buttons(visitor: Visitor) -> None:
    asked = asks("Quelle convention ?") | {"choices": ["IDCC 1486 : Syntec", "IDCC 16"]}
    following = ["Et pour un cadre ?"]
    visitor.service.replies = [stream(clarification=asked, suggestions=following), stream()]
    visitor.ask()
    visitor.answered()
    page = visitor.page
    turn = page.locator(".turn").first
    expect(turn.locator(".precision")).to_contain_text("Quelle convention")
    expect(turn.get_by_role("button", name="Quelle convention")).to_have_count(0)
    assert_accessible(page)
    turn.get_by_role("button", name="IDCC 1486").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_count(2)
    visitor.answered()
    turn.get_by_role("button", name="Et pour un cadre").click()
    expect(page.locator(".turn")).to_have_count(3)
    visitor.answered()
    sent = [request["messages"][0]["content"] for request in visitor.service.asked]
    assert sent[1:] == ["IDCC 1486 : Syntec", "Et pour un cadre ?"]
    assert visitor.service.asked[1]["conversation_id"] == "conversation-1"
    expect(page.locator(".turn").last.locator(".next, .precision").first).to_be_hidden()


def test_who_to_call_stands_out_and_stays_out_of_other_answers(visitor: Visitor) -> None:
    lines = help_lines("J'ai envie de mourir", "fr")
    assert lines
    visitor.service.replies = [stream(f"{lines.sentence}\n\nUn mois."), stream()]
    visitor.ask()
    visitor.answered()
    call = visitor.page.locator(".turn .call")
    expect(call).to_contain_text("appelez tout de suite le 3114")
    expect(visitor.page.locator(".turn .prose").first).to_have_text("Un mois.")
    assert_accessible(visitor.page)
    visitor.ask()
    visitor.answered()
    expect(call.last).to_be_hidden()


def test_what_was_masked_in_the_question_is_told_under_its_answer(visitor: Visitor) -> None:
    told = "Masqué dans votre question avant toute lecture : 1 × numéro de téléphone."
    visitor.service.replies = [stream(masked={"phone": 1}, masked_notice=told), stream()]
    visitor.ask("Quel préavis ? 06 12 34 56 78")
    visitor.answered()
    expect(visitor.page.locator(".turn").last.locator(".masked")).to_have_text(told)
    assert_accessible(visitor.page)
    visitor.ask(QUESTION)
    visitor.answered()
    expect(visitor.page.locator(".turn").last.locator(".masked")).to_be_hidden()


def test_the_answer_is_shown_as_it_is_written_and_read_out_once(visitor: Visitor) -> None:
    visitor.service.replies = [[*stream()[:6], "wait", *stream()[6:]]]
    visitor.ask()
    prose = visitor.page.locator(".prose")
    expect(prose).to_contain_text("Le congé dépend de l'événement")
    expect(prose).to_have_attribute("aria-hidden", "true")
    expect(visitor.page.locator(".answer")).to_have_attribute("aria-live", "polite")
    expect(visitor.page.get_by_role("button", name="Arrêter")).to_be_visible()
    visitor.service.go_on.set()
    visitor.answered()
    assert prose.get_attribute("aria-hidden") is None
    expect(visitor.page.get_by_role("button", name="Demander")).to_be_visible()


def test_the_place_in_the_queue_is_shown_and_read_out(visitor: Visitor) -> None:
    queued = [event({"position": 3, "wait_s": 41.2}, "queue")]
    next_one = event({"position": 1, "wait_s": None}, "queue")
    visitor.service.replies = [[*queued, "wait", next_one, "pause", *stream()]]
    visitor.ask()
    waiting = visitor.page.locator(".turn .waiting")
    expect(waiting).to_have_text("3 questions passent avant la vôtre. Attente : environ 42 s.")
    status = visitor.page.get_by_role("status")
    expect(status).to_have_text("3 questions passent avant la vôtre.")
    visitor.service.go_on.set()
    expect(waiting).to_have_text("Une question passe avant la vôtre.")
    visitor.service.goes_on.set()
    visitor.answered()
    expect(waiting).to_be_hidden()


@pytest.mark.parametrize(
    ("locale", "language", "lead", "cited", "day"),
    [
        ("en-GB", "en", "Ask in your own words.", "2 sources quoted", "1 November 2026"),
        ("th-TH", "th", "ถามด้วยถ้อยคำของคุณ", "อ้างอิง 2 แหล่ง", "1 พฤศจิกายน ค.ศ. 2026"),
        ("zh-CN", "zh", "用您自己的话提问", "引用2个来源", "2026年11月1日"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(
    browser: Browser,
    served: tuple[FastAPI, str],
    service: ScriptedService,
    locale: str,
    language: str,
    lead: str,
    cited: str,
    day: str,
) -> None:
    with visiting(browser, served[1], service, locale=locale) as visitor:
        page = visitor.page
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator(".lead")).to_contain_text(lead)
        french = ["Votre question", "Demander", "Par exemple", "Aucun cookie", "Calculer"]
        shown = page.locator("body").inner_text()
        assert [words for words in french if words in shown] == []
        visitor.ask()
        visitor.answered()
        expect(page.locator("#status")).to_contain_text(cited)
        expect(page.locator(".turn .facts")).to_contain_text(day)
        assert service.languages == [language]
        page.locator("#languages a[hreflang=fr]").click()
        expect(page.locator(".lead")).to_contain_text("Posez votre question")
        expect(page.locator("nav a")).to_have_attribute("href", "/calculs?langue=fr")


def test_a_question_sent_before_the_settings_came_waits_for_them(
    browser: Browser, served: tuple[FastAPI, str], service: ScriptedService
) -> None:
    profile = browser.new_context(locale="fr-FR")
    page = profile.new_page()
    page.set_default_timeout(30_000)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/page.json", hold)
    try:
        page.goto(served[1])
        page.locator("#question").fill(QUESTION)
        page.keyboard.press("Enter")
        expect(page.locator(".turn .waiting")).to_be_visible()
        assert service.keys == []
        held[0].continue_()
        expect(page.locator(".turn .facts")).to_be_visible()
        assert service.keys == [KEY]
        expect(page.locator("#key-form")).to_be_hidden()
    finally:
        profile.close()


def test_a_card_opens_the_whole_article_and_gives_the_focus_back(visitor: Visitor) -> None:
    visitor.ask()
    visitor.answered()
    page = visitor.page
    opener = page.get_by_role("button", name="Article L9142-1")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Article L9142-1")
    expect(dialog.locator(".law")).to_contain_text(QUOTE)
    expect(dialog.get_by_role("cell", name="Mariage")).to_be_visible()
    assert dialog.get_by_role("list", name="Place dans le code").get_by_role(
        "listitem"
    ).all_inner_texts() == [title.replace(" :", "\xa0:") for title in SECTION_PATH]
    expect(dialog).to_contain_text("En vigueur depuis le 10 août 2016")
    expect(dialog).to_contain_text("Texte écrit pour les essais.")
    law = dialog.get_by_role("link", name="Lire sur Légifrance (nouvel onglet)")
    assert law.get_attribute("href") == ARTICLE_URL
    fiche = dialog.get_by_role("link", name="Les congés pour événements familiaux")
    assert fiche.get_attribute("href") == FICHE_URL
    expect(dialog.get_by_role("heading", level=2)).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_an_article_that_cannot_be_read_says_why(visitor: Visitor) -> None:
    visitor.service.article["id"] = "LEGIARTI900000000002"
    visitor.ask()
    visitor.answered()
    visitor.page.get_by_role("button", name="Article L9142-1").click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("Aucun article ne porte ce numéro.")
    visitor.service.article["id"] = ARTICLE["id"]
    dialog.get_by_role("button", name="Réessayer").click()
    expect(dialog.locator(".law")).to_contain_text(QUOTE)


def test_markers_and_addresses_link_only_to_real_sources(visitor: Visitor) -> None:
    visitor.ask()
    visitor.answered()
    prose = visitor.page.locator(".prose")
    assert [link.get_attribute("href") for link in prose.get_by_role("link").all()] == [
        "#source-1-1",
        "#source-1-2",
        ARTICLE_URL,
    ]
    assert "[9]" in prose.inner_text()
    assert FICHE_URL not in prose.inner_text()
    assert "https://ailleurs.example/piege" in prose.inner_text()
    prose.get_by_role("link", name="Source 2").click()
    card = visitor.page.get_by_role("listitem", name="Source 2")
    expect(card).to_be_focused()
    fiche = card.get_by_role("link", name="Les congés pour événements familiaux", exact=True)
    assert fiche.get_attribute("href") == FICHE_URL


def test_a_second_question_continues_the_conversation_until_a_fresh_start(
    visitor: Visitor,
) -> None:
    visitor.ask()
    visitor.answered()
    visitor.ask("Et pour un Pacs ?")
    expect(visitor.page.locator(".turn")).to_have_count(2)
    visitor.answered()
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.locator(".turn")).to_have_count(0)
    expect(visitor.page.get_by_role("textbox", name="Votre question")).to_be_focused()
    visitor.ask("Autre chose ?")
    visitor.answered()
    told = [asked.get("conversation_id") for asked in visitor.service.asked]
    assert told == [None, "conversation-1", None]


def test_a_fresh_start_erases_the_conversation_at_the_service_and_says_so(
    visitor: Visitor,
) -> None:
    visitor.ask()
    visitor.answered()
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("précédente est effacée")
    assert [name for name, _ in visitor.service.erased] == ["conversation-1"]
    assert visitor.service.erased[0][1] == visitor.service.keys[0]
    visitor.service.erasing_fails = True
    visitor.ask("Autre chose ?")
    visitor.answered()
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("n’a pas pu être effacée")


def test_shift_enter_writes_a_line_and_an_empty_question_is_not_sent(visitor: Visitor) -> None:
    page = visitor.page
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Écrivez d’abord votre question.")
    page.keyboard.type("Une ligne")
    page.keyboard.press("Shift+Enter")
    visitor.ask("puis une autre")
    visitor.answered()
    assert [a["messages"][0]["content"] for a in visitor.service.asked] == [
        "Une ligne\npuis une autre"
    ]


def test_an_example_is_asked_as_it_stands(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Que dit l’article L3121-27").click()
    visitor.answered()
    assert visitor.service.asked[0]["messages"][0]["content"] == "Que dit l’article L3121-27 ?"


def test_an_abstention_names_a_person_and_a_missing_fact_becomes_a_chip(visitor: Visitor) -> None:
    help_from = {"name": "Services de renseignement", "url": HELP_URL}
    abstained = {"reason": "out_of_scope", "contact": help_from}
    visitor.service.replies = [
        stream("Je ne peux pas répondre.", [], abstained=abstained),
        stream(clarification=asks("Quelle est votre convention collective ?")),
    ]
    visitor.ask("Une recette de tarte ?")
    visitor.answered()
    page = visitor.page
    referral = page.get_by_role("complementary", name="À qui s’adresser")
    expect(referral).to_contain_text("Cette question sort du droit du travail.")
    person = referral.get_by_role("link", name="Services de renseignement")
    assert person.get_attribute("href") == HELP_URL
    visitor.ask()
    visitor.answered()
    page.get_by_role("button", name="Quelle est votre convention collective").click()
    box = page.get_by_role("textbox", name="Votre question")
    expect(box).to_be_focused()
    expect(box).to_have_value("Quelle est votre convention collective ? ")
    assert_accessible(page)


def test_stop_ends_the_request_and_keeps_what_was_written(visitor: Visitor) -> None:
    visitor.service.replies = [[*stream()[:6], "wait", *stream()[6:]]]
    visitor.ask()
    expect(visitor.page.locator(".prose")).to_contain_text("Le congé dépend")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("button", name="Arrêter")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator(".cut")).to_be_visible()
    expect(visitor.page.locator(".prose")).to_contain_text("Le congé dépend")
    expect(visitor.page.get_by_role("textbox", name="Votre question")).to_be_focused()
    assert visitor.service.left.wait(timeout=5)


# ---- the whole service ------------------------------------------------------------------------


async def publishable_key(redis_url: str, clock: Clock, *origins: str) -> str:
    link = RedisConnection(redis_url, TAG)
    await link.open()
    try:
        ring = KeyRing(link, clock)
        made = await ring.create("page", Scope.PUBLISHABLE, allowed_origins=origins)
        return made.secret
    finally:
        await link.close()


@pytest.fixture
def whole_service(redis: RedisServer, library: LawSource, tmp_path: Path) -> Iterator[str]:
    """The real app over the sample corpus; put together in a thread, as Playwright's loop runs
    in this one."""
    clock = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))

    @asynccontextmanager
    async def open_state(
        settings: Settings, registry: CollectorRegistry
    ) -> AsyncIterator[AppState]:
        async with AsyncExitStack() as stack:
            yield await assemble(settings, registry, stack, library, clock)

    def put_together() -> ASGIApp:
        key_file = tmp_path / "page.key"
        key_file.write_text(asyncio.run(publishable_key(redis.url, clock)), encoding="utf-8")
        settings = Settings(
            data_dir=tmp_path,
            redis=RedisSettings.model_validate({"url": redis.url}),
            page=PageSettings(key_file=key_file),
            knowledge=KnowledgeSettings(shipped=False),
        )
        return create_app(settings, open_state)

    with ThreadPoolExecutor(1, "put-together") as thread:
        app = thread.submit(put_together).result(timeout=10)
    with serving(app) as address:
        yield address


def test_the_real_service_answers_in_the_page(browser: Browser, whole_service: str) -> None:
    with visiting(browser, whole_service) as visitor:
        page = visitor.page
        expect(page.locator("#corpus")).to_contain_text("Textes à jour au")
        visitor.ask("Quelle est la durée du préavis en cas de démission ?")
        visitor.answered()
        page.get_by_role("button", name="Article L1237-1").first.click()
        dialog = page.get_by_role("dialog", name="Article L1237-1")
        expect(dialog.locator(".law")).to_contain_text("En cas de démission")
        law = dialog.get_by_role("link", name="Lire sur Légifrance")
        address = law.get_attribute("href") or ""
        assert address.startswith("https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI")
        page.keyboard.press("Escape")
        page.get_by_role("textbox", name="Votre question").focus()
        visitor.ask("Que dit l'article L3121-27 ?")
        expect(page.locator(".turn")).to_have_count(2)
        visitor.answered()
        answer = page.locator(".turn").last
        expect(answer.locator(".prose blockquote")).to_contain_text("trente-cinq heures")
        expect(answer.get_by_role("button", name="Article L3121-27")).to_be_visible()
        expect(answer.locator(".facts")).to_contain_text("intelligence artificielle")
        assert_accessible(page)


CALL = """async ([service, key, path, body]) => {
  const answer = {};
  try {
    const reply = await fetch(service + path, {
      method: body ? "POST" : "GET",
      headers: {
        Authorization: `Bearer ${key}`, "X-Deadline-Ms": "60000",
        ...(body ? { "Content-Type": "application/json" } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
    });
    answer.status = reply.status;
    answer.request_id = reply.headers.get("x-request-id");
    answer.wait = reply.headers.get("retry-after");
    answer.text = await reply.text();
  } catch (error) {
    answer.failed = String(error);
  }
  return answer;
}"""


def test_a_script_of_an_allowed_origin_reads_replies_streams_and_errors_and_no_other_does(
    browser: Browser, redis: RedisServer, whole_service: str
) -> None:
    site = FastAPI()
    site.get("/")(lambda: "a page of another origin")
    question = {"messages": [{"role": "user", "content": "Quelle est la durée du préavis ?"}]}
    with serving(site) as ours, serving(site) as theirs, ThreadPoolExecutor(1) as thread:
        clock = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
        making = thread.submit(asyncio.run, publishable_key(redis.url, clock, ours))
        key = making.result(timeout=10)

        def call(origin: str, path: str, body: object = None, key: str = key) -> dict[str, Any]:
            page = browser.new_page()
            page.goto(origin)
            found: dict[str, Any] = page.evaluate(CALL, [whole_service, key, path, body])
            page.close()
            return found

        answer = call(ours, "/api/v1/chat", question)
        stream = call(ours, "/api/v1/chat", question | {"stream": True})
        search = call(ours, "/api/v1/search?q=pr%C3%A9avis")
        refused = call(ours, "/api/v1/chat", question | {"knowledge": False})
        unknown = call(ours, "/api/v1/chat", question, key="cdt_live_nobody")
        elsewhere = call(theirs, "/api/v1/chat", question)

    assert (answer["status"], search["status"]) == (200, 200)
    assert json.loads(answer["text"])["citations"]
    assert stream["text"].endswith("data: [DONE]\n\n")
    assert (refused["status"], unknown["status"]) == (403, 401)
    assert json.loads(refused["text"])["request_id"] == refused["request_id"]
    assert "Failed to fetch" in elsewhere["failed"]


# ---- the calculators --------------------------------------------------------------------------

SYNTEC_SEVERANCE = "/calculs?calculateur=severance_pay&convention=1486"


def test_a_form_computes_the_code_and_the_agreement_side_by_side(
    browser: Browser, whole_service: str
) -> None:
    small = {"width": 320, "height": 640}
    with visiting(browser, whole_service, path=SYNTEC_SEVERANCE, viewport=small) as visitor:
        page = visitor.page
        page.get_by_label("Catégorie professionnelle").select_option("Ingénieurs et cadres")
        page.get_by_label("Date d'entrée dans l'entreprise").fill("2012-03-01")
        page.get_by_label("Date de notification de la rupture").fill("2026-09-30")
        page.get_by_label("Dernier jour du contrat").fill("2026-12-31")
        page.get_by_label("Salaire mensuel de référence").fill("4 000")
        page.get_by_role("button", name="Ajouter une absence").click()
        page.get_by_label("Motif").select_option("non_occupational_sickness")
        page.get_by_label("Durée en mois").fill("9")
        page.keyboard.press("Enter")

        result = page.locator("#result")
        expect(result.locator(".side")).to_have_count(2)
        code, agreement = result.locator(".side").all()
        expect(result.locator(".total")).to_have_text("19 444,44 €")
        expect(code.locator(".amount")).to_have_text("15 444,44 €")
        expect(agreement.locator(".amount")).to_have_text("19 444,44 €")
        expect(agreement).to_contain_text("1/3 × 4 000 € × 14,58 ans")
        agreement.get_by_text("Articles").click()
        link = agreement.get_by_role("link", name="Article 4.5").get_attribute("href") or ""
        assert link.startswith("https://www.legifrance.gouv.fr/conv_coll/id/KALIARTI")
        expect(result).to_contain_text("J'ai supposé")
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert_accessible(page)


def test_a_sum_in_an_answer_leads_to_its_form(browser: Browser, whole_service: str) -> None:
    with visiting(browser, whole_service) as visitor:
        page = visitor.page
        visitor.ask("Indemnité de licenciement, 7 ans, 2300 brut, combien ?")
        visitor.answered()
        expect(page.locator(".turn .prose").first).to_contain_text("4 025 € au moins")
        page.get_by_role("link", name="Changer une donnée dans le formulaire").click()
        page.wait_for_selector('html[data-form="severance_pay"]')
        expect(page.get_by_label("Que voulez-vous calculer ?")).to_have_value("severance_pay")


def test_a_form_says_what_is_missing_and_what_is_wrong_at_its_field(
    browser: Browser, whole_service: str
) -> None:
    with visiting(browser, whole_service, path=SYNTEC_SEVERANCE) as visitor:
        page = visitor.page
        compute = page.get_by_role("button", name="Calculer", exact=True)
        compute.click()
        expect(page.locator("#result")).to_contain_text("Il manque une précision")
        expect(page.get_by_label("Date d'entrée dans l'entreprise")).to_be_focused()
        page.get_by_label("Date d'entrée dans l'entreprise").fill("2012-03-01")
        page.get_by_label("Dernier jour du contrat").fill("2026-12-31")
        compute.click()
        category = page.get_by_label("Catégorie professionnelle")
        expect(category).to_be_focused()
        category.select_option("ETAM")
        page.get_by_label("Salaire mensuel de référence").fill("beaucoup")
        compute.click()
        salary = page.get_by_label("Salaire mensuel de référence")
        expect(salary).to_be_focused()
        expect(salary).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("Un nombre est attendu")).to_be_visible()
        page.get_by_label("Convention collective").select_option("1979")
        expect(page.locator('html[data-form="severance_pay 1979"]')).to_be_attached()
        expect(page.get_by_label("Salaire mensuel de référence")).to_have_value("beaucoup")
        assert_accessible(page)


# ---- what goes wrong --------------------------------------------------------------------------


def test_a_refusal_says_why_and_waits_as_long_as_it_is_asked_to(visitor: Visitor) -> None:
    refusal = problem(
        429, "over_quota", "Le quota de cette clé est épuisé.", **{"Retry-After": "1"}
    )
    visitor.service.replies = [refusal]
    visitor.ask()
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Le quota de cette clé est épuisé.")
    expect(alert).to_contain_text("Identifiant de la requête : r1")
    again = alert.get_by_role("button", name="Réessayer")
    expect(again).to_have_attribute("aria-disabled", "true")
    assert_accessible(visitor.page)
    expect(again).to_have_text("Réessayer")
    again.click()
    visitor.answered()
    expect(alert).to_be_hidden()
    assert len(visitor.service.asked) == 2


def test_a_failure_after_the_first_words_keeps_them_and_says_so(visitor: Visitor) -> None:
    document = {"status": 503, "code": "unavailable", "detail": "Panne.", "request_id": "r2"}
    cut = stream()[:6]
    visitor.service.replies = [[*cut, event(document, "error")], cut]
    visitor.ask()
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Panne.")
    expect(visitor.page.locator(".prose")).to_contain_text("Le congé dépend")
    visitor.ask("Encore ?")
    expect(visitor.page.locator(".turn").last.get_by_role("alert")).to_contain_text(
        "La connexion s’est coupée avant la fin de la réponse."
    )


def test_offline_and_an_error_without_a_document_are_shown_in_french(visitor: Visitor) -> None:
    visitor.service.replies = [Response("<h1>Bad gateway</h1>", 502)]
    visitor.ask()
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Le service a répondu par l’erreur 502.")
    visitor.page.context.set_offline(True)
    visitor.page.get_by_role("button", name="Réessayer").click()
    expect(alert).to_contain_text("Votre appareil est hors ligne.")
    visitor.page.context.set_offline(False)
    visitor.page.get_by_role("button", name="Réessayer").click()
    visitor.answered()


def test_without_a_key_the_page_asks_for_one_and_keeps_it_in_memory(
    browser: Browser, keyless: tuple[FastAPI, str]
) -> None:
    app, address = keyless
    service = app.state.service
    with visiting(browser, address, service) as visitor:
        field = visitor.page.get_by_label("Clé d’accès")
        expect(field).to_be_visible()
        assert_accessible(visitor.page)
        field.fill("a-key-of-mine")
        field.press("Enter")
        expect(field).to_be_hidden()
        visitor.ask()
        visitor.answered()
        assert service.keys == ["a-key-of-mine"]
        service.replies = [problem(401, "not_authenticated", "Clé inconnue.")]
        visitor.ask()
        expect(field).to_be_focused()
        expect(field).to_be_in_viewport()


# ---- hostile text -----------------------------------------------------------------------------

HOSTILE = (
    "<img src=x onerror=document.title='pris'><script>document.title='pris'</script>"
    "<a href=javascript:document.title='pris'>ici</a> [javascript:1](javascript:1)"
)


def test_markup_in_a_question_an_answer_and_the_law_stays_text(visitor: Visitor) -> None:
    wicked = "javascript:void(document.title='pris')"
    citation = CITATIONS[0] | {"title": HOSTILE, "quote": HOSTILE, "url": wicked}
    fiche = CITATIONS[1] | {"title": HOSTILE, "quote": HOSTILE, "url": wicked}
    abstained = {"reason": "no_source", "contact": {"name": HOSTILE, "url": wicked}}
    visitor.service.replies = [
        stream(f"{HOSTILE} [1]\n\n> {HOSTILE}\n\n- {HOSTILE}", [citation, fiche],
               notice=f"a {HOSTILE}", clarification=asks(f"b {HOSTILE}"), abstained=abstained)
    ]  # fmt: skip
    visitor.service.article |= {"text": HOSTILE, "nota": HOSTILE, "url": wicked,
                                "section_path": [HOSTILE]}  # fmt: skip
    page = visitor.page
    visitor.ask(HOSTILE)
    visitor.answered()
    page.get_by_role("button", name="Article L9142-1").click()
    expect(page.locator(".law")).to_contain_text("<script>")
    assert page.title() == "Code du Travail Neo"
    assert page.locator("main img, dialog img, main script, dialog script").count() == 0
    addresses = page.eval_on_selector_all("a[href]", "links => links.map(a => a.protocol)")
    assert set(addresses) <= {"http:", "https:"}
    assert HOSTILE in page.locator(".prose").inner_text()


def test_the_policy_stops_a_script_that_would_get_in(visitor: Visitor) -> None:
    wrote = visitor.page.evaluate(
        """() => {
            try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return true; }
            catch { return false; }
        }"""
    )
    assert wrote is False
    visitor.faults.clear()


# ---- for everybody ----------------------------------------------------------------------------


def test_the_page_says_how_recent_the_law_is(visitor: Visitor) -> None:
    told = visitor.page.locator("#corpus").inner_text().replace("\u202f", " ").replace("\xa0", " ")
    assert told == "Textes à jour au 1er novembre 2026 : 11 214 articles, 310 fiches."


def test_the_page_reads_well_to_a_screen_reader(visitor: Visitor) -> None:
    tree = visitor.page.locator("body").aria_snapshot()
    for line in (
        "- banner:",
        "- main:",
        "- contentinfo:",
        '- heading "Code du Travail Neo" [level=1]',
        '- textbox "Votre question"',
        '- button "Demander"',
        '- heading "Par exemple" [level=2]',
        "- status",
    ):
        assert line in tree
    assert_accessible(visitor.page)


def test_the_focus_goes_in_reading_order_and_can_be_seen(visitor: Visitor) -> None:
    page = visitor.page
    expect(page.get_by_role("textbox", name="Votre question")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("link", name="Calculer")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    skip = page.get_by_role("link", name="Aller à la question")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    visitor.ask()
    visitor.answered()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Demander")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    skip.focus()
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent")
        )
    assert names == [
        "Calculer",
        "Nouvelle question",
        "Source 1",
        "Source 2",
        "legifrance.gouv.fr",
        "Article L9142-1",
        "Voir sur Légifrance\xa0: Article L9142-1 (nouvel onglet)",
        "Les congés pour événements familiaux",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_screen_in_the_light_and_in_the_dark(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str], scheme: str
) -> None:
    small = {"width": 320, "height": 640}
    context: dict[str, Any] = {
        "viewport": small,
        "color_scheme": scheme,
        "reduced_motion": "reduce",
    }
    with visiting(browser, served[1], service, **context) as visitor:
        page = visitor.page
        width = "document.documentElement.scrollWidth"
        assert page.evaluate(width) == 320
        visitor.ask()
        visitor.answered()
        assert page.evaluate(width) == 320
        assert_accessible(page)
        page.get_by_role("button", name="Article L9142-1").click()
        expect(page.locator(".law")).to_contain_text(QUOTE)
        assert page.evaluate(width) == 320
        assert_accessible(page)


def test_the_printed_answer_shows_its_sources_and_their_addresses(visitor: Visitor) -> None:
    visitor.ask()
    visitor.answered()
    page = visitor.page
    page.emulate_media(media="print")
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator(".card")).to_have_count(2)
    printed = page.evaluate(
        "getComputedStyle(document.querySelector('.foot a'), '::after').content"
    )
    assert ARTICLE_URL in printed


@pytest.fixture
def resigning(tmp_path: Path, library: SampleLibrary) -> None:
    """An entry that a calculator belongs to, in the service's folder before it starts."""
    library.wordings_of = dict(LAW)
    calculated = RESIGNING.replace("related =", 'calculator = "resignation_notice"\nrelated =')
    with ThreadPoolExecutor(1, "put-entries") as thread:
        thread.submit(put_entries, tmp_path, calculated).result(timeout=10)


@pytest.mark.usefixtures("resigning")
def test_an_entry_leads_and_offers_its_calculator(browser: Browser, whole_service: str) -> None:
    with visiting(browser, whole_service) as visitor:
        page = visitor.page
        visitor.ask("durée préavis démission ?")
        visitor.answered()
        expect(page.locator(".turn .prose").first).to_contain_text("Deux mois, que vous soyez")
        page.get_by_role("link", name="Calculer pour votre cas").click()
        page.wait_for_selector('html[data-form="resignation_notice"]')
