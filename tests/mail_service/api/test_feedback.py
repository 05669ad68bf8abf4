"""The feedback links of our letters, from the letter to the counts."""

import re
from datetime import timedelta

import httpx2
import pytest
from playwright.async_api import expect

from mail_service.ledger.ledger import Ledger
from mail_service.processing.feedback_forwarding import FeedbackForwarding
from shared.ai.client import AiClient
from shared.ai.scripted import ANSWER_ID
from shared.ai.stream import AiUnavailable
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import MailApp, open_mail_app, settings
from tests.mail_service.mails import raw_mail
from tests.mail_service.serving import browsed, served

BASE = "https://avis.neo.example/courrier/"
LINK = re.compile(r"https://avis\.neo\.example/courrier(/feedback/[a-z]{2}/[\w.]+/(?:yes|no))\b")


async def links_of_letter(app: MailApp, raw: bytes) -> list[str]:
    """Return the paths of the links in the letter that answers a mail, as text and as HTML."""
    await app.answer(raw)
    letter = app.relay.received[-1]
    found = LINK.findall(letter.text())
    assert LINK.findall(letter.text("html")) == found
    return found


async def test_a_click_is_counted_once_per_letter_and_the_latest_counts(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    with_links = settings(reply={"feedback_url": BASE})
    async with open_mail_app(ledger, encryption, clock, with_links) as app, served(app) as client:
        yes, no = await links_of_letter(app, raw_mail())
        assert "camille" not in (yes + no).lower()
        client.headers.pop("X-API-Key")
        for path in (yes, no):
            opened = await client.get(path)
            assert opened.status_code == 200
            assert "Cette réponse est-elle utile" in opened.text
        assert 'state="feedback' not in (await client.get("/metrics")).text
        for path in (yes, yes, no):
            thanks = await client.post(path)
            assert "Merci" in thanks.text
            assert "set-cookie" not in thanks.headers
        metrics = (await client.get("/metrics")).text
        assert 'mail_ledger_rows{state="feedback_no"} 1.0' in metrics
        assert "feedback_yes" not in metrics
        assert (await ledger.mails.load(1)).helped is False


async def test_ai_core_is_told_the_latest_answer_once_also_after_it_was_away(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    with_links = settings(reply={"feedback_url": BASE})
    async with open_mail_app(ledger, encryption, clock, with_links) as app, served(app) as client:
        yes, no = await links_of_letter(app, raw_mail())
        transport = httpx2.ASGITransport(app=app.ai.app)
        ai = AiClient("http://ai", "key", transport=transport, clock=clock)
        forwarding = FeedbackForwarding(ledger.feedback, ai)
        app.ai.script.status = 503
        for path in (yes, no):
            await client.post(path)
            with pytest.raises(AiUnavailable):
                await forwarding.forward()
            clock.set(clock.now() + timedelta(minutes=1))
        app.ai.script.status = 200
        sent = [await forwarding.forward() for _ in range(2)]
        await client.post(yes)
        sent.append(await forwarding.forward())

    assert sent == [1, 0, 1]
    assert [(one.verdict, one.answer_id) for one in app.ai.judged] == [
        ("down", ANSWER_ID),
        ("up", ANSWER_ID),
    ]
    assert len({one.voter for one in app.ai.judged}) == 1


async def test_feedback_is_erased_with_the_person_and_not_taken_again(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    with_links = settings(reply={"feedback_url": BASE})
    async with open_mail_app(ledger, encryption, clock, with_links) as app, served(app) as client:
        yes, _ = await links_of_letter(app, raw_mail())
        await client.post(yes)
        exported = await client.post(
            "/api/v1/exports", json={"address": "camille@personne.example"}
        )
        assert exported.json()[0]["helped"] is True
        await client.post("/api/v1/erasures", json={"address": "camille@personne.example"})
        assert (await ledger.mails.load(1)).helped is None
        late = await client.post(yes)
        assert (late.status_code, "effacée" in late.text) == (404, True)
        assert "feedback_yes" not in (await client.get("/metrics")).text


async def test_only_links_we_made_are_taken_and_only_replies_have_them(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    with_links = settings(reply={"feedback_url": BASE})
    async with open_mail_app(ledger, encryption, clock, with_links) as app, served(app) as client:
        yes, _ = await links_of_letter(app, raw_mail())
        token = yes.split("/")[3]
        other = f"2.{token.partition('.')[2]}"
        for forged in (other, token[:-1] + ("a" if token[-1] != "a" else "b"), "1", "1.", "x"):
            for method in ("GET", "POST"):
                path = f"/feedback/fr/{forged}/yes"
                assert (await client.request(method, path)).status_code == 404
        assert (await client.post(yes.replace("/fr/", "/en/"))).text.count("Thank you") == 2
        assert (await client.post(yes.replace("/yes", "/maybe"))).status_code == 422
    async with open_mail_app(ledger, encryption, clock) as app:
        other_mail = raw_mail("Et pour un ouvrier payé à l'heure ?", message_id="<b2@x.example>")
        await app.answer(other_mail)
        assert "feedback" not in app.relay.received[-1].text()


@pytest.mark.slow
@pytest.mark.needs("chromium")
async def test_the_page_takes_the_answer_in_a_browser(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    with_links = settings(reply={"feedback_url": BASE})
    async with open_mail_app(ledger, encryption, clock, with_links) as app:
        yes, _ = await links_of_letter(app, raw_mail())
        async with browsed(app, yes) as page:
            await expect(page.get_by_role("heading")).to_contain_text("est-elle utile")
            await page.get_by_role("button", name="Non").click()
            await expect(page.get_by_role("heading")).to_contain_text("Merci")
        assert (await ledger.mails.load(1)).helped is False
