"""Who is in a thread: a proven sender who answers a letter of ours, and nobody else."""

import re
from datetime import timedelta
from typing import Any

import pytest

from mail_service.ledger.ledger import Ledger
from mail_service.reply.message_ids import OURS
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import TRUSTED, MailApp, open_mail_app
from tests.mail_service.mails import raw_mail

PASS = f"{TRUSTED}; dmarc=pass header.from=personne.example"
NOBODY = f"{TRUSTED}; dmarc=none header.from=personne.example"
OTHER_PASS = f"{TRUSTED}; dmarc=pass header.from=ailleurs.example"

pytestmark = pytest.mark.slow


async def begin(app: MailApp) -> str:
    """Let a proven person ask with a canary; return the Message-ID of our letter."""
    await app.answer(
        raw_mail("Mon canari est un colibri, quel préavis ?", Authentication_Results=PASS)
    )
    return str(app.relay.received[0].mail["Message-ID"]).strip()


async def asked_after(app: MailApp, number: int = 2, **fields: str) -> str:
    """Let a second mail with the same subject come; return what ai_core was asked."""
    given = {
        "Authentication_Results": PASS,
        "message_id": f"<a{number}@personne.example>",
        "subject": "Re: Préavis de démission",
    } | fields
    before = len(app.ai.asked)
    await app.answer(raw_mail(f"Et pour un cadre ({number}), quelle durée ?", **given))
    assert len(app.ai.asked) == before + 1
    return app.ai.asked[-1].model_dump_json()


async def test_a_proven_sender_who_answers_our_letter_continues_the_thread(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        ours = await begin(app)
        seen = await asked_after(app, In_Reply_To=ours)
        assert "colibri" in seen
        assert app.ai.script.answer in [each.content for each in app.ai.asked[-1].messages]
        seen = await asked_after(app, 3, References=f"<x@y> {ours}", In_Reply_To="<x@y>")
        assert "cadre (2)" in seen


@pytest.mark.parametrize(
    "fields",
    [
        {"Authentication_Results": NOBODY},
        {"sender": "Voleur <voleur@ailleurs.example>", "Authentication_Results": OTHER_PASS},
        {"In_Reply_To": ""},
        {"In_Reply_To": "<a1@personne.example>"},
        {"In_Reply_To": "guessed"},
        {"In_Reply_To": "made for another"},
    ],
    ids=["unproven", "another address", "subject alone", "own Message-ID", "guessed", "not theirs"],
)
async def test_without_proof_and_the_secret_of_our_letter_nothing_of_the_thread_is_seen(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, fields: dict[str, str]
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        ours = await begin(app)
        found = OURS.fullmatch(ours)
        assert found is not None
        other = await app.answer(raw_mail(sender="b@ailleurs.example", message_id="<b@x>"))
        forged = {
            "guessed": ours.replace(found[1], "a" * 26),
            "made for another": other.outgoing[0].message_id,
        }
        given: dict[str, Any] = {"In_Reply_To": ours} | fields
        given["In_Reply_To"] = forged.get(given["In_Reply_To"], given["In_Reply_To"])
        assert "colibri" not in await asked_after(app, **given)


async def test_what_an_unproven_sender_adds_to_a_thread_is_not_shown_in_it_later(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        ours = await begin(app)
        await asked_after(app, In_Reply_To=ours, Authentication_Results=NOBODY)
        clock.set(clock.now() + timedelta(hours=2))
        seen = await asked_after(app, 3, In_Reply_To=ours)
        assert "colibri" in seen
        assert "cadre (2)" not in seen


async def test_a_message_id_of_ours_is_long_random_and_bound_to_its_recipient(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        ids = app.pipeline._screening._mailboxes["main"].composer.message_ids
        ours = await begin(app)
        assert re.search("[a-z2-7]{26}", ours)
        assert ids.was_sent_to(ours, "Camille@Personne.example")
        assert not ids.was_sent_to(ours, "voleur@ailleurs.example")
        assert not ids.was_sent_to(ours.replace(".1.", ".2."), "camille@personne.example")
