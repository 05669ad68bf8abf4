"""The API and the page, over the real ledger."""

from datetime import timedelta

import pytest

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.mail_service.mail_app import open_mail_app, settings
from tests.mail_service.mails import raw_mail
from tests.mail_service.serving import KEY, served


async def test_a_reviewer_sees_approves_and_the_mail_leaves(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        await app.answer(raw_mail())
        mails = (await client.get("/api/v1/mails?state=review")).json()
        shown = (await client.get(f"/api/v1/mails/{mails[0]['id']}")).json()
        assert shown["subject"] == "Préavis de démission"
        assert shown["citations"][0]["number"] == "L9999-1"
        done = await client.post(f"/api/v1/mails/{shown['id']}/approve", json={"text": "Un mois."})
        assert done.json()["state"] == "answered"
        await app.send_all()
        assert "Un mois." in app.relay.received[0].text()
        again = await client.post(f"/api/v1/mails/{shown['id']}/approve")
        assert (again.status_code, again.json()["code"]) == (409, "not_reviewable")


async def test_a_rejected_mail_gets_nothing(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        await app.answer(raw_mail())
        await client.post("/api/v1/mails/1/reject", json={"reason": "hors sujet"})
        await app.send_all()
        assert not app.relay.received
        assert (await client.get("/api/v1/mails/1")).json()["reason"] == "hors sujet"


async def test_a_silent_mail_can_be_let_through(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        await app.answer(raw_mail(List_Id="<a.b>"))
        assert (await client.post("/api/v1/mails/1/retry")).status_code == 200
        await app.process_all()
        await app.send_all()
        assert len(app.relay.received) == 1


async def test_a_person_is_exported_then_forgotten(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        await app.answer(raw_mail())
        person = {"address": "Camille@personne.example"}
        exported = (await client.post("/api/v1/exports", json=person)).json()
        assert "durée du préavis" in exported[0]["text"]
        assert exported[0]["draft"]
        assert (await client.post("/api/v1/erasures", json=person)).json() == {"erased": 1}
        assert (await client.post("/api/v1/exports", json=person)).json() == []
        assert (await client.get("/api/v1/mails/1")).json()["text"] == ""


async def test_a_reviewer_searches_words_senders_and_states(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        await app.answer(raw_mail())
        await app.answer(
            raw_mail("Le congé est-il payé ?", subject="Congé", message_id="<b@x.example>")
        )
        other = {"sender": "Zoé <zoe@ailleurs.example>", "message_id": "<c@x.example>"}
        await app.answer(raw_mail("Quel préavis ?", subject="Départ", **other))
        await client.post("/api/v1/mails/1/reject")

        async def found(**wanted: object) -> list[int]:
            reply = (await client.post("/api/v1/mails/search", json=wanted)).json()
            assert reply["next_before"] is None
            return [mail["id"] for mail in reply["mails"]]

        assert await found() == [3, 2, 1]
        assert await found(words="PREAVIS") == [3, 1]
        assert await found(words="conge paye") == [2]
        assert await found(words="zoé départ") == [3]
        assert await found(sender="Camille@personne.example") == [2, 1]
        assert await found(sender="camille@personne.example", words="préavis") == [1]
        assert await found(words="préavis", state="review") == [3]
        assert await found(words="préavis", before=3) == [1]
        assert await found(words="introuvable") == []
        shown = (await client.get("/api/v1/mails/2")).json()
        assert shown["sender_mails"] == {"rejected": 1, "review": 1}


async def test_a_search_opens_a_bounded_number_of_mails_and_says_where_to_go_on(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mail_service.ledger.mails.OPENED_AT_ONCE", 2)
    monkeypatch.setattr("mail_service.ledger.mails.MAX_OPENED", 2)
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        for number in range(3):
            await app.answer(raw_mail(message_id=f"<{number}@x.example>", List_Id="<a.b>"))
        wanted: dict[str, object] = {"words": "préavis"}
        first = (await client.post("/api/v1/mails/search", json=wanted)).json()
        assert [mail["id"] for mail in first["mails"]] == [3, 2]
        assert (first["opened"], first["next_before"]) == (2, 2)
        wanted["before"] = first["next_before"]
        rest = (await client.post("/api/v1/mails/search", json=wanted)).json()
        assert [mail["id"] for mail in rest["mails"]] == [1]
        assert (rest["opened"], rest["next_before"]) == (1, None)


async def test_the_reason_of_a_silence_is_a_sentence_in_the_reviewer_s_language(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        await app.answer(raw_mail(List_Id="<a.b>", Auto_Submitted="auto-replied"))
        french = (await client.get("/api/v1/mails/1")).json()
        assert french["explanation"] == "Le message se déclare envoyé automatiquement."
        assert "liste de diffusion" in french["fired_explained"][1]
        english = (await client.get("/api/v1/mails", headers={"Accept-Language": "en"})).json()
        assert english[0]["explanation"] == "The mail declares itself automatic."


async def test_an_edited_quotation_that_no_source_has_is_refused(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with (
        open_mail_app(ledger, encryption, clock, settings("review")) as app,
        served(app) as client,
    ):
        await app.answer(raw_mail("Mon numéro est le 06 12 34 56 78. Quel préavis ?"))
        assert "1 × numéro de téléphone" in (await client.get("/api/v1/mails/1")).json()["masked"]
        text = "Oui.\n\n> Un article inventé pour les salariés."
        refused = await client.post("/api/v1/mails/1/approve", json={"text": text})
        assert (refused.status_code, refused.json()["code"]) == (422, "changed_quotation")
        assert "« Un article inventé pour les salariés. »" in refused.json()["detail"]
        await app.send_all()
        assert not app.relay.received
        text = "Oui.\n\n> Un article inventé pour les essais."
        assert (await client.post("/api/v1/mails/1/approve", json={"text": text})).is_success
        await app.send_all()
        assert "Un article inventé pour les essais." in app.relay.received[0].text()


ROUTES = [
    ("POST", "/api/v1/mails/search"),
    ("GET", "/api/v1/mails"),
    ("GET", "/api/v1/mails/1"),
    ("POST", "/api/v1/mails/1/approve"),
    ("POST", "/api/v1/mails/1/reject"),
    ("POST", "/api/v1/mails/1/retry"),
    ("DELETE", "/api/v1/mails/1"),
    ("GET", "/api/v1/stats"),
    ("POST", "/api/v1/exports"),
    ("POST", "/api/v1/erasures"),
]


@pytest.mark.parametrize(("set_key", "said"), [(KEY, "wrong"), ("", ""), (KEY, "")])
async def test_requests_without_the_key_are_rejected(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, set_key: str, said: str
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app, set_key) as client:
        for method, path in ROUTES:
            answer = await client.request(method, path, headers={"X-API-Key": said})
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


async def test_bad_requests_are_problem_documents(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        for path in ("/api/v1/mails/999", "/api/v1/mails/x", "/api/v1/mails?limit=0"):
            answer = await client.get(path, headers={"Accept-Language": "en"})
            assert answer.status_code in {404, 422}
            assert answer.headers["content-type"] == "application/problem+json"
        big = await client.post("/api/v1/mails/1/approve", content=b"x" * 400_000)
        assert big.status_code == 413


async def test_health_says_how_the_work_goes(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        await app.receive(raw_mail())
        clock.set(clock.now() + timedelta(minutes=6))
        health = (await client.get("/health")).json()
        assert (health["status"], health["mailboxes"]) == ("late", {"main": "waiting"})
        assert (await client.get("/live")).status_code == 200
        assert (await client.get("/ready")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert 'mail_ledger_rows{state="mail_received"} 1.0' in metrics
        assert "mail_oldest_waiting_seconds 360.0" in metrics
        await app.process_all()
        assert 'state="mail_received"' not in (await client.get("/metrics")).text


async def test_without_the_ledger_the_metrics_say_so(
    ledger: Ledger, postgres: Postgres, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        assert 'part_up{part="postgres"} 1.0' in (await client.get("/metrics")).text
        await postgres.close()
        metrics = await client.get("/metrics")
        assert metrics.status_code == 200
        assert 'part_up{part="postgres"} 0.0' in metrics.text


async def test_the_page_runs_only_its_own_script(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app, served(app) as client:
        page = await client.get("/")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert 'lang="fr"' in page.text
        assert (await client.get("/review.js")).status_code == 200
