"""Forged mails by kind: each claims, or is read by somebody as claiming, to come from VICTIM.

Sources of the kinds: Chen, Paxson and Jiang, "Composition Kills" (USENIX Security 2020); Haddouche,
"Mailsploit" (2017); the security considerations of RFC 6376, 7208, 7489 and 8601; the advisory on
OpenDMARC CVE-2020-12272; the attacks on a limited body (`l=`).
"""

import base64
import contextlib
from collections.abc import Iterator

import dkim

from tests.mail_service.mails import SERVER
from tests.mail_service.sender_checks.forged_letters import (
    DATE,
    FORGER,
    Forgery,
    arrived,
    letter,
    received,
    signed,
    table,
    texts,
)
from tests.mail_service.sender_checks.forged_signatures import (
    broken_signatures,
    genuine_signatures,
    signatures_of_the_forger,
)
from tests.mail_service.sender_checks.senders_zone import FORGER_CLIENT, VICTIM, VICTIM_CLIENT

WORD_OF_VICTIM = base64.b64encode(VICTIM.encode()).decode()
EVIL_PASSES = (
    f"{SERVER}; spf=pass smtp.mailfrom=evil.example; dkim=pass header.d=evil.example; "
    + ("dmarc=pass header.from=evil.example")
)


CLAIM = "dmarc=pass header.from=victime.example"
OTHER_FIELDS = (
    "X-Authentication-Results",
    "ARC-Authentication-Results",
    "Authentication-Results-Original",
    "Authentication-Results ",
    "Authentication_Results",
)


def from_fields() -> Iterator[Forgery]:
    """Everything about the forger's domain passes; only what the From field shows is forged."""
    v, f = VICTIM, FORGER
    shown: dict[str, str | bytes] = {
        "the plain address": v,
        "address in the name": f'"{v}" <{f}>',
        "address in the bare name": f"{v} <{f}>",
        "address in brackets in the name": f'"Victime <{v}>" <{f}>',
        "address in an encoded name": f"=?utf-8?b?{WORD_OF_VICTIM}?= <{f}>",
        "address in a Q-encoded name": f"=?utf-8?q?victime=40victime.example?= <{f}>",
        "address in two encoded words": f"=?utf-8?q?victime=40vic?= =?utf-8?q?time.example?= <{f}>",
        "address in a quoted encoded word": f'"=?utf-8?b?{WORD_OF_VICTIM}?=" <{f}>',
        "address with a full-width at sign": f'"victime＠victime.example" <{f}>',
        "address in a comment after": f"{f} ({v})",
        "address in a comment before": f"({v}) {f}",
        "encoded address": f"=?utf-8?b?{WORD_OF_VICTIM}?=",
        "encoded address, NUL, forger's domain": "=?utf-8?b?"
        + base64.b64encode(f"{v}\0".encode()).decode() + "?=@evil.example",
        "encoded address, line break, forger's domain": "=?utf-8?q?victime=40victime.example=0A?="
        "@evil.example",
        "encoded local part": "=?utf-8?q?victime?=@victime.example",
        "encoded address and NUL in the name": f"=?utf-8?q?victime=40victime.example=00?= <{f}>",
        "encoded word with > inside": f"=?utf-8?q?a=3Cvictime=40victime.example=3E?= <{f}>",
        "two addresses, victim first": f"{v}, {f}",
        "two addresses, victim last": f"{f}, {v}",
        "two bracketed addresses": f"<{v}> <{f}>",
        "two bracketed addresses, glued": f"<{f}><{v}>",
        "brackets in brackets": f"<<{v}>{f}>",
        "two at signs": f"<{v}@evil.example>",
        "two at signs, victim last": f"<{f}@victime.example>",
        "group": f"Amis: {v}, {f};",
        "group of one": f"Amis: {v};",
        "empty group before": f"Amis:;, {v}",
        "source route": f"<@evil.example:{v}>",
        "source route of two": f"<@a.example,@b.example:{v}>",
        "quoted local part with the victim": f'"{v}"@evil.example',
        "quoted local part, bracketed": f'<"{v}"@evil.example>',
        "quoted local part of the victim": '"victime"@victime.example',
        "quoted pair in the local part": '"vic\\time"@victime.example',
        "comment in the domain": "victime@victime.example(.evil.example)",
        "comment before the domain": "victime@(x)victime.example",
        "nested comment in the address": "victime(a(b)c)@victime.example",
        "comment that does not end": f"{v} (x",
        "quote that does not end": f'"x {v}',
        "bracket that does not end": f"<{v}",
        "bracket that only ends": f"{v}>",
        "space around the at sign": "victime @ victime.example",
        "space in the domain": "victime@victime. example",
        "fold in the address": "victime@victime\r\n .example",
        "empty folded line": f"{f}\r\n \r\n <{v}>",
        "percent routing": "victime%victime.example@evil.example",
        "bang path": "evil.example!victime@victime.example!",
        "domain literal": f"victime@[{FORGER_CLIENT}]",
        "final dot": f"<{v}.>",
        "two dots": "victime@victime..example",
        "underscore in the domain": "victime@_.victime.example",
        "Cyrillic letter": "victime@v\u0456ctime.example",
        "full-width letters": "victime@ｖictime.example",
        "ideographic full stop": "victime@victime。example",
        "soft hyphen": "victime@vic\u00adtime.example",
        "zero-width joiner": "victime@vic\u200dtime.example",
        "Kelvin sign for a letter": "victime@\u212aictime.example",
        "right-to-left override": f'"\u202eelpmaxe.emitciv@emitciv" <{f}>',
        "Latin-1 bytes in the domain": b"victime@v\xefctime.example",
        "broken UTF-8 in the local part": b"victime\xff@victime.example",
        "control character": b"victime@victime.example\x01",
        "vertical tab": b"victime@victime.example\x0b<faussaire@evil.example>",
        "NUL": b"victime@victime.example\0@evil.example",
        "bare CR": b"faussaire@evil.example\rFrom: victime@victime.example",
        "bare CR, victim first": b"victime@victime.example\r<faussaire@evil.example>",
        "nothing": "",
        "brackets around nothing": "Victime <>",
        "8-bit name and address": f"Victime é {v} <{f}>",
        "a very long field": f'"{"a" * 5_000}" <{v}>',
    }  # fmt: skip
    for what, sender in shown.items():
        raw = letter(sender)
        with contextlib.suppress(dkim.DKIMException):  # dkimpy reads no header there: unsigned
            raw = signed(raw)
        yield f"From: {what}", arrived(raw, above=f"Authentication-Results: {EVIL_PASSES}\r\n")


def from_lines() -> Iterator[Forgery]:
    """Several From fields, and lines that some readers take for one."""
    true, false = f"From: {FORGER}\r\n", f"From: {VICTIM}\r\n"
    blocks = {
        "two, victim first": false + true,
        "two, victim last": true + false,
        "two, in other case": true + false.replace("From", "FROM"),
        "three": true + false + true,
        "the same twice": false + false,
        "space before the colon": true + false.replace("From:", "From :"),
        "tab before the colon": true + false.replace("From:", "From\t:"),
        "only with a space before the colon": false.replace("From:", "From :"),
        "folded before the colon": true + false.replace("From:", "From\r\n :"),
        "8-bit letter in the name": true + false.replace("From", "Fr\u043em"),
        "a first line of a mailbox file": "From victime@victime.example Fri Nov 20\r\n" + true,
        "in a folded line": true.rstrip("\r\n") + f"\r\n From: {VICTIM}\r\n",
        "after a line that is no field": true + "x\r\n" + false,
        "Resent-From and Sender": f"Resent-From: {VICTIM}\r\nSender: {VICTIM}\r\n" + true,
        "bare CR before": true.rstrip("\r\n") + f"\rFrom: {VICTIM}\r\n",
        "none": "",
    }
    for what, block in blocks.items():
        raw = letter("X").replace(b"From: X\r\n", block.encode())
        above = f"Authentication-Results: {EVIL_PASSES}\r\n"
        yield f"From lines: {what}", arrived(raw, above=above)
        victims = arrived(signed(letter()), above=above)
        yield (
            f"From lines above a genuine one: {what}",
            victims.replace(
                f"From: {VICTIM}\r\n".encode(), block.encode() + f"From: {VICTIM}\r\n".encode()
            ),
        )


def injected_results() -> Iterator[Forgery]:
    """Our server's own honest field, with the forger's words where it repeats them."""
    for place, statement in table("places").items():
        for text in texts("injected"):
            if "without" in place and text.startswith(("x;", 'a"b')):
                continue  # a server that lets `;` through wrote a second statement itself
            field = f"Authentication-Results: {SERVER}; {statement.format(text)}\r\n"
            yield f"{place}: {text!r}", arrived(letter(), above=field)
            yield f"{place}, below: {text!r}", arrived(letter(), below=field)


def results_that_are_no_pass() -> Iterator[Forgery]:
    """Our server's field that a careless reader takes for a pass."""
    for text in texts("no_passes"):
        field = f"Authentication-Results: {SERVER}; {text}\r\n"
        yield f"no pass: {text}", arrived(letter(), above=field)
        yield f"no pass, below: {text}", arrived(letter(), below=field)


def fields_of_others() -> Iterator[Forgery]:
    """The forger's own Authentication-Results under other names."""
    for name in texts("other_servers"):
        field = f"Authentication-Results: {name}; {CLAIM}\r\n"
        yield f"server: {name!r}", arrived(letter(), above=field)
    for name in OTHER_FIELDS:
        field = f"{name}: {SERVER}; {CLAIM}\r\n"
        yield f"name of the field: {name}", arrived(letter(), above=field)


def places() -> Iterator[Forgery]:
    """The forger's own Authentication-Results under our server's name, where it did not write."""
    ours = f"Authentication-Results: {SERVER}; {CLAIM}\r\n"
    fail = f"Authentication-Results: {SERVER}; dmarc=fail header.from=victime.example\r\n"
    foreign = received("a.example", "198.51.100.1", "evil.example")
    own, again = received(), received("x.example", VICTIM_CLIENT)
    raw, head_end = letter(), b"\r\n\r\n"
    alone = {
        "no Received line at all": ours,
        "no Received line, after a Return-Path": f"Return-Path: <{VICTIM}>\r\n{ours}",
        "below the line of a form on our server's host": f"Received: by {SERVER} (Postfix, from "
        f"userid 33)\r\n\tid 4F; {DATE}\r\n{ours}",
        "above a Received line of the forger's server": ours + foreign,
        "a line of ours forged below a foreign one": foreign + ours + own,
        "a line of ours forged below a foreign one, above it": foreign + own + ours,
    }
    for what, head in alone.items():
        yield f"place: {what}", head.encode() + raw
    before = {
        "below a Received line of the forger": foreign + ours,
        "below a second line of ours": again + ours,
        "below a DKIM signature": "DKIM-Signature: v=1\r\n" + ours,
        "by bare CR": f"X-A: b\r{ours}",
        "by an empty folded line": f"X-A: b\r\n \r\n{ours}",
        "folded": f"X-A: b\r\n {ours}",
    }
    for what, head in before.items():
        yield f"place: {what}", arrived(letter(before=head))
    yield "place: below our server's fail", arrived(letter(before=ours), above=fail)
    yield "place: below our server's fail, both below", arrived(letter(before=ours), below=fail)
    field = ours.encode()
    yield "place: after the From field", arrived(raw.replace(b"To:", field + b"To:"))
    yield "place: last", arrived(raw.replace(head_end, b"\r\n" + field + b"\r\n", 1))
    yield "place: in the body", arrived(raw.replace(head_end, head_end + field, 1))


def envelopes() -> Iterator[Forgery]:
    """SPF: the forger's host may send for evil.example only; what he says to our server."""
    raw, victims = letter(), f"Return-Path: <{VICTIM}>\r\n"
    for style, line in table("server_styles").items():
        for helo in texts("helos"):
            top = f"{victims}Received: {line.format(helo=helo, date=DATE)}\r\n"
            yield f"HELO to {style}: {helo!r}", top.encode() + raw
    for envelope in texts("envelopes"):
        yield f"envelope: {envelope!r}", arrived(raw, envelope=envelope)
        other = arrived(letter("x@autre.example"), envelope=envelope, client=VICTIM_CLIENT)
        yield f"envelope, the victim's host: {envelope!r}", other
    own = received("x", VICTIM_CLIENT)
    yield "SPF: a line of ours forged below ours", arrived(letter(before=own), envelope=VICTIM)
    foreign = victims + received("x", VICTIM_CLIENT, "evil.example")
    yield "SPF: a Received line of the forger alone", foreign.encode() + raw
    yield "SPF: a Return-Path of the forger", (own + victims).encode() + raw
    yield "SPF: two Return-Paths", victims.encode() + arrived(raw, client=VICTIM_CLIENT)
    claim = f"Received-SPF: pass client-ip={VICTIM_CLIENT}; envelope-from={VICTIM};\r\n"
    yield "SPF: Received-SPF of the forger", arrived(letter(before=claim))
    yield "SPF: a line of ours by bare CR", arrived(letter(before=f"X: b\r{own}"), envelope=VICTIM)


KINDS = (
    from_fields,
    from_lines,
    injected_results,
    results_that_are_no_pass,
    fields_of_others,
    places,
    signatures_of_the_forger,
    genuine_signatures,
    broken_signatures,
    envelopes,
)
