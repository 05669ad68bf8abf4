"""The review page in a real browser."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright, expect
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_port
from mail_service.app import State, create_app
from mail_service.ledger.store import Store
from mail_service.metrics import LedgerMetrics
from mail_service.settings import Settings
from shared.clock import StoppedClock
from shared.host_metrics import HostMetrics
from shared.privacy.encryption import Encryption
from tests.mail_service.house import House, house, settings
from tests.mail_service.letters import raw_letter

KEY = "clef-de-relecture"


@asynccontextmanager
async def browsed(neo: House) -> AsyncIterator[Page]:
    @asynccontextmanager
    async def open_state(chosen: Settings, registry: CollectorRegistry) -> AsyncIterator[State]:
        yield State(
            settings=chosen,
            store=neo.store,
            review=neo.review,
            host_metrics=HostMetrics(registry, chosen.watch),
            ledger=LedgerMetrics(registry),
        )

    chosen = settings("review", server={"api_key": KEY})
    app = await asyncio.to_thread(create_app, chosen, open_state)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        async with async_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            page = await browser.new_page()
            await page.goto(f"http://127.0.0.1:{port}/")
            yield page
            await browser.close()
    finally:
        server.should_exit = True
        await serving


@pytest.mark.needs("chromium")
async def test_a_reviewer_edits_and_sends_a_reply_in_the_page(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(store, vault, clock, settings("review")) as neo, browsed(neo) as page:
        await neo.answer(raw_letter("<img src=x onerror=alert(1)> quel préavis ?"))
        await page.get_by_label("Clé d'accès").fill("fausse")
        await page.get_by_role("button", name="Ouvrir").click()
        await expect(page.get_by_role("status")).to_contain_text("Clé d'API absente")
        await page.get_by_label("Clé d'accès").fill(KEY)
        await page.get_by_role("button", name="Ouvrir").click()
        await page.get_by_role("button", name="n° 1").click()
        await expect(page.locator("#subject")).to_have_text("Préavis de démission")
        await expect(page.locator("#text")).to_contain_text("<img src=x")
        await page.get_by_label("Réponse proposée").fill("Un mois, selon votre convention.")
        await page.get_by_role("button", name="Envoyer la réponse").click()
        await expect(page.get_by_role("status")).to_have_text("La réponse part.")
        await neo.send()
        assert "Un mois, selon votre convention." in neo.relay.received[0].text()
