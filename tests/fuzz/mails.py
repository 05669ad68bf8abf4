"""The fuzzer of received mail: its bytes, through the parser, the sender checks and the rules.

Every input is read in this process; some are read in the sandbox as well, which must tell the same.
"""

import base64
import quopri
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from hypothesis import strategies as st

from mail_service.reading import message
from mail_service.reading.bounce_report import BounceReport
from mail_service.reading.message import Mail, read_mail
from mail_service.reading.reader_pool import ReaderPool
from mail_service.rules import reasons_not_to_answer
from mail_service.rules.context import RuleContext
from mail_service.sender_checks.authentication import authenticate_now
from mail_service.settings import AuthenticationSettings
from tests.fuzz.campaign import Check, Fuzzer
from tests.fuzz.pieces import damaged, mixed
from tests.mail_service.mails import SERVER, US, delivered, raw_mail

SANDBOXED_ONE_IN = 50
LIMIT_S = 5.0
"""Of processor time: what takes the square of 100,000 takes longer."""
SETTINGS = AuthenticationSettings(server=SERVER)
CONTEXT = RuleContext(addresses=frozenset({US}), is_our_message_id=lambda _name: False)
CHARSETS = [
    "utf-8", "utf-7", "utf-16", "iso-8859-1", "iso-2022-jp", "hz", "cp1252", "koi8-r", "gb18030",
    "idna", "punycode", "rot13", "base64", "zlib", "undefined", "unknown-8bit", "x" * 200, "é", "",
]  # fmt: skip
TYPES = [
    "text/plain", "text/html", "multipart/mixed", "multipart/alternative", "multipart/report",
    "multipart/digest", "multipart/encrypted", "multipart/signed", "message/rfc822",
    "message/delivery-status", "message/partial", "message/external-body", "application/pdf",
    "application/octet-stream", "application/vnd.ms-tnef", "text/calendar", "image/png",
    "text/rfc822-headers",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "text", "/", "",
]  # fmt: skip
ENCODINGS = ["7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "no"]
ADDRESSES = [
    "camille@personne.example", "Camille <camille@personne.example>", US, "<>", "@", "a@b@c", '"',
    "(", "undisclosed-recipients:;", "g: a@b.example, c@d.example;", '"a@b" <c@[192.0.2.1]>', "<a",
    "a>,", "=?utf-8?q?a=40b?= <a@b>", "a@xn--nxasmq6b", "a@b..c", "\\", ",,,,", "é@é.example",
    "a" * 300 + "@b", "mailer-daemon@x.example", "noreply@x.example", "a@\u2100.example",
    "a\x00@b.example",
]  # fmt: skip
VALUES = [
    *ADDRESSES, "auto-replied", "list", "bulk", "yes", "<a@b> <c@d>", "<" * 50,
    "Fri, 99 Foo 99999 99:99:99 +9999", "=?utf-8?b?/w==?=", "=?utf-8?b?a?=", "=?utf-7?q?+AGE-?=",
    "=?x?x?x?=", "=?=?=?=", "=?hz?q?~{?=", "=?utf-16?b?2AA=?=", "=?utf-8?q?" + "=20" * 200 + "?=",
    "text/plain; charset*0*=utf-8''%ff; charset*1=x", "attachment; filename*=utf-8''%00%ff",
    "attachment; filename*0=a; filename*2=b", 'attachment; filename="a\\',
    f"{SERVER}; dmarc=pass header.from=personne.example",
    "v=1; a=rsa-sha256; d=x; s=s; h=from; bh=AA==; b=AA==", "failed; report-type=delivery-status",
    "rfc822; a@b", "5.1.1", "1.0", "\u202e\u200b\ufeff",
]  # fmt: skip
NAMES = [
    "From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To",
    "References", "Return-Path", "Received", "Authentication-Results", "DKIM-Signature",
    "ARC-Seal", "Auto-Submitted", "Precedence", "List-Id", "List-Unsubscribe",
    "X-Auto-Response-Suppress", "X-Spam-Score", "Content-Type", "Content-Transfer-Encoding",
    "Content-Disposition", "MIME-Version", "X-Failed-Recipients", "Status", "é", "Final-Recipient",
    "Action", "X-Loop", "Content-ID", "", " ", "X" * 500,
]  # fmt: skip
TEXTS = [
    "Bonjour,\n\nquel est mon préavis ?\n", "> cité\n" * 20, "On Fri, x wrote:\n> y\n",
    "Le 1 mai, x a écrit :\n", "-- \nCamille\n", "-----Original Message-----\nFrom: x\nSent: y\n",
    "<p>oui<div style='display:none'>non</div>", "<" * 400, "<div>" * 400,
    "&#1114112;&#xD800;&nbsp", "<!--", "<![CDATA[", "<style>p{display:none}</style><p>a",
    "<table><tr><td>" * 60, "BEGIN:VCALENDAR\nMETHOD:REQUEST\n",
    "begin 644 a\nM" + "a" * 60 + "\n`\nend\n", "%PDF-1.7", "PK\x03\x04", "\x00\x01\ud7ff\u2028",
    "Status: 5.1.1\nAction: failed\n", "[cid:image]\n", "_" * 300 + "\nDe : x\n", " \n" * 200,
    "\t\u00a0\n" * 50, "a" * 2000, "From: a\nTo: b\nSubject: c\n\nd",
]  # fmt: skip
WORDS = [
    *(f"{name}: ".encode() for name in NAMES), *(value.encode() for value in VALUES[:40]), b"\r\n",
    b"\n", b"\r", b"\r\n\r\n", b"\r\n ", b"\t", b"--b", b"--b--", b"\r\n--b\r\n", b"; boundary=b",
    b'; boundary=""', b"; charset=", b"=?", b"?=", b"\0", b"\xff\xfe", b"\xc3", b"=\r\n", b"=E",
    b"%", b"boundary=",
]  # fmt: skip


def fields() -> st.SearchStrategy[bytes]:
    """Return a header, its lines ended one way or another."""
    value = st.one_of(st.sampled_from(VALUES), st.text(max_size=20))
    line = st.builds(
        lambda name, value, end: f"{name}: {value}".encode("utf-8", "replace") + end,
        st.sampled_from(NAMES),
        value,
        st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\t", b""]),
    )
    return st.lists(line, max_size=8).map(b"".join)


def parts() -> st.SearchStrategy[bytes]:
    """Return MIME parts in parts, their boundaries right or wrong."""

    def leaf(kind: str, charset: str, encoding: str, text: str, more: bytes) -> bytes:
        body = text.encode("utf-8", "surrogatepass")
        if encoding == "base64":
            body = base64.encodebytes(body)
        elif encoding == "quoted-printable":
            body = quopri.encodestring(body)
        head = (
            f"Content-Type: {kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
        )
        return head.encode() + more + b"\r\n" + body

    leaves = st.builds(
        leaf,
        st.sampled_from(TYPES),
        st.sampled_from(CHARSETS),
        st.sampled_from(ENCODINGS),
        st.sampled_from(TEXTS),
        st.one_of(st.just(b""), fields()),
    )

    def container(inner: list[bytes], kind: str, boundary: str, written: str, end: bool) -> bytes:
        head = f'Content-Type: {kind}; boundary="{boundary}"\r\n\r\n'.encode()
        line = f"\r\n--{written}".encode()
        body = b"".join(line + b"\r\n" + one for one in inner)
        return head + body + (line + b"--\r\n" if end else b"")

    names = st.sampled_from(["b", "b", "b", "c", "b--", "", " ", "x" * 80])
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            container,
            st.lists(inner, min_size=1, max_size=4),
            st.sampled_from(TYPES[2:10]),
            names,
            names,
            st.booleans(),
        ),
        max_leaves=6,
    )


def inputs() -> st.SearchStrategy[bytes]:
    """Return mails: sound ones damaged, built ones, and words of the format in any order."""
    sound = st.sampled_from([raw_mail(), raw_mail("Oui.", subject="Re: préavis")])
    built = st.builds(lambda head, body: head + body, fields(), parts())
    found = st.one_of(damaged(sound, WORDS), built, damaged(built, WORDS), mixed(WORDS, 40))
    return st.one_of(found, found.map(delivered))


@asynccontextmanager
async def opened() -> AsyncIterator[Check]:
    """Yield the check of one mail."""
    async with ReaderPool(1, time_s=20, memory_mib=512) as sandboxed:
        count = 0

        async def check(raw: bytes) -> None:
            nonlocal count
            began_s = time.thread_time()
            mail = read_here(raw)
            assert time.thread_time() - began_s < LIMIT_S, "it costs more than its size"
            count += 1
            if count % SANDBOXED_ONE_IN == 1:
                assert await sandboxed.read(raw) == mail

        yield check


def read_here(raw: bytes) -> Mail:
    """Return the mail read from `raw`, once it is as the rest of the service expects it."""
    mail = read_mail(raw)
    for text in (mail.subject, mail.text, mail.full_text, mail.hidden_text, mail.sender.name):
        text.encode()
        assert "\0" not in text
    assert len(mail.full_text) <= message.MAX_TEXT_CHARACTERS
    assert len(mail.attachments) <= message.MAX_ATTACHMENTS
    if mail.sender.can_be_written_to:
        assert not set(mail.sender.address) & set("\r\n <>,")
    found = authenticate_now(raw, SETTINGS)
    assert not (found.passed and b"Authentication-Results" not in raw), "proven by nothing"
    for authentication in (found, CONTEXT.authentication):
        reasons_not_to_answer(mail, replace(CONTEXT, authentication=authentication))
    BounceReport.read(mail, "neo.example")
    return mail


MAILS = Fuzzer("mail", inputs, opened)
