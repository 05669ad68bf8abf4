"""The API and the review page, served over a MailApp."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx2
import uvicorn
from asgi_lifespan import LifespanManager
from playwright.async_api import Page, async_playwright
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_port
from mail_service.app import AppState, OpenState, create_api, create_app, open_state
from mail_service.metrics import LedgerMetrics
from mail_service.reply.feedback_pages import FeedbackPages
from mail_service.review.reasons import Reasons
from mail_service.settings import Settings
from shared.host_metrics import HostMetrics
from shared.privacy.disclosure import TEXT_FILE
from shared.texts import Texts
from tests.mail_service.mail_app import MailApp, settings
from tests.openapi_rules import response_checker

KEY = "clef-de-relecture"

START_TIMEOUT_S = 60.0


@cache
def read_document() -> dict[str, Any]:
    """Return the OpenAPI document: every response of a test is validated against it."""
    return create_api(settings("review"), open_state, CollectorRegistry()).openapi()


def state_of(app: MailApp) -> OpenState:
    """Return what opens the state of the API over a MailApp."""

    @asynccontextmanager
    async def open_state(chosen: Settings, registry: CollectorRegistry) -> AsyncIterator[AppState]:
        yield AppState(
            settings=chosen,
            ledger=app.ledger,
            reviewer=app.reviewer,
            reasons=await asyncio.to_thread(Reasons.read),
            personal_data_texts=await asyncio.to_thread(Texts.read, TEXT_FILE),
            feedback_pages=await asyncio.to_thread(FeedbackPages, app.feedback_links),
            host_metrics=HostMetrics(registry, chosen.watch),
            ledger_metrics=LedgerMetrics(registry),
        )

    return open_state


@asynccontextmanager
async def served(app: MailApp, key: str = KEY) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of the API with the reviewer's key; `key` is the one the API knows."""
    chosen = settings("review", server={"api_key": key})
    served_app = await asyncio.to_thread(create_app, chosen, state_of(app))
    document = await asyncio.to_thread(read_document)
    async with LifespanManager(served_app, START_TIMEOUT_S, START_TIMEOUT_S) as manager:
        transport = httpx2.ASGITransport(app=manager.app)
        headers = {"X-API-Key": KEY}
        async with httpx2.AsyncClient(
            transport=transport,
            base_url="http://mail",
            headers=headers,
            event_hooks={"response": [response_checker(document)]},
        ) as client:
            yield client


@asynccontextmanager
async def browsed(app: MailApp, path: str = "/") -> AsyncIterator[Page]:
    """Yield the review page, or another one, in a browser."""
    chosen = settings("review", server={"api_key": KEY})
    served_app = await asyncio.to_thread(create_app, chosen, state_of(app))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(served_app, port=port, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        async with async_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{port}{path}")
            yield page
            await browser.close()
    finally:
        server.should_exit = True
        await serving
