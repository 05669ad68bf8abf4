"""One browser and one server for each module of these tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    sync_playwright,
)
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from ai_core.api.routes import AppState
from ai_core.app import assemble, create_app
from ai_core.law.source import LawSource
from ai_core.settings import KnowledgeSettings, PageSettings, RedisSettings, Settings
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from tests.ai_core.web.scripted_page import (
    CHROMIUM_ARGS,
    KEY,
    ScriptedService,
    Visitor,
    publishable_key,
    scripted_app,
    serving,
    visiting,
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("no Chromium: apt-get install -y --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


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
