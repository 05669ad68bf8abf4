"""Erasure and copies asked for by mail: done only once confirmed from the address itself."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import ConfirmedAction, Delivery, MailLocation, MailRecord
from mail_service.processing.data_requests import requested_action, says_yes
from mail_service.reading.message import read_mail
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import TRUSTED, MailApp, open_mail_app, settings
from tests.mail_service.mails import QUESTION, raw_mail

PASS = f"{TRUSTED}; dmarc=pass header.from=personne.example"
OTHER = "Voleur <voleur@ailleurs.example>"
OTHER_PASS = f"{TRUSTED}; dmarc=pass header.from=ailleurs.example"
NOBODY = f"{TRUSTED}; dmarc=none header.from=personne.example"
ERASE, COPY = "EFFACER MES DONNÉES", "MES DONNÉES"

pytestmark = pytest.mark.slow


async def ask(
    app: MailApp, subject: str, number: int = 0, text: str = "", **fields: str
) -> MailRecord:
    """Send a request whose sender is proven, unless `fields` say otherwise."""
    given = {"Authentication_Results": PASS, "message_id": f"<ask{number}@x>"} | fields
    return await app.answer(raw_mail(text or f"Merci {number}", subject=subject, **given))


async def reply(app: MailApp, text: str = "OUI", number: int = 0, **fields: str) -> MailRecord:
    """Reply to the latest letter as a mail program does."""
    letter = app.relay.received[-1].mail
    given = {
        "Authentication_Results": PASS,
        "message_id": f"<reply{number}@x>",
        "subject": f"Re: {letter['Subject']}",
        "In_Reply_To": str(letter["Message-ID"]),
    } | fields
    quoted = "\n".join(f"> {line}" for line in app.relay.received[-1].text().splitlines())
    return await app.answer(raw_mail(f"{text}\n\n{quoted}\n", **given))


async def erased(app: MailApp) -> bool:
    return (await app.ledger.mails.load(1)).mail is None


async def test_a_confirmed_erasure_leaves_nothing_and_the_mails_stay_away(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, database_url: str
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(raw_mail(Authentication_Results=PASS))
        asked = await ask(app, "Effacer mes données")
        assert asked.entry.reason == "erasure:to-be-confirmed"
        assert not await erased(app)
        letter = app.relay.received[-1]
        assert letter.recipients == ("camille@personne.example",)
        assert re.search(r"Confirmez.*\[code [a-z2-7]{26}\]", str(letter.mail["Subject"]))
        assert "répondez OUI" in " ".join(letter.text().split())
        await reply(app)
        assert await erased(app)
        assert "ont été effacés" in " ".join(app.relay.received[-1].text().split())
        assert await ledger.personal_data.mails_from("camille@personne.example") == ()
        again = await ledger.intake.add(MailLocation("main", "INBOX", 2, 1), raw_mail(), 1)
        assert again is None
    db = await asyncpg.connect(database_url, ssl=False, command_timeout=30)
    assert await db.fetchval("SELECT count(*) FROM confirmations") == 0
    kept = await db.fetch("SELECT * FROM outbox")
    assert [(row["kind"], row["bytes_sealed"], row["recipient_sealed"]) for row in kept] == [
        ("erasure", None, None)
    ]
    columns = "raw_sealed, reading_sealed, draft_sealed, sender_print, domain_print, words_print"
    rows = await db.fetch(f"SELECT {columns} FROM mails")  # noqa: S608
    assert {value for row in rows for value in row.values()} == {None}
    await db.close()


async def test_a_confirmed_copy_comes_as_a_file(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(raw_mail(Authentication_Results=PASS))
        await ask(app, "Re: Mes données")
        assert not list(app.relay.received[-1].mail.iter_attachments())
        assert (await reply(app)).entry.state == "answered"
        (file,) = app.relay.received[-1].mail.iter_attachments()
        assert file.get_filename() == "mes-donnees.json"
        copied = json.loads(str(file.get_content(), "utf-8"))
        assert copied["address"] == "camille@personne.example"
        (kept,) = [each for each in copied["mails"] if each["answer"]]
        assert kept["text"].strip() == QUESTION


@pytest.mark.parametrize("subject", [ERASE, COPY])
@pytest.mark.parametrize(
    "forged",
    [
        {"Authentication_Results": NOBODY},
        {"Authentication_Results": f"{TRUSTED}; dmarc=fail header.from=personne.example"},
        {"Authentication_Results": OTHER_PASS},
        {"Authentication_Results": "elsewhere.example; dmarc=pass header.from=personne.example"},
    ],
)
async def test_an_unproven_request_gets_no_letter_at_all(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    subject: str,
    forged: dict[str, Any],
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        asked = await ask(app, subject, **forged)
        assert asked.entry.state == "quarantined"
        assert not app.relay.received


async def unproven(app: MailApp) -> None:
    await reply(app, Authentication_Results=NOBODY)


async def from_another_address(app: MailApp) -> None:
    await reply(app, sender=OTHER, Authentication_Results=OTHER_PASS)


async def with_a_guessed_token(app: MailApp) -> None:
    subject = re.sub("[a-z2-7]{26}", "a" * 26, str(app.relay.received[-1].mail["Subject"]))
    raw = raw_mail("OUI", subject=subject, message_id="<r@x>", Authentication_Results=PASS)
    await app.answer(raw)


async def without_a_yes(app: MailApp) -> None:
    await reply(app, "Bonjour, je suis absente jusqu'au 3 mars. Oui, je lirai vos messages.")


async def by_a_machine(app: MailApp) -> None:
    await reply(app, Auto_Submitted="auto-replied")


async def too_late(app: MailApp) -> None:
    app.clock.set(app.clock.now() + timedelta(days=2, seconds=1))
    await reply(app)


@pytest.mark.parametrize(
    "attempt",
    [
        unproven,
        from_another_address,
        with_a_guessed_token,
        without_a_yes,
        by_a_machine,
        too_late,
    ],
    ids=lambda each: each.__name__,
)
@pytest.mark.parametrize("subject", [ERASE, COPY])
async def test_without_a_confirmation_from_the_address_nothing_is_done(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    subject: str,
    attempt: Callable[[MailApp], object],
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(raw_mail(Authentication_Results=PASS))
        await ask(app, subject)
        await attempt(app)  # type: ignore[misc]
        assert not await erased(app)
        assert not [each for each in app.relay.received if list(each.mail.iter_attachments())]


async def test_a_token_counts_once(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(raw_mail(Authentication_Results=PASS))
        await ask(app, COPY)
        subject = f"Re: {app.relay.received[-1].mail['Subject']}"
        await reply(app, subject=subject)
        clock.set(clock.now() + timedelta(hours=4))
        again = await reply(app, "Oui, je confirme. Merci !", 1, subject=subject)
        assert again.entry.reason == "confirmation:expired"
        assert "n'est plus valable" in " ".join(app.relay.received[-1].text().split())
        with_file = [each for each in app.relay.received if list(each.mail.iter_attachments())]
        assert len(with_file) == 1


async def test_a_token_for_a_copy_erases_nothing(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(raw_mail(Authentication_Results=PASS))
        await ask(app, COPY)
        token = re.search("[a-z2-7]{26}", str(app.relay.received[-1].mail["Subject"]))
        assert token is not None
        await reply(app, subject=f"Confirmez l'effacement de vos données [code {token[0]}]")
        assert not await erased(app)


async def test_an_address_gets_three_letters_a_day_however_many_requests_come(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    roomy = settings(quotas={"replies_per_sender_hour": 100, "sender_hour": 100})
    async with open_mail_app(ledger, encryption, clock, roomy) as app:
        for number in range(6):
            clock.set(clock.now() + timedelta(hours=2))
            await ask(app, (ERASE, COPY)[number % 2], number)
        assert len(app.relay.received) == 3
        clock.set(clock.now() + timedelta(days=1))
        await ask(app, "ERASE MY DATA", text="Thank you for what you do.")
        assert len(app.relay.received) == 4
        assert "reply YES" in " ".join(app.relay.received[-1].text().split())


async def test_a_confirmation_is_not_held_back_by_the_number_of_mails(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        for number in range(2):
            raw = raw_mail(
                f"Question {number} sur le préavis ?",
                message_id=f"<q{number}@x>",
                Authentication_Results=PASS,
            )
            await app.answer(raw)
        await ask(app, ERASE)
        await reply(app)
        assert await erased(app)


async def test_mails_that_wait_or_could_not_be_read_are_erased_too(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        mine = await app.receive(raw_mail())
        other = await app.receive(
            raw_mail(sender=OTHER, Cc="camille@personne.example", message_id="<o@x>")
        )
        assert await ledger.personal_data.erase_person("Camille@personne.example", "asked") == 1
        assert (await ledger.mails.load(mine)).entry.state == "erased"
        assert (await ledger.mails.load(other)).entry.state == "received"


async def test_a_mail_erased_while_it_is_worked_on_leaves_nothing(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, database_url: str
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        mail_id = await app.receive(raw_mail())
        job = await ledger.work.claim(60)
        assert job is not None
        await ledger.personal_data.erase([mail_id], "asked")
        await app.pipeline._settle(job, await app.pipeline._process(job))
        await app.send_all()
        assert not app.relay.received
    db = await asyncpg.connect(database_url, ssl=False, command_timeout=30)
    row = await db.fetchrow(
        "SELECT raw_sealed, reading_sealed, draft_sealed, sender_print FROM mails"
    )
    await db.close()
    assert list(row.values()) == [None] * 4


async def test_a_reply_whose_mail_is_erased_before_it_leaves_is_not_sent(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = ledger.outgoing.claim

    async def claim_while_erased(lease_s: float) -> Delivery | None:
        delivery = await claim(lease_s)
        if delivery is not None:
            await ledger.personal_data.erase([delivery.mail_id], "asked")
        return delivery

    monkeypatch.setattr(ledger.outgoing, "claim", claim_while_erased)
    async with open_mail_app(ledger, encryption, clock) as app:
        await app.answer(raw_mail())
        assert not app.relay.received


@pytest.mark.parametrize(
    ("subject", "action"),
    [
        ("ERASE MY DATA", ConfirmedAction.ERASURE),
        ("ลบข้อมูลของฉัน", ConfirmedAction.ERASURE),
        ("回复：删除我的数据", ConfirmedAction.ERASURE),
        ("ข้อมูลของฉัน", ConfirmedAction.COPY),
        ("我的数据", ConfirmedAction.COPY),
        ("我的数据被公司删除了", None),
    ],
)
def test_a_request_is_known_by_its_subject_in_each_language(
    subject: str, action: ConfirmedAction | None
) -> None:
    assert requested_action(read_mail(raw_mail(subject=subject))) == action


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("OUI", True),
        ("\n « Oui ! »\n", True),
        ("Oui, je confirme. Merci", True),
        ("I confirm", True),
        ("ใช่ค่ะ", True),
        ("ยืนยัน", True),
        ("是的", True),
        ("我确认。", True),
        ("ไม่ใช่", False),
        ("是吗，为什么？", False),
        ("yes\n\nCamille", True),
        ("Oui mais pas tout de suite", False),
        ("Merci", False),
        ("Non", False),
        ("...", False),
        ("", False),
        ("Bonjour,\nOUI", False),
        ("Ouistiti", False),
        ("oui" + " " * 5_000 + "x", False),
    ],
)
def test_a_yes_is_a_first_line_that_says_nothing_else(text: str, yes: bool) -> None:
    assert says_yes(read_mail(raw_mail(text))) == yes
