"""What is kept, for how long, and how a key is rotated."""

import asyncio
import base64
from datetime import timedelta

import pytest

from mail_service.ledger.backend import LedgerBackend
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import MailLocation
from mail_service.ledger.retention import RetentionJob
from mail_service.settings import RetentionSettings
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.mail_service.mail_app import open_mail_app, settings
from tests.mail_service.mails import raw_mail


async def test_texts_go_first_and_the_row_later_and_the_mail_does_not_come_back(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    job = RetentionJob(RetentionSettings(text_days=30, ledger_days=365), ledger.retention, clock)
    async with open_mail_app(ledger, encryption, clock) as app:
        file = await app.answer(raw_mail())
        clock.set(clock.now() + timedelta(days=29))
        assert await job.run_once() == (0, 0)
        clock.set(clock.now() + timedelta(days=2))
        assert await job.run_once() == (1, 0)
        assert (await ledger.mails.load(file.entry.id)).mail is None
        clock.set(clock.now() + timedelta(days=340))
        assert await job.run_once() == (0, 1)
        assert await ledger.intake.add(MailLocation("main", "INBOX", 9, 9), raw_mail(), 1) is None


async def test_after_rotation_everything_can_be_sealed_with_the_new_key(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, postgres: Postgres
) -> None:
    old, new, prints = b"s" * 32, b"n" * 32, base64.b64decode("Zg==") * 32
    async with open_mail_app(ledger, encryption, clock) as app:
        file = await app.answer(raw_mail())
    rotated = Ledger(postgres, Encryption([new, old], prints), clock)
    assert await rotated.retention.reseal() > 0
    assert await rotated.retention.reseal() == 0
    alone = Ledger(postgres, Encryption([new], prints), clock)
    read = await alone.mails.load(file.entry.id)
    assert read.mail is not None
    assert await alone.personal_data.mails_from("camille@personne.example") == (file.entry.id,)


async def test_a_decision_taken_while_keys_are_rotated_is_kept(
    ledger: Ledger,
    encryption: Encryption,
    clock: StoppedClock,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prints = base64.b64decode("Zg==") * 32
    rotated = Ledger(postgres, Encryption([b"n" * 32, b"s" * 32], prints), clock)
    seal = LedgerBackend.seal
    decisions: list[asyncio.Task[None]] = []
    async with open_mail_app(ledger, encryption, clock, settings("review")) as app:
        mail_id = (await app.answer(raw_mail())).entry.id

        async def seal_while_deciding(backend: LedgerBackend, clear: bytes, purpose: str) -> bytes:
            if not decisions:
                decisions.append(asyncio.create_task(app.reviewer.approve(mail_id, "Un mois.")))
                await asyncio.wait(decisions, timeout=0.5)  # it must wait for the rotation
            return await seal(backend, clear, purpose)

        monkeypatch.setattr(LedgerBackend, "seal", seal_while_deciding)
        assert await rotated.retention.reseal() > 0
        await asyncio.gather(*decisions)
    assert "Un mois." in (await rotated.mails.load(mail_id)).draft
