"""Mails as clients and hostile senders write them."""

import io
import struct
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from asn1crypto import cms

from mail_service.reading.attachments import read_attachment
from mail_service.reading.encoded_words import decode_words
from mail_service.reading.markup import read_html
from mail_service.reading.message import read_mail
from shared.privacy.charset import decode
from tests.mail_service.mails import mail_message, raw_mail


def test_a_plain_mail_is_understood() -> None:
    mail = read_mail(raw_mail())
    assert mail.sender.address == "camille@personne.example"
    assert mail.sender.name == "Camille Durand"
    assert mail.subject == "Préavis de démission"
    assert "durée du préavis" in mail.question
    assert mail.message_id == "<a1@personne.example>"


@pytest.mark.parametrize(
    ("data", "declared", "text"),
    [
        ("é".encode("cp1252"), "iso-8859-1", "é"),
        ("“é”".encode("cp1252"), "latin1", "“é”"),
        ("é".encode(), "us-askey", "é"),
        ("é".encode(), "x-unknown", "é"),
        ("é".encode(), None, "é"),
        ("привет мир, как дела".encode("koi8-r"), "koi8-r", "привет мир, как дела"),
        (b"a\x00b", "utf-8", "ab"),
        ("a\u200bb\U000e0041c".encode(), "utf-8", "abc"),
        (b"bonjour", "base64", "bonjour"),
        ("Arrêt maladie à Évry".encode("cp1252"), None, "Arrêt maladie à Évry"),
        ("Fermé à Noël".encode("cp1252"), "utf-8", "Fermé à Noël"),
        ("l’été, 1 200 € de prime".encode("cp1252"), "ascii", "l’été, 1 200 € de prime"),
        ("où ça ?".encode("cp1252"), "x-unknown", "où ça ?"),
        ("วันที่ 3 – ลา…".encode("cp874"), "Windows-874", "วันที่ 3 – ลา…"),
        ("วันที่ 3 – ลา…".encode("cp874"), "TIS-620", "วันที่ 3 – ลา…"),
        (
            "試用期間は延長できますか、教えてください".encode("shift_jis"),
            None,
            "試用期間は延長できますか、教えてください",
        ),
    ],
)
def test_bytes_become_text_whatever_they_declare(
    data: bytes, declared: str | None, text: str
) -> None:
    assert decode(data, declared) == text


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?Q?Pr=C3=A9avis?=", "Préavis"),
        ("=?utf-8?B?UHLDqWF2aXM=?= =?utf-8?B?IQ==?=", "Préavis!"),
        ("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"),
        ("=?no-such?Q?abc?=", "abc"),
        ("=?utf-8?B?UHLDqWF2aXM?=", "Préavis"),
        ("Re: plain\r\n folded", "Re: plain folded"),
        ("=?utf-8?Q?unfinished", "=?utf-8?Q?unfinished"),
    ],
)
def test_encoded_words_are_decoded_like_the_rest(header: str, text: str) -> None:
    assert decode_words(header) == text


HOSTILE = {
    "no header": b"\r\n\r\nbonjour",
    "nothing": b"",
    "only zeros": b"\x00" * 5000,
    "charset group": b"From: a: b;\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\r\n\xe9",
    "a charset whose codec replaces nothing": b"Content-Type: text/plain; charset=idna\r\n"
    b"\r\npr\xc3\xa9avis",
    "the same in parts": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: text/html; charset=undefined\r\n\r\n\xff\r\n--a--",
    "open parts": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n" * 30_000,
    "nested": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 2_000,
    "long header": b"Subject: " + b"a" * 1_000_000 + b"\r\n\r\nbonjour",
    "many headers": b"X-A: b\r\n" * 100_000 + b"\r\nbonjour",
    "many addresses": b"To: " + b"a@b.fr, " * 50_000 + b"\r\n\r\nbonjour",
    "deep html": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 50_000 + b"x",
    "many parts": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    + b"--a\r\n\r\nx\r\n" * 100_000,
    "comments in comments": b"From: " + b"(" * 5_000 + b"a@b.fr\n\nx",
    "many introductions": b"Subject: x\n\n" + b"On Mon, Nov 3, 2026 at 10:02 a b <\n" * 8_000,
    "quotes in quotes": b"Content-Type: text/html\n\n" + b"<blockquote type=cite>" * 1_500 + b"x",
    "broken base64": b"Content-Transfer-Encoding: base64\r\n\r\n!!!!====\xff",
    "broken uu": b"Content-Transfer-Encoding: uuencode\r\n\r\nbegin 666 x\n\xff\xff\nend",
    "crlf address": b"From: =?utf-8?Q?a=0D=0ABcc:_x=40y.fr?= <a@b.fr>\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_mail_is_too_broken_to_read(name: str) -> None:
    mail = read_mail(HOSTILE[name])
    assert "\n" not in mail.subject
    assert "\r" not in mail.sender.name


def test_quoted_html_of_a_client_is_cut() -> None:
    page = read_html(
        "<div>Merci, et pour un cadre ?</div><div class='gmail_quote'>Le 3 a écrit : vieux</div>"
    )
    assert page.reply == "Merci, et pour un cadre ?"
    assert "vieux" in page.text


@pytest.mark.parametrize(
    "hidden",
    [
        "<p style='display: none'>obéis</p>",
        "<span style='font-size:0px'>obéis</span>",
        "<font color='#FFFFFF'>obéis</font>",
        "<p style='color:#123;background:#123'>obéis</p>",
        "<div hidden>obéis</div>",
        "<p style='font-size:1px'>obéis</p>",
        "<p style='font-size: 0.05em'>obéis</p>",
        "<p style='font:0pt Arial'>obéis</p>",
        "<div style='position:absolute;left:-9999px'>obéis</div>",
    ],
)
def test_hidden_text_is_kept_from_the_model_and_shown_to_the_reviewer(hidden: str) -> None:
    page = read_html(f"<body><p>Bonjour</p>{hidden}</body>")
    assert page.text == "Bonjour"
    assert page.hidden == "obéis"


@pytest.mark.parametrize("size", ["1em", "1rem", ".9em", "0.875rem", "100%", "9pt", "11px", "90%"])
def test_text_at_the_size_of_its_surroundings_is_visible(size: str) -> None:
    page = read_html(f"<body><p style='font-size:{size}'>Mon employeur a-t-il le droit</p></body>")
    assert page.text == "Mon employeur a-t-il le droit"
    assert not page.hidden


def test_white_text_on_a_painted_ground_is_visible() -> None:
    page = read_html("<table bgcolor='#000080'><tr><td><font color='white'>Bonjour</font></table>")
    assert page.text == "Bonjour"
    assert not page.hidden


def test_a_reply_in_two_formats_gives_what_was_written_now() -> None:
    mail = mail_message(
        "Oui.\n\nLe 3 nov. 2026 à 10:02, Neo <q@neo.example> a écrit :\n> Ancien texte\n"
    )
    mail.add_alternative("<p>Oui.</p><blockquote type='cite'>Ancien texte</blockquote>", "html")
    read = read_mail(mail.as_bytes())
    assert read.text == "Oui."
    assert "Ancien texte" in read.question


def test_references_are_listed_once_oldest_first() -> None:
    mail = mail_message(References="<1@x> <2@x>", In_Reply_To="<2@x>")
    assert read_mail(mail.as_bytes()).references == ("<1@x>", "<2@x>")


def docx(text: str, *, extra: bytes = b"") -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = f"<w:document xmlns:w='{space}'><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", body)
        if extra:
            archive.writestr("word/media/bomb", extra)
    return out.getvalue()


def odt(text: str, *, encrypted: bool = False) -> bytes:
    space = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", f"<d xmlns:t='{space}'><t:p>{text}</t:p></d>")
        if encrypted:
            archive.writestr("META-INF/manifest.xml", "<manifest:encryption-data/>")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "kind", "state", "text"),
    [
        (docx("Avenant au contrat"), "docx", "read", "Avenant au contrat"),
        (odt("Lettre"), "odt", "read", "Lettre"),
        (odt("Lettre", encrypted=True), "odt", "encrypted", ""),
        (docx("x", extra=b"\0" * 120_000_000), "docx", "too_large", ""),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "docx",
         "encrypted", ""),
        (b"%PDF-1.7 broken", "pdf", "unreadable", ""),
        (b"PK\x03\x04broken", "other", "named", ""),
        (b"\x89PNG\r\n", "image", "picture", ""),
        ("Ma lettre é".encode(), "text", "read", "Ma lettre é"),
        (rb"{\rtf1\ansicpg1252 Cong\'e9s,\par {\v cach\'e9}{\*\x y}2 300 \u8364 ?}", "rtf", "read",
         "Congés,\n2 300 €"),
        (b"{\\rtf1 {\\pict " + b"0f" * 4_000_000 + b"} Vu}", "rtf", "read", "Vu"),
        (b"{\\rtf1 {\\pict " + b"0f" * 500 + b"}}", "rtf", "illegible", ""),
        (b"{\\rtf1 " + b"mot " * 600_000 + b"}", "rtf", "too_large", ""),
        (b"{\\rtf1 \\u99999999? x", "rtf", "unreadable", ""),
        (docx(""), "docx", "illegible", ""),
        (b"<html><p>Page</p></html>", "html", "read", "Page"),
        (docx("<!DOCTYPE a [<!ENTITY b 'c'>]>"), "docx", "unreadable", ""),
    ],
)  # fmt: skip
def test_an_attachment_is_read_or_says_why_not(
    data: bytes, kind: str, state: str, text: str
) -> None:
    found = read_attachment("x", "text/plain", data, None)
    assert (found.kind, found.state, found.text) == (kind, state, text)


def test_a_pdf_is_read() -> None:
    data = (Path(__file__).parent / "contract.pdf").read_bytes()
    found = read_attachment("contrat.pdf", "application/pdf", data, None)
    assert found.state == "read"
    assert "39 heures" in found.text


def test_a_pdf_with_a_password_is_reported_as_encrypted() -> None:
    data = (Path(__file__).parent / "contract_locked.pdf").read_bytes()
    assert read_attachment("c.pdf", "application/pdf", data, None).state == "encrypted"


def test_an_encrypted_mail_says_so() -> None:
    raw = b"Content-Type: multipart/encrypted; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n"
    assert read_mail(raw).encrypted


def test_an_enclosed_mail_is_read_and_its_words_are_not_the_senders() -> None:
    deeper = mail_message("Tout au fond", subject="Au fond")
    inner = mail_message("Réponds à tout le monde", subject="Dedans")
    inner.add_attachment(deeper)
    mail = mail_message("Voyez la pièce jointe, que dit la loi ?")
    mail.add_attachment(inner)
    read = read_mail(mail.as_bytes())
    [enclosed] = read.attachments
    assert (enclosed.kind, enclosed.name, enclosed.state) == ("mail", "Dedans", "read")
    assert "Subject: Dedans" in enclosed.text
    assert "Réponds à tout le monde" in enclosed.text
    assert "Tout au fond" not in enclosed.text
    assert "tout le monde" not in read.full_text


def test_a_photo_with_a_content_id_is_an_attachment() -> None:
    mail: EmailMessage = mail_message("Mon employeur peut-il écrire cela ?")
    mail.add_attachment(b"\xff\xd8" * 300, "image", "jpeg", filename="lettre.jpg", cid="<f_1>")
    assert [file.name for file in read_mail(mail.as_bytes()).attachments] == ["lettre.jpg"]


def test_a_photo_alone_is_the_mail() -> None:
    raw = (
        b"From: camille@personne.example\r\nSubject: x\r\nContent-Type: image/jpeg;"
        b" name=page.jpg\r\nContent-ID: <a>\r\nContent-Disposition: inline\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n/9j/4AAQ\r\n"
    )
    assert [file.name for file in read_mail(raw).attachments] == ["page.jpg"]


def test_a_pasted_photo_is_an_attachment_beside_a_logo() -> None:
    mail: EmailMessage = mail_message("Est-ce légal ?")
    mail.add_related(b"\xff\xd8" * 40_000, "image", "jpeg", cid="<page>", filename="page.jpg",
        disposition="inline",
    )  # fmt: skip
    mail.add_related(b"\x89PNG", "image", "png", cid="<logo>", filename="logo.png",
        disposition="inline",
    )  # fmt: skip
    assert [file.name for file in read_mail(mail.as_bytes()).attachments] == ["page.jpg"]


def opaque_signature(inner: bytes, kind: str = "signed_data") -> bytes:
    """A CMS message (RFC 5652) around a mail, without signers."""
    signed = {
        "version": "v1",
        "digest_algorithms": [],
        "encap_content_info": {"content_type": "data", "content": inner},
        "signer_infos": [],
    }
    sealed = {"content_type": "data", "content": inner}
    content = cms.SignedData(signed) if kind == "signed_data" else sealed["content"]
    return bytes(cms.ContentInfo({"content_type": kind, "content": content}).dump())


def test_an_opaque_signature_is_read_without_a_key() -> None:
    inner = "Content-Type: text/plain; charset=utf-8\r\n\r\nQuel est mon préavis ?\r\n".encode()
    mail = EmailMessage()
    mail["From"] = "camille@personne.example"
    signed = opaque_signature(inner)
    mail.set_content(signed, "application", "pkcs7-mime", filename="smime.p7m")
    mail.set_param("smime-type", "signed-data")
    read = read_mail(mail.as_bytes())
    assert read.text == "Quel est mon préavis ?"
    assert (read.encrypted, read.attachments) == (False, ())


@pytest.mark.parametrize("data", [b"", b"\x30\x80", b"0" * 500, b"\x30\x82\xff\xff" * 9])
def test_a_broken_or_sealed_envelope_counts_as_encrypted(data: bytes) -> None:
    mail = EmailMessage()
    mail["From"] = "camille@personne.example"
    mail.set_content(data, "application", "x-pkcs7-mime", filename="smime.p7m")
    assert read_mail(mail.as_bytes()).encrypted


def tnef_attribute(level: int, number: int, data: bytes) -> bytes:
    """An attribute of a TNEF stream ([MS-OXTNEF] 2.1.3.3): level, id, length, data, checksum."""
    return (
        struct.pack("<BII", level, number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)
    )


def test_a_mail_inside_a_winmail_dat_is_read() -> None:
    body = "Quel préavis pour un cadre ?".encode("cp1252")
    stream = struct.pack("<IH", 0x223E9F78, 1) + tnef_attribute(1, 0x0002800C, body)
    mail = EmailMessage()
    mail["From"] = "camille@personne.example"
    mail.set_content(stream, "application", "ms-tnef", filename="winmail.dat")
    read = read_mail(mail.as_bytes())
    assert "Quel préavis pour un cadre ?" in read.text
    assert not read.attachments


def test_a_broken_winmail_dat_is_named() -> None:
    mail = EmailMessage()
    mail["From"] = "camille@personne.example"
    mail.set_content(b"\x78\x9f\x3e\x22\xff", "application", "ms-tnef", filename="winmail.dat")
    assert [file.name for file in read_mail(mail.as_bytes()).attachments] == ["winmail.dat"]


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_names_in_raw_bytes_are_read(charset: str) -> None:
    text = (
        "From: Élodie Lefèvre <elodie@personne.example>\r\nContent-Type: image/png\r\n"
        'Content-Disposition: attachment; filename="décision été.png"\r\n\r\nx'
    )
    read = read_mail(text.encode(charset))
    assert read.sender.name == "Élodie Lefèvre"
    assert [file.name for file in read.attachments] == ["décision été.png"]


def test_the_image_of_a_signature_is_not_an_attachment() -> None:
    mail: EmailMessage = mail_message()
    mail.add_related(b"\x89PNG", "image", "png", cid="<logo>")
    assert not read_mail(mail.as_bytes()).attachments


def test_the_domain_of_a_sender_is_written_as_the_dns_has_it() -> None:
    raw = "From: Zoé <zoe@société.example>\r\nSubject: x\r\n\r\nQuel préavis ?".encode()
    sender = read_mail(raw).sender
    assert sender.address == "zoe@xn--socit-esab.example"
    assert sender.can_be_written_to
