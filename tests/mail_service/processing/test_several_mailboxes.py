"""Several mailboxes of one service: each answers in its own mode, language and name."""

import pytest

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import open_mail_app, settings
from tests.mail_service.mails import US, raw_mail

pytestmark = pytest.mark.slow

DESK = "work@neo.example"
MAILBOXES = [
    {
        "name": "desk",
        "address": DESK,
        "mode": "automatic",
        "language": "en",
        "sender_name": "Labour law desk",
        "signature": ["The labour law desk", "Monday to Friday, 9 to 12"],
        "imap": {},
        "smtp": {},
    },
    {"name": "read", "address": "lu@neo.example", "imap": {}, "smtp": {}},
]
UNCLEAR = "SMIC 2026 ?"


async def test_each_mailbox_answers_in_its_own_mode_language_and_name(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    chosen = settings(
        mailboxes=MAILBOXES, reply={"name": "Droit du travail", "signature": ["L'équipe", "Lyon"]}
    )
    async with open_mail_app(ledger, encryption, clock, chosen) as app:
        states = []
        for box, to, sender in (
            ("main", US, "camille@personne.example"),
            ("desk", DESK, "sacha@autre.example"),
            ("read", "lu@neo.example", "noa@tiers.example"),
        ):
            raw = raw_mail(UNCLEAR, to=to, subject="", sender=sender, message_id=f"<1-{sender}>")
            states.append((await app.answer(raw, box)).entry)
        french = await app.answer(raw_mail(to=DESK, message_id="<4@personne.example>"), "desk")
    assert [(entry.mailbox, entry.state) for entry in states] == [
        ("main", "answered"), ("desk", "answered"), ("read", "review"),
    ]  # fmt: skip
    assert french.entry.state == "answered"
    main, desk, in_french = app.relay.received
    assert [str(one.mail["From"]) for one in (main, desk)] == [
        f"Droit du travail <{US}>", f"Labour law desk <{DESK}>",
    ]  # fmt: skip
    assert "Cordialement,\nL'équipe\nLyon\n" in main.text().replace("\r", "")
    assert "Kind regards,\nThe labour law desk\nMonday to Friday, 9 to 12\n" in desk.text().replace(
        "\r", ""
    )
    assert "Kind regards,<br>The labour law desk<br>Monday to Friday, 9 to 12" in desk.text("html")
    assert "Cordialement,\nThe labour law desk" in in_french.text().replace("\r", "")


async def test_a_letter_to_two_of_our_mailboxes_gets_one_reply(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    chosen = settings(mailboxes=MAILBOXES)
    async with open_mail_app(ledger, encryption, clock, chosen) as app:
        raw = raw_mail(to=f"{US}, {DESK}")
        first = await app.answer(raw, "desk")
        second = await app.answer(raw, "main")
    assert (first.entry.state, second.entry.state) == ("answered", "silent")
    assert len(app.relay.received) == 1
