"""Thirty ways of sending a letter, for `./neo bench letters`: clients, charsets, encodings, quotes.

A form takes a letter and returns the bytes of the mail. Long because it is a list.
"""

import base64
import html
import quopri
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from email.header import Header

from shared.languages import Language

Form = Callable[["Letter"], bytes]
ANSWER = ("Un mois de préavis, selon votre convention.", "Êtes-vous cadre ?", "Neo")
ID = "<r-earlier@neo.example>"
REPLIES = {
    "fr": "Le mar. 3 nov. 2026 à 10:02, Neo <q@neo.example> a écrit :",
    "en": "On Tue, Nov 3, 2026 at 10:02 AM Neo <q@neo.example> wrote:",
    "th": "ในวันที่ อ. 3 พ.ย. 2026 เวลา 10:02 Neo <q@neo.example> เขียนว่า:",
    "zh": "Neo <q@neo.example> 于2026年11月3日周二 10:02写道：",
}
WRAPPED = {
    "fr": "Le mar. 3 nov. 2026 à 10:02, Les questions du\ntravail <q@neo.example> a\nécrit :",
    "en": "On Tue, Nov 3, 2026 at 10:02 AM Labour Law Questions <\nq@neo.example>\nwrote:",
    "th": "ในวันที่ อ. 3 พ.ย. 2026 เวลา 10:02 Neo <\nq@neo.example> เขียนว่า:",
    "zh": "Neo <q@neo.example>\n于2026年11月3日周二 10:02写道：",
}
FIELDS = {
    "fr": ("De :", "Envoyé :", "À :", "Objet :", "mardi 3 novembre 2026 10:02"),
    "en": ("From:", "Sent:", "To:", "Subject:", "Tuesday, November 3, 2026 10:02 AM"),
    "th": ("จาก:", "ส่ง:", "ถึง:", "เรื่อง:", "3 พฤศจิกายน 2569 10:02"),
    "zh": ("发件人:", "发送时间:", "收件人:", "主题:", "2026年11月3日 10:02"),
}
DEVICES = {
    "fr": "Envoyé de mon iPhone", "en": "Sent from my Galaxy",
    "th": "ส่งจาก iPhone ของฉัน", "zh": "发自我的iPhone",
}  # fmt: skip
LEGACY = {"fr": "iso-8859-15", "en": "iso-8859-1", "th": "windows-874", "zh": "gb18030"}
OTHER = {"fr": "macintosh", "en": "windows-1252", "th": "tis-620", "zh": "gb2312"}
PYTHON = {
    "iso-8859-1": "cp1252",
    "windows-874": "cp874",
    "macintosh": "mac-roman",
    "tis-620": "iso8859-11",
    "gb2312": "gb18030",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody wrote: the paragraphs of a letter; `asked` are those that must arrive."""

    language: Language
    name: str
    subject: str
    lines: tuple[str, ...]
    asked: tuple[str, ...]

    @property
    def body(self) -> str:
        """Return the letter as typed."""
        return "\n\n".join(self.lines)


def mail(
    letter: Letter,
    body: bytes,
    kind: str = "text/plain; charset=utf-8",
    encoding: str = "8bit",
    *,
    mark: str = "",
) -> bytes:
    """Return a mail with this body; `mark` stands before the subject, and makes it a reply."""
    name = Header(letter.name, "utf-8").encode()
    subject = Header(mark + letter.subject, "utf-8").encode()
    thread = f"In-Reply-To: {ID}\nReferences: {ID}\n" if mark.startswith("Re") else ""
    head = (
        f"From: {name} <someone@personne.example>\nTo: questions@neo.example\nSubject: {subject}\n"
        f"Message-ID: <1@personne.example>\n{thread}MIME-Version: 1.0\n"
    )
    fields = f"Content-Type: {kind}\n" if kind else ""
    fields += f"Content-Transfer-Encoding: {encoding}\n" if encoding else ""
    return f"{head}{fields}\n".encode() + body


def coded(letter: Letter, charset: str) -> bytes:
    """Return the letter in a charset, or in the larger one that senders mean by its name."""
    return letter.body.encode(PYTHON.get(charset, charset))


def reply(letter: Letter, below: str, above: str = "") -> bytes:
    """Return a plain reply with this below it."""
    return mail(letter, f"{letter.body}\n{above}\n{below}\n".encode(), mark="Re: ")


def marked(intro: str) -> str:
    """Return a quote of our answer in `>` marks below its introduction."""
    return intro + "\n\n" + "\n".join(f"> {line}" for line in ANSWER)


def block(letter: Letter, rule: str = "") -> str:
    """Return our answer below a block of fields, without marks."""
    sender, sent, to, subject, day = FIELDS[letter.language]
    fields = (f"{sender} Neo <q@neo.example>", f"{sent} {day}", f"{to} x@personne.example")
    return "\n".join((rule, *fields, f"{subject} {letter.subject}", "", *ANSWER))


def page(letter: Letter, tag: str = "p", attributes: str = "", below: str = "") -> str:
    """Return the letter as HTML, a tag per paragraph."""
    inside = "".join(f"<{tag}{attributes}>{html.escape(line)}</{tag}>" for line in letter.lines)
    return f"<html><head><style>p{{margin:0}}</style></head><body>{inside}{below}</body></html>"


def html_mail(letter: Letter, text: str, mark: str = "") -> bytes:
    """Return a mail that is only HTML."""
    body = quopri.encodestring(text.encode())
    return mail(letter, body, "text/html; charset=utf-8", "quoted-printable", mark=mark)


def alternative(
    letter: Letter, plain: str, text: str, *, mark: str = "", boundary: str = "b1_x", line: str = ""
) -> bytes:
    """Return a mail of two formats; `line` is what its body has for a boundary, if another."""
    at = f"--{line or 'b1_x'}\n"
    kinds = ("text/plain", plain), ("text/html", text)
    parts = "".join(f"{at}Content-Type: {kind}; charset=utf-8\n\n{part}\n" for kind, part in kinds)
    kind = f'multipart/alternative; boundary="{boundary}"'
    return mail(letter, f"{parts}--b1_x--\n".encode(), kind, "", mark=mark)


def quoted_html(letter: Letter, opening: str, closing: str) -> bytes:
    """Return an HTML reply whose quote is in these tags."""
    answer = "".join(f"<p>{html.escape(line)}</p>" for line in ANSWER)
    intro = html.escape(REPLIES[letter.language])
    return html_mail(
        letter, page(letter, "div", below=opening.format(intro) + answer + closing), "Re: "
    )


def flowed(letter: Letter) -> bytes:
    """Return the letter with soft line ends (RFC 3676)."""
    lines = []
    for line in letter.lines:
        wrapped = textwrap.wrap(line, 60, break_long_words=False) or [""]
        lines += [*(f"{each} " for each in wrapped[:-1]), wrapped[-1], ""]
    return mail(letter, "\n".join(lines).encode(), "text/plain; charset=utf-8; format=flowed")


def signed_html(letter: Letter) -> bytes:
    """Return a mail as Gmail writes it, with a signature in its markup."""
    signature = '<div class="gmail_signature" data-smartmail="gmail_signature">Example SARL</div>'
    plain = f"{letter.body}\n\n-- \nExample SARL\n06 12 34 56 78"
    text = page(
        letter, "div", ' dir="auto"', '<span class="gmail_signature_prefix">-- </span>' + signature
    )
    return alternative(letter, plain, text)


def forwarded(letter: Letter) -> bytes:
    """Return the letter as a colleague forwards it."""
    sender, sent, to, subject, day = FIELDS[letter.language]
    fields = f"{sender} x@personne.example\n{sent} {day}\n{to} moi\n{subject} {letter.subject}"
    return mail(letter, f"?\n\n{fields}\n\n{letter.body}".encode(), mark="TR: ")


def enclosed(letter: Letter) -> bytes:
    """Return the letter inside of an empty mail."""
    inner = mail(letter, letter.body.encode())
    body = b"--b1\nContent-Type: message/rfc822\n\n" + inner + b"\n--b1--\n"
    return mail(letter, body, "multipart/mixed; boundary=b1", "")


def undeclared(letter: Letter) -> bytes:
    """Return the bytes of an old program that names no charset."""
    charset = "windows-1252" if letter.language in {"fr", "en"} else "utf-8"
    return mail(letter, coded(letter, charset), "text/plain")


def gmail(letter: Letter) -> bytes:
    """Return a reply of Gmail in two formats."""
    quote = (
        f'<div class="gmail_quote"><div class="gmail_attr">{html.escape(REPLIES[letter.language])}'
    )
    below = f'{quote}</div><blockquote class="gmail_quote">{"<br>".join(ANSWER)}</blockquote></div>'
    plain = f"{letter.body}\n\n{marked(REPLIES[letter.language])}"
    return alternative(letter, plain, page(letter, "div", below=below), mark="Re: ")


ORANGE = (
    '> Message du 03/11/26 10:02\n> De : "Neo" <q@neo.example>\n> A : x@personne.example\n'
    "> Copie à : \n> Objet : Re: votre message\n>\n" + "\n".join(f"> {line}" for line in ANSWER)
)
SFR = (
    "========================================\n\nMessage du : 03/11/2026 10:02\n"
    'De : "Neo" <q@neo.example>\nA : x@personne.example\nCopie à : \nSujet : Re: votre message\n\n'
    + "\n".join(ANSWER)
)
QQ = (
    '------------------ 原始邮件 ------------------\n发件人: "Neo" <q@neo.example>;\n'
    '发送时间: 2026年11月3日(星期二) 上午10:02\n收件人: "x"<x@personne.example>;\n'
    "主题: Re: 您的来信\n\n" + "\n".join(ANSWER)
)
RULE = "________________________________"

FORMS: dict[str, Form] = {
    "plain": lambda letter: mail(letter, letter.body.encode()).replace(b"\n", b"\r\n"),
    "quoted-printable, space behind": lambda letter: mail(
        letter, quopri.encodestring(letter.body.encode()), encoding="QUOTED-PRINTABLE "
    ),
    "Base64 with a footer": lambda letter: mail(
        letter,
        base64.encodebytes(letter.body.encode()) + b"\n_____\nThis list: see its site.\n",
        encoding="base64",
    ),
    "old charset": lambda letter: mail(
        letter,
        coded(letter, LEGACY[letter.language]),
        f"text/plain; charset={LEGACY[letter.language]}",
    ),
    "other charset": lambda letter: mail(
        letter,
        base64.encodebytes(coded(letter, OTHER[letter.language])),
        f'text/plain; charset="{OTHER[letter.language].upper()}"',
        "base64",
    ),
    "UTF-8 as ASCII": lambda letter: mail(
        letter, letter.body.encode(), "text/plain; charset=us-ascii"
    ),
    "no charset": undeclared,
    "no MIME": lambda letter: mail(letter, letter.body.encode(), "", ""),
    "type without semicolon": lambda letter: mail(
        letter, letter.body.encode(), "text/plain charset=utf-8"
    ),
    "format=flowed": flowed,
    "Outlook HTML": lambda letter: html_mail(letter, page(letter, "p", ' class="MsoNormal"')),
    "telephone HTML": lambda letter: html_mail(letter, page(letter, "div", ' dir="auto"')),
    "small HTML": lambda letter: html_mail(letter, page(letter, "p", ' style="font-size:.9em"')),
    "numeric entities": lambda letter: mail(
        letter, page(letter).encode("ascii", "xmlcharrefreplace"), "text/html; charset=us-ascii"
    ),
    "two formats": lambda letter: alternative(letter, letter.body, page(letter)),
    "boundary with words": lambda letter: alternative(
        letter, letter.body, page(letter), line="b1_x next part"
    ),
    "boundary folded": lambda letter: alternative(
        letter, letter.body, page(letter), boundary="b1\n _x"
    ),
    "Gmail's reply": gmail,
    "a wrapped introduction": lambda letter: reply(letter, marked(WRAPPED[letter.language])),
    "an unmarked quote": lambda letter: reply(
        letter, "\n".join((REPLIES[letter.language], "", *ANSWER))
    ),
    "Outlook's reply": lambda letter: reply(letter, block(letter, RULE)),
    "Outlook's HTML reply": lambda letter: quoted_html(
        letter, '<hr><div id="divRplyFwdMsg"><b>{}</b></div><div>', "</div>"
    ),
    "Apple's reply": lambda letter: quoted_html(
        letter, '<div>{}</div><blockquote type="cite">', "</blockquote>"
    ),
    "Orange's reply": lambda letter: reply(letter, ORANGE),
    "SFR's reply": lambda letter: reply(letter, SFR),
    "QQ's reply": lambda letter: reply(letter, QQ),
    "a telephone's line and a signature": lambda letter: reply(
        letter, marked(REPLIES[letter.language]), f"\n{DEVICES[letter.language]}\n"
    ),
    "Gmail's signature": signed_html,
    "forwarded": forwarded,
    "enclosed": enclosed,
}
