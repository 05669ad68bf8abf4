"""A service with a widget and a page of another site that embeds it, each on an origin of its own.

The site's policy is as strict as docs/widget.md allows, and its styles as hostile as they may be.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry

from ai_core.access.keys import KeyRing, Scope
from ai_core.api.routes import AppState
from ai_core.api.websocket_protocol import BoundedWebSocketProtocol
from ai_core.app import assemble, create_app
from ai_core.engines.scripted import ScriptedEngine
from ai_core.law.source import LawSource
from ai_core.redis_keys import TAG
from ai_core.settings import AnswerSettings, KnowledgeSettings, RedisSettings, Settings
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection

STYLES = """
* { color: red !important; font-size: 40px !important; }
div, iframe, button, neo-assistant { display: none; transform: rotate(3deg); }
"""


@dataclass
class Site:
    """The site's server; `pages` are what it serves, by path."""

    address: str
    policy: str = ""
    pages: dict[str, str] = field(default_factory=dict)


@dataclass
class Stage:
    """The service's address, the site, the key of its widget and the engine behind it."""

    service: str
    site: Site
    key: str
    engine: ScriptedEngine
    cut: Callable[[], None]

    def embed(self, language: str = "fr", key: str | None = None) -> str:
        """Serve a page with the widget; return its address."""
        source = f"{self.service}/widget.js"
        self.site.pages["/"] = (
            f'<!doctype html><html lang="{language}"><title>Mairie</title>'
            '<link rel="stylesheet" href="/style.css"><h1>Mairie</h1><a href="/">Accueil</a>'
            f'<script async src="{source}" data-key="{key or self.key}"></script>'
        )
        self.site.policy = (
            f"default-src 'none'; style-src 'self'; script-src {self.service}; "
            f"frame-src {self.service}; require-trusted-types-for 'script'; trusted-types 'none'"
        )
        return f"{self.site.address}/"


@contextmanager
def other_site() -> Iterator[Site]:
    """Serve another site on a loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = (STYLES if path == "/style.css" else site.pages.get(path, "")).encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/css" if path == "/style.css" else "text/html")
            self.send_header("Content-Security-Policy", site.policy)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Server(uvicorn.Server):
    """A server in a thread, whose WebSockets a test can cut."""

    def cut(self) -> None:
        """Hang up on every WebSocket, as a network does that goes away."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, BoundedWebSocketProtocol):
                connection.loop.call_soon_threadsafe(connection.transport.abort)


async def widget_key(redis_url: str, origin: str, **options: Any) -> str:
    """Make a publishable key for a site."""
    connection = RedisConnection(redis_url, TAG, timeout_s=30)
    await connection.open()
    try:
        ring = KeyRing(connection, SystemClock())
        made = await ring.create("widget", Scope.PUBLISHABLE, allowed_origins=[origin], **options)
    finally:
        await connection.close()
    return made.secret


@contextmanager
def serving(
    make: Callable[[], Any], before: Callable[[], Any]
) -> Iterator[tuple[Server, int, Any]]:
    """Serve what `make` returns in a thread, once `before` ran there; yield its port and result."""
    started, told = threading.Event(), dict[str, Any]()

    async def serve() -> None:
        told["result"] = await before()
        config = uvicorn.Config(
            make(),
            port=0,
            log_config=None,
            access_log=False,
            ws=BoundedWebSocketProtocol,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
        server = told["server"] = Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)
        told["port"] = server.servers[0].sockets[0].getsockname()[1]
        started.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        yield told["server"], told["port"], told["result"]
    finally:
        told["server"].should_exit = True
        thread.join(30)


@contextmanager
def stage(
    redis_url: str, library: LawSource, folder: Path, engine: ScriptedEngine, **options: Any
) -> Iterator[Stage]:
    """Run both; `options` are those of the key."""

    @asynccontextmanager
    async def open_state(
        settings: Settings, registry: CollectorRegistry
    ) -> AsyncIterator[AppState]:
        async with AsyncExitStack() as stack:
            clock = SystemClock()
            yield await assemble(settings, registry, stack, library, clock, engines=(engine,))

    settings = Settings(
        data_dir=folder,
        redis=RedisSettings.model_validate({"url": redis_url}),
        knowledge=KnowledgeSettings(shipped=False),
        answers=AnswerSettings(check_sentences=False, quotes_lead_below_b=0),
    )
    models = settings.models.model_copy(update={"default": engine.name})
    settings = settings.model_copy(update={"models": models})
    with (
        other_site() as site,
        serving(
            lambda: create_app(settings, open_state),
            lambda: widget_key(redis_url, site.address, **options),
        ) as (server, port, key),
    ):
        yield Stage(f"http://localhost:{port}", site, key, engine, server.cut)
