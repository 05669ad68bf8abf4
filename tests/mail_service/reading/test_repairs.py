"""Mails whose MIME is broken: what a person would read of them is read."""

import base64
import quopri
from collections.abc import Iterator

import pytest

from mail_service.reading.message import read_mail
from mail_service.reading.repairs import MAX_BOUNDARIES

HEAD = (
    "From: Camille <camille@personne.example>\nTo: questions@neo.example\nSubject: Salaire\n"
    "MIME-Version: 1.0\n"
)
TEXT = "Mon employeur a retenu 80 € sur ma paie d'été. En a-t-il le droit ?"
PLAIN = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{TEXT}\n"
HTML = f"Content-Type: text/html; charset=utf-8\n\n<p>{TEXT}</p>\n"


def alternative(boundary: str, *, declared: str | None = None, opening: str | None = None) -> bytes:
    """Return a mail of two parts that declares one boundary and has another in its body."""
    field = f"Content-Type: multipart/alternative;\n {declared}\n" if declared is not None else ""
    line = f"--{opening or boundary}\n"
    return f"{HEAD}{field}\n{line}{PLAIN}{line}{HTML}--{boundary}--\n".encode()


BOUNDARIES = {
    "folded inside quotes": alternative("=_Part 12_x", declared='boundary="=_Part\n 12_x"'),
    "folded inside quotes, space lost": alternative("=_P12_x", declared='boundary="=_P\n\t12_x"'),
    "words behind": alternative("b1_x", declared='boundary="b1_x"', opening="b1_x  Part of a mail"),
    "tab and words behind": alternative("b1_x", declared="boundary=b1_x", opening="b1_x\t(next)"),
    "none declared": alternative("b1_x", declared="charset=utf-8"),
    "another declared": alternative("b1_x", declared='boundary="other"'),
    "cut short": alternative("----=_NextPart_01D9", declared='boundary="----=_NextPart"'),
    "empty": alternative("b1_x", declared='boundary=""'),
    "no field at all": alternative("b1_x"),
    "no semicolon": alternative("b1_x").replace(
        b"MIME-Version: 1.0\n", b"Content-Type: multipart/mixed boundary=b1_x\n"
    ),
    "no boundary in the body": (
        f"{HEAD}Content-Type: multipart/mixed; boundary=b\n\n{TEXT}".encode()
    ),
    "only its end in the body": (
        f"{HEAD}Content-Type: multipart/mixed; boundary=b\n\n{TEXT}\n--c--\n".encode()
    ),
}


@pytest.mark.parametrize("name", BOUNDARIES)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_text_behind_a_broken_boundary_is_read(name: str, line_end: bytes) -> None:
    mail = read_mail(BOUNDARIES[name].replace(b"\n", line_end))
    assert mail.text.startswith(TEXT)
    assert "Content-" not in mail.text
    assert mail.attachments == ()


def test_words_behind_the_second_boundary_keep_the_parts_apart() -> None:
    raw = (
        f"{HEAD}Content-Type: multipart/mixed; boundary=b1\n\n--b1\n{PLAIN}--b1 next part\n"
        "Content-Type: text/csv; name=heures.csv\nContent-Disposition: attachment\n\na;b\n"
        "--b1-- end\n"
    )
    mail = read_mail(raw.encode())
    assert mail.text == TEXT
    assert [file.name for file in mail.attachments] == ["heures.csv"]


def test_a_repaired_mail_keeps_its_limits() -> None:
    """Multiparts without boundaries inside of each other end as one that is too deep does."""
    raw = HEAD.encode() + b"Content-Type: multipart/mixed\n\n"
    for depth in range(60):
        raw += b"--b%d\nContent-Type: multipart/mixed\n\n" % depth
    assert "depth" in read_mail(raw + TEXT.encode()).cut
    many = (
        HEAD.encode()
        + b"Content-Type: multipart/mixed\n\n"
        + b"--b\nContent-Type: a/b\n\n" * (MAX_BOUNDARIES + 10)
    )
    assert "parts" in read_mail(many).cut


def encoded(
    field: str, body: bytes, kind: str = "Content-Type: text/plain; charset=utf-8\n"
) -> bytes:
    return f"{HEAD}{kind}{field}\n\n".encode() + body


def _encodings() -> Iterator[tuple[str, bytes]]:
    name = "Content-Transfer-Encoding: "
    printable, packed = quopri.encodestring(TEXT.encode()), base64.encodebytes(TEXT.encode())
    for spelling in (
        *("quoted-printable ", "Quoted-Printable", '"quoted-printable"', "quoted-printable;"),
        *("quoted-printable (typed by hand)", "quotedprintable", "quoted printable", "QP"),
    ):
        yield spelling, encoded(name + spelling, printable)
    for spelling in (
        "base64 ",
        "BASE64",
        '"Base64"',
        "base64;",
        "base64 (x)",
        "base-64",
        "Base 64",
    ):
        yield spelling, encoded(name + spelling, packed)
    first, rest = packed.split(b"\n", 1)
    footer = b"_______________\nThis list is run by Example, see the site.\n"
    yield "a footer", encoded(name + "base64", packed + footer)
    yield "no padding", encoded(name + "base64", packed.replace(b"=", b"") + footer)
    yield "marks in a line", encoded(name + "base64", first[:9] + b"!" + first[9:] + b"\n" + rest)
    yield "empty lines", encoded(name + "base64", first + b"\n \n\n" + rest)
    yield "not Base64 at all", encoded(name + "base64", TEXT.encode())
    yield "unknown", encoded(name + "8-bits", TEXT.encode())


ENCODINGS = dict(_encodings())


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_transfer_encoding_is_read_as_it_was_meant(name: str) -> None:
    assert read_mail(ENCODINGS[name]).text == TEXT


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", TEXT),
        ("", f"<html><body><p>{TEXT}</p></body></html>"),
        ("Content-Type:\n", TEXT),
        ("Content-Type: text\n", TEXT),
        ("Content-Type: text/plain charset=utf-8\n", TEXT),
        ("Content-Type: TEXT/PLAIN; CHARSET=UTF-8\n", TEXT),
        ("Content-Type: text/html charset=utf-8\n", f"<p>{TEXT}</p>"),
    ],
)
def test_a_text_of_an_unclear_type_is_read(kind: str, body: str) -> None:
    raw = f"From: a@personne.example\nTo: b@neo.example\n{kind}\n{body}".encode()
    mail = read_mail(raw)
    assert (mail.text, mail.attachments) == (TEXT, ())


def test_a_charset_without_a_semicolon_counts() -> None:
    raw = b"From: a@personne.example\nContent-Type: text/plain charset=windows-874\n\n"
    question = "ลาป่วยตั้งแต่วันที่ 3 – ลาออกต้องแจ้งล่วงหน้ากี่เดือน"
    assert read_mail(raw + question.encode("cp874")).text == question
