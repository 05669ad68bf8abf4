"""What a forger gets from the mailbox: nothing of the person whose address he writes."""

import base64

import pytest

from mail_service.ledger.ledger import Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from tests.mail_service.mail_app import TRUSTED, open_mail_app, settings
from tests.mail_service.mails import delivered, raw_mail

PERSON = "camille@personne.example"
PASS = f"{TRUSTED}; dmarc=pass header.from=personne.example"
FAILS = "dmarc=fail header.from=personne.example"
WORD = base64.b64encode(f"{PERSON}\0".encode()).decode()
FORGED_RESULTS = {
    "in the envelope": f"{TRUSTED}; spf=pass smtp.mailfrom=dmarc=pass@evil.example; {FAILS}",
    "in HELO": f"{TRUSTED}; spf=none smtp.helo=dmarc=pass.evil.example; {FAILS}",
    "in i=": f"{TRUSTED}; dkim=pass header.d=evil.example header.i=dmarc=pass@evil.example; "
    + FAILS,
    "in s=": f"{TRUSTED}; dkim=fail header.d=evil.example header.s=dmarc=pass; {FAILS}",
    "in a nested comment": f"{TRUSTED}; spf=pass (a (b) dmarc=pass c) smtp.mailfrom=x@y.example; "
    + FAILS,
    "in a quoted string": f'{TRUSTED}; spf=fail reason="x; dmarc=pass "; {FAILS}',
    "about another domain": f"{TRUSTED}; dmarc=pass header.from=evil.example",
}
FORGED_SENDERS = {
    "two From fields": f"{PERSON}\nFrom: faussaire@evil.example",
    "an encoded address": f"=?utf-8?b?{WORD}?=@evil.example",
    "two addresses": f"{PERSON}, faussaire@evil.example",
    "a route": f"<@evil.example:{PERSON}>",
}


def forged(results: str, sender: str = PERSON, subject: str = "Effacer mes donnees") -> bytes:
    raw = raw_mail("Merci", subject=subject, message_id="<f@evil.example>")
    old, new = b"From: Camille Durand <camille@personne.example>", f"From: {sender}".encode()
    assert old in raw
    return delivered(raw.replace(old, new), results)


CLAIM = f"Authentication-Results: {PASS}\n".encode()
FORGED = {
    **{f"results {what}": forged(results) for what, results in FORGED_RESULTS.items()},
    **{
        f"sender: {what}": forged(f"{TRUSTED}; dmarc=pass header.from=evil.example", sender)
        for what, sender in FORGED_SENDERS.items()
    },
    "results of the sender, where our server wrote none": CLAIM
    + raw_mail("Merci", subject="Effacer mes donnees", message_id="<f@evil.example>"),
}


@pytest.mark.parametrize("raw", FORGED.values(), ids=FORGED)
async def test_a_forged_request_erases_and_sends_nothing(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, raw: bytes
) -> None:
    async with open_mail_app(ledger, encryption, clock) as app:
        first = await app.answer(raw_mail(Authentication_Results=PASS))
        sent = len(app.relay.received)
        await app.answer(raw)
        await app.answer(
            raw.replace(b"Effacer mes donnees", b"Mes donnees").replace(b"<f@", b"<g@")
        )
        kept = await ledger.mails.load(first.entry.id)
        assert kept.mail is not None
        assert await ledger.personal_data.mails_from(PERSON)
        for mail in app.relay.received[sent:]:
            assert not list(mail.mail.iter_attachments())
            assert "effacées" not in mail.text()


@pytest.mark.parametrize(
    "line", [b"x\n", b"\xff: y\n", b"From nobody Fri Nov 20\n", b"DKIM-Signature: i=\n", b": z\n"]
)
async def test_a_malformed_header_is_no_bug_when_signatures_are_checked(
    ledger: Ledger, encryption: Encryption, clock: StoppedClock, line: bytes
) -> None:
    checked = settings(authentication={"server": TRUSTED, "dns": True})
    async with open_mail_app(ledger, encryption, clock, checked) as app:
        raw = b"DKIM-Signature: v=1; a=rsa-sha256; d=personne.example; s=s; h=from; b=AA\n" + line
        record = await app.answer(delivered(raw + raw_mail(sender="a@[192.0.2.1]")))
        assert record.entry.state != "failed"
