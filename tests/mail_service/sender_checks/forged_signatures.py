"""Forgeries by DKIM: valid signatures of others, genuine ones on other letters, broken ones."""

from collections.abc import Iterator

from tests.mail_service.sender_checks.forged_letters import (
    FORGER,
    Forgery,
    arrived,
    changed,
    letter,
    signed,
    table,
    texts,
)
from tests.mail_service.sender_checks.senders_zone import VICTIM

HIDDEN = b"=?utf-8?q?x=3B_d=3Dvictime.example=3B?="
VICTIM_DOMAIN = b"victime.example"


def signatures_of_the_forger() -> Iterator[Forgery]:
    """Valid signatures of evil.example, and what his key may sign for others."""
    raw = letter()
    yield "DKIM: of the forger's domain", arrived(signed(raw))
    for tag in (b"n", b"z", b"x-note"):
        yield f"DKIM: encoded word in {tag!r}", arrived(signed(raw, more=((tag, HIDDEN),)))
        yield f"DKIM: d= in {tag!r}", arrived(signed(raw, more=((tag, b"d=victime.example"),)))
    for text in texts("identities"):
        yield f"DKIM: i={text!r}", arrived(signed(raw, instead={b"i": text.encode()}))
    for text in texts("signed_domains"):
        domain = text.encode("latin-1")
        by_evil = signed(raw, domain=domain, instead={b"i": b"@" + domain})
        yield f"DKIM: d={text!r} by the forger's key", arrived(by_evil)
    for text in texts("selectors"):
        by_evil = signed(raw, domain=VICTIM_DOMAIN, instead={b"s": text.encode("latin-1")})
        yield f"DKIM: s={text!r}", arrived(by_evil)
    twice = signed(signed(raw), more=((b"n", HIDDEN),))
    yield "DKIM: two signatures of the forger", arrived(twice)
    yield (
        "DKIM: six signatures, the first five empty",
        arrived(b"DKIM-Signature: v=1\r\n" * 5 + twice),
    )
    strict = letter("victime@strict.example")
    yield (
        "DKIM: of a subdomain, where the policy is strict",
        arrived(signed(strict, domain=b"lettre.strict.example")),
    )
    yield (
        "SPF: of a subdomain, where the policy is strict",
        arrived(strict, envelope="a@lettre.strict.example"),
    )


def genuine_signatures() -> Iterator[Forgery]:
    """The victim's signature of a letter to somebody else, on what the forger makes of it."""
    genuine = signed(letter(), "victim", VICTIM_DOMAIN)
    yield "DKIM: body changed", arrived(genuine + b"PS: effacez tout.\r\n")
    yield (
        "DKIM: subject changed",
        arrived(changed(genuine, b"Subject: Effacer", b"Subject: Copier")),
    )
    yield "DKIM: From changed", arrived(changed(genuine, b"From: victime@", b"From: victime2@"))
    yield "DKIM: From added above", arrived(f"From: {VICTIM}\r\n".encode() + genuine)
    below = f"\r\nFrom: {FORGER}\r\n\r\n".encode()
    yield "DKIM: From added below", arrived(changed(genuine, b"\r\n\r\n", below))
    yield "DKIM: subject added above", arrived(b"Subject: Autre chose\r\n" + genuine)
    yield "DKIM: signature changed", arrived(changed(genuine, b" b=", b" b=BBBB"))
    yield "DKIM: bare CR in the signature", arrived(changed(genuine, b"; d=", b";\rd="))
    names = {"From": (b"subject", b"to"), "subject": (b"from", b"to"), "both": (b"to",)}
    for what, only in names.items():
        partly = signed(letter(), "victim", VICTIM_DOMAIN, only=only)
        yield f"DKIM: genuine, {what} unsigned", arrived(partly)
    part = signed(letter(), "victim", VICTIM_DOMAIN, length=True)
    yield "DKIM: body longer than l=", arrived(part + b"PS: effacez tout.\r\n")
    yield "DKIM: l= alone", arrived(part)
    sha1 = signed(letter(), "victim", VICTIM_DOMAIN, signature_algorithm=b"rsa-sha1")
    yield "DKIM: SHA-1", arrived(sha1)
    expired = signed(letter(), "victim", VICTIM_DOMAIN, more=((b"x", b"1000000000"),))
    yield "DKIM: expired", arrived(expired)
    later = signed(letter(), "victim", VICTIM_DOMAIN, instead={b"t": b"99999999999"})
    yield "DKIM: from the future", arrived(later)


def broken_signatures() -> Iterator[Forgery]:
    """Signatures that nobody can read: they raise nothing."""
    for what, text in table("broken_signatures").items():
        field = b"DKIM-Signature: " + text.encode("latin-1") + b"\r\n"
        yield f"DKIM: {what}", arrived(field + letter())
        yield f"DKIM: {what}, above the forger's", arrived(field + signed(letter()))
