"""The history of a mail as an operator reads it."""

from mail_service.ledger.ledger import Ledger
from mail_service.review.explain import explain
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import open_mail_app
from tests.mail_service.mails import raw_mail


async def test_the_history_of_a_mail_shows_nothing_of_its_content(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        history = explain(await app.answer(raw_mail(Auto_Submitted="auto-replied")))
    assert "automatic:A1" in history
    assert "received" in history
    assert "Camille" not in history
