"""The desk over real stores: one Redis, one Postgres database, the whole app on loopback."""

import asyncio
import re
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import httpx2
import pyotp
import pytest
import uvicorn
from argon2.profiles import CHEAPEST
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from ai_core.api.console.visit import SESSION_COOKIE
from ai_core.api.routes import AppState
from ai_core.app import assemble, create_app
from ai_core.console import passwords
from ai_core.console.audit_log import HOST
from ai_core.console.desk import Desk
from ai_core.console.roles import Role
from ai_core.console.sessions import OpenSession, Stage, credentials_of
from ai_core.law.corpus import Corpus
from ai_core.records.accounts import Account
from ai_core.settings import (
    ConsoleSettings,
    KnowledgeSettings,
    PostgresSettings,
    RedisSettings,
    Settings,
)
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer, bundled_redis
from shared.clock import SystemClock
from shared.privacy.encryption import new_key_file
from tests.ai_core.conftest import SampleLibrary

START_TIMEOUT_S = 60.0
UNUSED = ssl.create_default_context()
"""Made once: a client makes one of its own otherwise, which takes longer than a request."""
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass
class Browser:
    """A browser without scripts: it keeps cookies, and fills forms in as a person would."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._send("GET", path, None, headers)

    async def post(
        self, path: str, fields: dict[str, Any] | None = None, **headers: str
    ) -> httpx2.Response:
        """Send a form of the page that was shown last, with its token."""
        sent = {"csrf_token": self.token, **(fields or {})}
        return await self._send("POST", path, sent, {"Origin": self.url, **headers})

    async def _send(
        self, method: str, path: str, fields: dict[str, Any] | None, headers: dict[str, str]
    ) -> httpx2.Response:
        sent = {"Accept-Language": "en", "Content-Type": "application/x-www-form-urlencoded"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = urlencode(fields, doseq=True).encode() if fields is not None else None
        async with httpx2.AsyncClient(base_url=self.url, timeout=60, verify=UNUSED) as client:
            answer = await client.request(method, path, content=body, headers=sent | headers)
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        if found := TOKEN.search(answer.text):
            self.token = found[1]
        return answer


@dataclass
class RunningDesk:
    """The running app, its desk, and the event loop both live in."""

    url: str
    state: AppState
    loop: asyncio.AbstractEventLoop
    database_url: str
    redis_url: str
    data_dir: Path
    number: int = 0

    @property
    def desk(self) -> Desk:
        return self.state["desk"]

    def call(self, awaitable: Any) -> Any:
        """Run a coroutine in the app's loop, from a test's thread or loop."""
        return asyncio.run_coroutine_threadsafe(awaitable, self.loop).result(START_TIMEOUT_S)

    async def on(self, awaitable: Any) -> Any:
        """Await a coroutine in the app's loop."""
        return await asyncio.to_thread(self.call, awaitable)

    async def redis(self, *command: Any) -> Any:
        """Run a command of Redis."""

        async def run() -> Any:
            return await self.desk.connection.call(*command)

        return await self.on(run())

    def browser(self) -> Browser:
        return Browser(self.url)

    async def account(self, role: Role | str = Role.OWNER, name: str = "") -> tuple[Account, str]:
        """Add an account of the test's own; return it and its password."""
        self.number += 1
        named = name or f"person-{self.number}"
        account, password = await self.on(self.desk.accounts.add(HOST, named, Role(role)))
        return account, password

    async def with_second_factor(self, account: Account) -> tuple[Account, str, list[str]]:
        """Give an account a second factor; return it, the secret and the recovery codes."""
        secret = pyotp.random_base32(32)
        codes = await self.on(self.desk.accounts.enrol(account, secret))
        return await self.on(self.desk.accounts.known(account.id)), secret, codes

    async def signed_in(self, role: Role | str = Role.OWNER) -> tuple[Browser, Account]:
        """Return a browser with an open session of a fresh account."""
        account, _ = await self.account(role)
        return await self.session_of(account), account

    async def session_of(self, account: Account) -> Browser:
        credentials = credentials_of(account.signs_in_with)
        opened: OpenSession = await self.on(
            self.desk.sessions.open(account.id, Stage.OPEN, "password", credentials)
        )
        browser = self.browser()
        browser.cookies = {SESSION_COOKIE: opened.token}
        browser.token = opened.session.csrf_token
        return browser

    async def rows(self, **filters: Any) -> list[Any]:
        """Return the rows of the audit log that a filter lets through, the latest first."""
        from ai_core.records import audit

        wanted = audit.AuditFilter(**filters)
        return list(await self.on(audit.page(self.desk.records, wanted, 1_000)))


@contextmanager
def running_desk(
    postgres: PostgresServer, redis: RedisServer, corpus: Corpus, folder: Path, **console: Any
) -> Iterator[RunningDesk]:
    """Run the app with the desk open, in a thread of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    database = f"desk_{folder.name.replace('-', '_')}"
    postgres.create_database(database)
    (folder / "vault").write_text(new_key_file())
    settings = Settings(
        data_dir=folder,
        redis=RedisSettings.model_validate({"url": redis.url}),
        postgres=PostgresSettings.model_validate(
            {
                "url": postgres.url(database),
                "key_file": folder / "vault",
                "keep_questions": True,
            }
        ),
        knowledge=KnowledgeSettings(shipped=False),
        console=ConsoleSettings(open=True, **console),
    )
    states: list[AppState] = []
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def open_state(
        settings: Settings, registry: CollectorRegistry
    ) -> AsyncIterator[AppState]:
        async with AsyncExitStack() as stack:
            library = SampleLibrary(corpus)
            state = await assemble(settings, registry, stack, library, SystemClock())
            async with asyncio.timeout(START_TIMEOUT_S):
                await state["records"].wait_until_up()
            states.append(state)
            loops.append(asyncio.get_running_loop())
            yield state

    try:
        with (
            mock.patch.object(passwords, "PARAMETERS", CHEAPEST),
            in_thread(create_app(settings, open_state)) as url,
        ):
            yield RunningDesk(url, states[0], loops[0], postgres.url(database), redis.url, folder)
    finally:
        postgres.drop_database(database)


@contextmanager
def in_thread(app: ASGIApp) -> Iterator[str]:
    """Serve an app on loopback in a thread of its own; yield its address."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
        loop="asyncio",  # the objects of uvloop crash if another thread collects them, as tests do
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            threading.Event().wait(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="package")
def desk_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("desk-redis"), binary=bundled_redis())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def desk(
    postgres_server: PostgresServer,
    desk_redis: RedisServer,
    sample: Corpus,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningDesk]:
    """The app with the desk open, shared: each test adds its own accounts."""
    folder = tmp_path_factory.mktemp("desk")
    with running_desk(postgres_server, desk_redis, sample, folder) as running:
        yield running


@pytest.fixture(autouse=True)
def no_attempts_of_other_tests(request: pytest.FixtureRequest) -> None:
    """Forget the attempts to sign in of the tests before: all come from one address."""
    if "desk" not in request.fixturenames:
        return
    running: RunningDesk = request.getfixturevalue("desk")

    async def forget() -> None:
        call = running.desk.connection.call
        for pattern in ("{ai}:console:attempts:*", "{ai}:console:lock:*"):
            for key in await call("KEYS", pattern):
                await call("DEL", key)

    running.call(forget())
