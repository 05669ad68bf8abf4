"""The interactive page of the API's document at `/docs`, in a real Chromium."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import uvicorn
from playwright.async_api import async_playwright, expect
from prometheus_client import CollectorRegistry

from ai_core.api.routes import AppState, create_api
from ai_core.settings import Settings
from deploy.local.ports import free_port
from tests.docs_page import PageLog, execute

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


@asynccontextmanager
async def nothing_open(
    _settings: Settings, _registry: CollectorRegistry
) -> AsyncIterator[AppState]:
    yield cast(AppState, {})


@pytest.mark.slow(10)
async def test_the_page_shows_the_api_and_tries_an_operation() -> None:
    api = await asyncio.to_thread(create_api, Settings(), nothing_open, CollectorRegistry())
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(api, port=port, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        async with async_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            page = await browser.new_page()
            page_log = PageLog.of(page)
            await page.goto(f"{origin}/docs")
            await expect(page.get_by_label("API key")).to_be_hidden()
            await expect(page.get_by_text("Ask in a conversation")).to_be_visible()
            assert "live" in await execute(page, "Liveness probe")
            await page.get_by_text("Ask in a conversation").click()
            header = page.locator(".parameter__name", has_text="Idempotency-Key")
            await expect(header).to_be_visible()
            page_log.assert_clean(origin)
            await browser.close()
    finally:
        server.should_exit = True
        await serving
