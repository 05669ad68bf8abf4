"""The review page in a real browser."""

import pytest
from playwright.async_api import expect

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import open_mail_app, settings
from tests.mail_service.mails import raw_mail
from tests.mail_service.serving import KEY, browsed

pytestmark = pytest.mark.slow


@pytest.mark.needs("chromium")
async def test_a_reviewer_edits_and_sends_a_reply_in_the_page(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        browsed(app) as page,
    ):
        await app.answer(raw_mail("<img src=x onerror=alert(1)> quel préavis ?"))
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
        await app.send_all()
        assert "Un mois, selon votre convention." in app.relay.received[0].text()
