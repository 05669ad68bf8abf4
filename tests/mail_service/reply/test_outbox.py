"""Every way a relay can answer, and the state that follows."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import MailRecord
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import TRUSTED, MailApp, open_mail_app
from tests.mail_service.mails import US, raw_mail

pytestmark = pytest.mark.slow


def says(answer: str) -> Callable[[int], str]:
    return lambda number: answer if number == 0 else "250 2.0.0 ok"


@pytest.mark.parametrize(
    ("ways", "state", "answer", "stored"),
    [
        ({"answer": says("250 2.0.0 ok")}, "sent", "250 2.0.0", 1),
        ({"answer": says("451 4.3.0 later")}, "deferred", "451 4.3.0", 0),
        ({"answer": says("452 4.2.2 full")}, "deferred", "452 4.2.2", 0),
        ({"answer": says("550 5.1.1 who")}, "failed", "550 5.1.1", 0),
        ({"answer": says("554 5.6.0 no")}, "failed", "554 5.6.0", 0),
        ({"answer": says("535 5.7.8 login")}, "deferred", "535 5.7.8", 0),
        ({"answer": says("cut")}, "unknown", "SMTPServerDisconnected", 1),
        ({"answer": says("slow")}, "unknown", "SMTPReadTimeoutError", 1),
        ({"refuse": "550 5.1.1 nobody"}, "failed", "550 5.1.1", 0),
        ({"refuse": "450 4.2.1 greylisted"}, "deferred", "450 4.2.1", 0),
        ({"refuse_us": "554 5.7.1 no dynamic hosts here"}, "deferred", "554 5.7.1", 0),
        ({"refuse_us": "421 4.3.2 closing"}, "deferred", "421 4.3.2", 0),
        ({"refuse_sender": "553 5.1.8 unknown domain"}, "deferred", "553 5.1.8", 0),
    ],
)
async def test_what_the_relay_says_decides_the_state(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    ways: dict[str, object],
    state: str,
    answer: str,
    stored: int,
) -> None:
    async with open_mail_app(ledger, encryption, clock, None, **ways) as app:
        file = await app.answer(raw_mail())
        assert (file.outgoing[0].state, file.outgoing[0].last_answer) == (state, answer)
        assert len(app.relay.received) == stored


async def later(app: MailApp, minutes: float) -> MailRecord:
    app.clock.set(app.clock.now() + timedelta(minutes=minutes))
    await app.send_all()
    return await app.ledger.mails.load(1)


async def test_a_deferred_mail_is_tried_again_with_growing_pauses(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(
        ledger, encryption, clock, None, answer=lambda n: "451 later" if n < 2 else "250 ok"
    ) as app:
        await app.answer(raw_mail())
        assert (await later(app, 0.9)).outgoing[0].attempts == 1
        assert (await later(app, 0.2)).outgoing[0].attempts == 2
        assert (await later(app, 4)).outgoing[0].attempts == 2
        assert (await later(app, 1.1)).outgoing[0].state == "sent"


async def test_a_relay_that_is_away_is_tried_again(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        app.outbox._relays = {"main": app.smtp.model_copy(update={"port": 9})}
        file = await app.answer(raw_mail())
        assert file.outgoing[0].state == "deferred"


@pytest.mark.parametrize("answer", ["cut", "slow"])
async def test_a_mail_in_doubt_is_never_sent_again_by_itself(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, answer: str
) -> None:
    async with open_mail_app(ledger, encryption, clock, None, answer=says(answer)) as app:
        await app.answer(raw_mail())
        file = await later(app, 60 * 24)
        assert file.outgoing[0].state == "unknown"
        assert len(app.relay.received) == 1
        await app.reviewer.retry(1)
        file = await later(app, 0)
        assert file.outgoing[0].state == "sent"
        ids = {received.mail["Message-ID"] for received in app.relay.received}
        assert len(ids) == 1


@pytest.mark.parametrize(("handed_over", "state"), [(False, "sent"), (True, "unknown")])
async def test_a_crashed_worker_leaves_an_unknown_outcome_only_after_transmission_began(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, handed_over: bool, state: str
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.receive(raw_mail())
        await app.process_all()
        delivery = await ledger.outgoing.claim(60)
        assert delivery is not None
        if handed_over:
            await ledger.outgoing.mark_transmitting(delivery)
        assert (await later(app, 2)).outgoing[0].state == state


def bounce(
    address: str,
    *,
    number: int = 1,
    status: str = "5.1.1",
    path: str = "<>",
    kind: str = "message/delivery-status",
    quoted: str = "<x@y.example>",
) -> bytes:
    """Return a delivery status notification to the address that a letter gave for bounces."""
    return (
        f"From: MAILER-DAEMON@relay.example\nTo: {address}\nReturn-Path: {path}\n"
        f"Subject: Undelivered\nMessage-ID: <b{number}@relay.example>\nReferences: {quoted}\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nSorry {quoted}\n"
        f"--b\nContent-Type: {kind}\n\nReporting-MTA: dns; relay.example\n\n"
        f"Final-Recipient: rfc822; camille@personne.example\nAction: failed\nStatus: {status}\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {quoted}\nStatus: 5\nSubject: x\n\nx\n"
        "--b--\n"
    ).encode()


async def bounced(app: MailApp, raw: bytes) -> MailRecord:
    """Answer a letter, then receive `raw`, in which @ADDRESS@ and @ID@ are those of the reply."""
    file = await app.answer(raw_mail())
    received = app.relay.received[0]
    raw = raw.replace(b"@ADDRESS@", received.sender.encode())
    raw = raw.replace(b"@ID@", str(received.mail["Message-ID"]).encode())
    await app.answer(raw)
    return await app.ledger.mails.load(file.entry.id)


async def test_a_bounce_is_matched_with_our_mail(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        file = await bounced(app, bounce("@ADDRESS@"))
        assert file.outgoing[0].state == "failed"
        assert file.outgoing[0].bounced_at is not None


async def test_a_delay_is_noted_and_the_failure_after_it_counts(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        file = await bounced(app, bounce("@ADDRESS@", status="4.4.1"))
        assert file.outgoing[0].state == "sent"
        await app.answer(bounce(app.relay.received[0].sender, number=2))
        assert (await app.ledger.mails.load(1)).outgoing[0].state == "failed"


@pytest.mark.parametrize(
    "raw",
    [
        bounce(US, quoted="@ID@"),
        bounce(f"bounces+{'a' * 26}@neo.example", quoted="@ID@"),
        bounce("@ADDRESS@", path="<pirate@evil.example>"),
        bounce("@ADDRESS@", kind="text/plain"),
        bounce("@ADDRESS@", kind="message/disposition-notification"),
        bounce("@ADDRESS@", status="2.0.0"),
        bounce("@ADDRESS@, bounces+" + "a" * 26 + "@neo.example"),
        bounce("@ADDRESS@").replace(b"@ADDRESS@", b"@ADDRESS@.evil.example"),
    ],
    ids=[
        "our Message-ID, at our usual address",
        "our Message-ID, a guessed token",
        "a sender in the envelope",
        "no report",
        "a receipt",
        "delivered",
        "two tokens",
        "another domain",
    ],
)
async def test_a_forged_bounce_changes_nothing(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, raw: bytes
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        file = await bounced(app, raw)
        assert file.outgoing[0].state == "sent"
        assert file.outgoing[0].bounced_at is None


async def test_bounces_of_one_letter_or_with_its_message_id_do_not_silence_an_address(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await bounced(app, bounce("@ADDRESS@"))
        letter = app.relay.received[0]
        for number in range(2, 5):
            ours = str(letter.mail["Message-ID"])
            await app.answer(bounce(letter.sender, number=number))
            await app.answer(bounce(US, number=10 + number, quoted=ours))
        file = await app.answer(raw_mail("Et pour un cadre ?", message_id="<2@p.example>"))
        assert file.entry.state == "answered"


async def silenced(app: MailApp) -> None:
    """Let two letters to a person bounce for good."""
    for number in range(2):
        raw = raw_mail(f"Question {number} sur le préavis ?", message_id=f"<{number}@p.example>")
        await app.answer(raw)
        await app.answer(bounce(app.relay.received[-1].sender, number=number))


async def test_two_hard_bounces_end_the_mails_to_an_address(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await silenced(app)
        file = await app.answer(raw_mail("Et pour un cadre ?", message_id="<2@p.example>"))
        assert file.entry.reason == "dead_address:bounced"


async def test_a_proven_sender_is_answered_again_whatever_bounced(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await silenced(app)
        raw = raw_mail(
            "Et pour un cadre ?",
            message_id="<2@p.example>",
            Authentication_Results=f"{TRUSTED}; dmarc=pass header.from=personne.example",
        )
        assert (await app.answer(raw)).entry.state == "answered"
        file = await app.answer(raw_mail("Et un stagiaire ?", message_id="<3@p.example>"))
        assert file.entry.reason != "dead_address:bounced"


@pytest.mark.parametrize(("utf8", "state"), [(True, "sent"), (False, "failed")])
async def test_a_sender_whose_address_is_in_utf_8_is_answered_where_the_relay_can(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, utf8: bool, state: str
) -> None:
    sender = "Élodie Lefèvre <élodie.lefèvre@exämple.example>".encode()
    raw = raw_mail().replace(b"Camille Durand <camille@personne.example>", sender, 1)
    async with open_mail_app(ledger, encryption, clock, None, utf8=utf8) as app:
        file = await app.answer(raw)
        assert file.outgoing[0].state == state
        written = "élodie.lefèvre@xn--exmple-cua.example"
        assert [one.recipients for one in app.relay.received] == [(written,)] * utf8
        for one in app.relay.received:
            assert f"To: {written}\r\n".encode() in one.content
