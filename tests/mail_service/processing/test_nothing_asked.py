"""Mails in which nobody asks anything: what the person gets."""

import email
import email.policy

import pytest

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import TRUSTED, open_mail_app
from tests.mail_service.mails import raw_mail

pytestmark = pytest.mark.slow

NOTHING = {
    "nothing at all": "",
    "white space": " \n\t\n \u00a0\u2003\n",
    "invisible characters": "\u200b\u2060\ufeff\n",
    "a signature": "-- \nCamille Roux\n06 12 34 56 78",
    "a closing formula": "Cordialement,\nCamille Roux\nResponsable des achats, Dupré SARL",
    "a greeting": "Bonjour Madame, Monsieur,\n\nMerci d'avance.\n\nCordialement,\nCamille",
    "a telephone's line": "Envoyé de mon iPhone",
    "a name and a number": "Camille Roux\nTél. : 06 12 34 56 78\ncamille@personne.example",
}
ASKED = {
    "in the subject": ("Quel préavis de démission ?", ""),
    "in the subject, signed": ("Re: préavis en cas de démission", "-- \nCamille Roux"),
    "below the formula": ("", "Bonjour,\nCordialement,\nCamille\nPS : quel préavis ?"),
    "in a few words": ("", "Quel préavis"),
}


def from_camille(text: str, subject: str, number: int) -> bytes:
    return raw_mail(
        text,
        subject=subject,
        message_id=f"<{number}@personne.example>",
        sender=f"Camille Roux <camille{number}@personne.example>",
        Authentication_Results=f"{TRUSTED}; dmarc=pass header.from=personne.example",
    )


async def test_who_asks_nothing_is_told_so_and_how_to_ask(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        for number, (name, text) in enumerate(NOTHING.items()):
            file = await app.answer(from_camille(text, "Demande", number))
            assert file.entry.state == "answered", name
            assert not app.ai.asked, name
            assert len(app.relay.received) == number + 1, name
            letter = email.message_from_bytes(
                app.relay.received[-1].content, policy=email.policy.default
            )
            words = letter.get_body(("plain",))
            assert words is not None
            assert "pas trouvé de question" in " ".join(words.get_content().split()), name


async def test_a_question_in_the_subject_or_after_the_formula_is_answered(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        for number, (name, (subject, text)) in enumerate(ASKED.items()):
            await app.answer(from_camille(text, subject, number))
            assert len(app.ai.asked) == number + 1, name
            assert "réavis" in app.ai.asked[-1].messages[-1].content, name
