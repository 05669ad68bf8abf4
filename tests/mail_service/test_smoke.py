"""What the quick lane asks of the whole mailbox: one mail and its reply."""

from mail_service.ledger.ledger import Ledger
from shared.ai.scripted import SOURCE
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import TRUSTED, open_mail_app
from tests.mail_service.mails import raw_mail


async def test_a_mail_gets_one_sourced_reply_in_its_thread(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        results = f"{TRUSTED}; dmarc=pass header.from=personne.example"
        file = await app.answer(raw_mail(Authentication_Results=results))
        assert (file.entry.state, file.outgoing[0].state) == ("answered", "sent")
        received = app.relay.received[0]
        assert received.recipients == ("camille@personne.example",)
        assert received.sender.startswith("bounces+")
        reply = received.mail
        assert reply["Subject"] == "Re: Préavis de démission"
        assert reply["In-Reply-To"] == "<a1@personne.example>"
        assert reply["Auto-Submitted"] == "auto-replied"
        text = " ".join(received.text().split())
        assert "Bonjour Camille Durand," in text
        assert "intelligence artificielle" in text
        assert SOURCE.url in text
        assert "EFFACER MES DONNÉES" in text
        assert [event.step for event in file.events][-1] == "reply sent"
