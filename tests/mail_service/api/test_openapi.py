"""The OpenAPI document of mail_service and the page that shows it."""

import io
from typing import Any

import pytest
from playwright.async_api import expect

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.logs import set_up_logs
from shared.privacy.encryption import Encryption
from tests.docs_page import PageLog, execute
from tests.mail_service.mail_app import open_mail_app, settings
from tests.mail_service.mails import raw_mail
from tests.mail_service.serving import KEY, browsed, served
from tests.openapi_requests import WRITTEN, explore, is_honest
from tests.openapi_rules import check


async def test_the_document_is_valid_and_whole(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        document = (await client.get("/openapi.json")).json()
        check(document)
        assert "/api/v1/mails/{mail_id}/approve" in document["paths"]


async def test_the_document_needs_the_key_and_its_page_does_not(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        refused = await client.get("/openapi.json", headers={"X-API-Key": "fausse"})
        assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
        page = await client.get("/docs", headers={"X-API-Key": "fausse"})
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        first = await client.get("/openapi.json")
        again = await client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.slow
@pytest.mark.parametrize("key", ["fausse", KEY])
@pytest.mark.parametrize("forbidden", [False, True])
async def test_no_request_breaks_the_service(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, key: str, *, forbidden: bool
) -> None:
    """Every reply is held against the document too, by the client itself."""
    wrong: list[str] = []
    log = io.StringIO()
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        document = (await client.get("/openapi.json")).json()
        client.headers["X-API-Key"] = key
        await app.answer(raw_mail())
        set_up_logs("mail_service", "info", log)

        async def send(request: dict[str, Any], label: str) -> None:
            response = await client.request(**request)
            if response.status_code >= 500 and not is_honest(response):
                wrong.append(f"{label}: {response.status_code} {response.text}")

        await explore(document, send, examples=6, forbidden=forbidden)
    assert wrong == []
    assert WRITTEN not in log.getvalue()


@pytest.mark.slow
@pytest.mark.needs("chromium")
async def test_the_page_asks_for_the_key_then_shows_and_tries_operations(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        browsed(app, "/docs") as page,
    ):
        origin = page.url.removesuffix("/docs")
        await page.goto(f"{origin}/docs")
        await page.get_by_label("API key").fill("wrong")
        await page.get_by_role("button", name="Open").click()
        await expect(page.get_by_role("status")).to_contain_text("API key is missing, unknown")
        page_log = PageLog.of(page)
        await page.goto(f"{origin}/docs")
        await page.get_by_label("API key").fill(KEY)
        await page.get_by_role("button", name="Open").click()
        assert "[]" in await execute(page, "List the mails")
        page_log.assert_clean(origin)
