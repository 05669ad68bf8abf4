"""Parses a received mail: sender, references, texts and attachments.

Parses anything: the standard library's compat32 parser never refuses a mail, and everything it
leaves undecoded is decoded here (its newer `default` policy raises on some real mails and takes
seconds on others). Verifies nothing: authentication.py does.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from functools import partial
from typing import Literal

from mail_service.reading.addresses import Address, read_addresses
from mail_service.reading.attachments import Attachment, read_attachment
from mail_service.reading.containers import SMIME_TYPES, is_tnef, read_tnef, signed_content
from mail_service.reading.encoded_words import decode_words
from mail_service.reading.markup import Page, read_html
from mail_service.reading.quoting import Quotes, written_now
from mail_service.reading.repairs import (
    charset_of,
    content_of,
    content_type_of,
    split_again,
    within_boundaries,
    without_boundary_words,
)
from shared.privacy.charset import decode

MAX_HEADER_CHARACTERS = 20_000
MAX_HEADERS = 500
MAX_PARTS = 200
MAX_ATTACHMENTS = 20
MAX_DEPTH = 10
MAX_TEXT_CHARACTERS = 200_000
MAX_TEXT_BYTES = 400_000
MAX_REFERENCES = 100
SHORT_REPLY_CHARACTERS = 20
"""Below this the whole text goes to the model too: a reply of two words needs its quote."""

MESSAGE_ID = re.compile(r"<[^<>\s]{1,500}>")
FILE_NAME = re.compile(r"""\b(?:file)?name\s*=\s*["']?([^"';\r\n]+)""", re.IGNORECASE)
ANSWERS = re.compile(
    r"\s*(?:re|rép|rep|réf|aw|antw|sv|vs|odp|ynt|回复|回覆|答复|ตอบกลับ)(?:\[\d+\])?\s?[:：]",
    re.IGNORECASE,
)
FORWARDS = re.compile(r"\s*(?:fwd?|tr|wg|rv|enc|i|doorst|vl|转发|轉寄|ส่งต่อ)\s?[:：]", re.IGNORECASE)
DELIVERY_STATUS = "message/delivery-status"
MIN_PHOTO_BYTES = 25_000
"""Logos in signatures are smaller; a photo of a page is larger."""
DECORATIONS = frozenset(
    {
        "application/pgp-signature", "application/pkcs7-signature",
        "application/x-pkcs7-signature", "application/pgp-encrypted", "text/rfc822-headers",
        DELIVERY_STATUS,
    }
)  # fmt: skip
"""Parts that are no file for us."""
ENCLOSED_FIELDS = ("From", "Date", "Subject")
ENCRYPTED_TYPES = {"multipart/encrypted", "application/pgp-encrypted"}
CALENDAR_METHOD = re.compile(r"^METHOD:(\w+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mail:
    """A parsed mail. Every text is free of NUL and invisible characters.

    `headers` holds every field, names in lower case, in the order received. `text` is what the
    sender wrote now, `full_text` all of it, `hidden_text` what only a machine would have read.
    """

    headers: tuple[tuple[str, str], ...]
    message_id: str
    references: tuple[str, ...]
    sender: Address
    reply_to: tuple[Address, ...]
    recipients: tuple[Address, ...]
    subject: str
    text: str
    full_text: str
    hidden_text: str
    content_types: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    size_bytes: int
    encrypted: bool = False
    calendar_method: str = ""
    delivery_statuses: tuple[str, ...] = ()
    """The Status fields of a delivery report (RFC 3464), such as 5.1.1."""
    cut: tuple[str, ...] = ()
    """Which limits were exceeded: headers, parts, depth, attachments, text."""

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of the field `name` (lower case), topmost first."""
        return tuple(value for key, value in self.headers if key == name)

    def has_any(self, names: Container[str]) -> bool:
        """Return whether the header has one of the fields `names` (lower case)."""
        return any(key in names for key, _ in self.headers)

    def first(self, name: str) -> str:
        """Return the topmost value of the field, or an empty string."""
        return next(iter(self.all(name)), "")

    @property
    def keeps_subject(self) -> bool:
        """Return whether the subject is that of the mail it answers: marked so, or empty."""
        return not self.subject.strip() or ANSWERS.match(self.subject) is not None

    @property
    def question(self) -> str:
        """Return what the model is to answer: the new text, or all of it when that is too short."""
        return self.text if len(self.text.strip()) >= SHORT_REPLY_CHARACTERS else self.full_text


@dataclass(slots=True)
class _Parts:
    """The parts collected while walking through a mail."""

    plain: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    inline_images: list[Attachment] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    calendar_method: str = ""
    encrypted: bool = False
    enclosed: bool = False
    """Whether these are the parts of a mail inside another."""


def read_mail(raw: bytes) -> Mail:
    """Parse `raw`; never raises for its content."""
    read = within_boundaries(raw)
    message = BytesParser(policy=compat32).parsebytes(without_boundary_words(read))
    headers = _headers(message)
    fields = dict(reversed(headers))
    parts = _Parts()
    if len(read) < len(raw):
        parts.cut.append("parts")
    if len(message.keys()) > MAX_HEADERS:
        parts.cut.append("headers")
    for part in _leaves(message, parts):
        _take(part, parts)
    full, reply, hidden = _texts(parts, _quotes(fields))
    if not full:  # the image is the mail
        parts.attachments += parts.inline_images[: MAX_ATTACHMENTS - len(parts.attachments)]
    senders = read_addresses(message.raw_items(), "from")
    return Mail(
        headers=headers,
        message_id=next(iter(MESSAGE_ID.findall(fields.get("message-id", ""))), ""),
        references=_references(headers),
        sender=senders[0] if senders else Address("", fields.get("from", "")[:200].lower()),
        reply_to=read_addresses(message.raw_items(), "reply-to"),
        recipients=read_addresses(message.raw_items(), "to", "cc", "delivered-to", "x-original-to"),
        subject=fields.get("subject", "")[:500],
        text=reply[:MAX_TEXT_CHARACTERS],
        full_text=full[:MAX_TEXT_CHARACTERS],
        hidden_text=hidden[:MAX_TEXT_CHARACTERS],
        content_types=tuple(dict.fromkeys(parts.content_types)),
        attachments=tuple(parts.attachments),
        size_bytes=len(raw),
        encrypted=parts.encrypted,
        calendar_method=parts.calendar_method,
        delivery_statuses=tuple(parts.statuses[:MAX_PARTS]),
        cut=tuple(dict.fromkeys(parts.cut)),
    )


def _headers(message: Message) -> tuple[tuple[str, str], ...]:
    found = list(message.raw_items())[:MAX_HEADERS]
    return tuple(
        (str(name).lower(), decode_words(str(value)[:MAX_HEADER_CHARACTERS]))
        for name, value in found
    )


def _references(headers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the ids this mail answers, the oldest first, each once."""
    order = {"references": 0, "in-reply-to": 1}
    found = sorted((field for field in headers if field[0] in order), key=lambda f: order[f[0]])
    ids = [name for _, value in found for name in MESSAGE_ID.findall(value)]
    return tuple(dict.fromkeys(ids))[-MAX_REFERENCES:]


def _leaves(message: Message, parts: _Parts) -> Iterator[Message]:
    """Yield the parts that hold content, without recursion: nesting is the sender's choice."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    seen = 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        content_type = content_type_of(part)
        parts.content_types.append(content_type)
        opened = _opened(part, content_type)
        if content_type in ENCRYPTED_TYPES or (content_type in SMIME_TYPES and opened is None):
            parts.encrypted = True
        if seen > MAX_PARTS or depth > MAX_DEPTH:
            parts.cut.append("parts" if seen > MAX_PARTS else "depth")
            if seen > MAX_PARTS:
                return
            continue
        if opened is not None:
            waiting.append((opened, depth + 1))
            continue
        # Of a part with content it would decode the charset, and raise for "idna" and the like.
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list):
            if content_type.startswith("message/") and depth:
                _take_enclosed(part, inner, parts)
                continue
            waiting += [(each, depth + 1) for each in reversed(inner) if isinstance(each, Message)]
        else:
            yield part


def _opened(part: Message, content_type: str) -> Message | None:
    """Return what an opaque signature holds, or a part whose MIME had to be repaired."""
    if content_type not in SMIME_TYPES:
        return split_again(part)
    signed = signed_content(content_of(part))
    if signed is None:
        return None
    return _mail(signed)


def _take_enclosed(part: Message, inner: list[Message | str], parts: _Parts) -> None:
    """List an enclosed mail as an attachment, with its text; its author is not the sender."""
    enclosed = [each for each in inner if isinstance(each, Message)]
    parts.content_types += [each.get_content_type() for each in enclosed]
    if part.get_content_type() == DELIVERY_STATUS:
        parts.statuses += [str(each["status"]).strip()[:20] for each in enclosed if each["status"]]
    if part.get_content_type() != "message/rfc822" or not enclosed:
        return
    mail = enclosed[0]
    if not mail.keys() and part["content-transfer-encoding"]:
        # In Base64, which RFC 2046, 5.2.1, forbids and some clients use.
        mail["Content-Transfer-Encoding"] = part["content-transfer-encoding"]
        mail = _mail(content_of(mail))
    _list_enclosed(mail, parts)


def _mail(raw: bytes) -> Message:
    return BytesParser(policy=compat32).parsebytes(within_boundaries(raw))


def _list_enclosed(enclosed: Message, parts: _Parts) -> None:
    if len(parts.attachments) >= MAX_ATTACHMENTS:
        parts.cut.append("attachments")
        return
    fields = dict(reversed(_headers(enclosed)))
    name, text = fields.get("subject", "")[:200], _enclosed_text(enclosed, fields, parts)
    state: Literal["read", "named"] = "read" if text.strip() else "named"
    parts.attachments.append(Attachment(name, "mail", len(text.encode()), state, text))


def _enclosed_text(enclosed: Message, fields: Mapping[str, str], parts: _Parts) -> str:
    """Return who wrote an enclosed mail, when, and what; mails inside of it are only named."""
    if parts.enclosed:
        return ""
    own = _Parts(enclosed=True)
    for leaf in _leaves(enclosed, own):
        _take(leaf, own)
    text = _texts(own, "none")[0][:MAX_TEXT_CHARACTERS]
    head = [f"{name}: {fields[name.lower()]}" for name in ENCLOSED_FIELDS if name.lower() in fields]
    return "\n".join((*head, "", text)) if text.strip() else ""


def _take(part: Message, parts: _Parts) -> None:
    content_type = content_type_of(part)
    data = content_of(part)
    charset = charset_of(part)
    name = _name(part)
    if content_type == "text/calendar":
        method = CALENDAR_METHOD.search(decode(data[:4096]))
        parts.calendar_method = str(
            part.get_param("method") or (method[1] if method else "")
        ).upper()
    disposition = str(part.get("content-disposition", "")).strip().lower()
    is_body = not disposition.startswith("attachment") and not (
        name and content_type != "text/html"
    )
    if is_body and content_type == "text/plain":
        if len(data) > MAX_TEXT_BYTES:
            parts.cut.append("text")
        parts.plain.append(decode(data[:MAX_TEXT_BYTES], charset))
    elif is_body and content_type == "text/html":
        parts.pages.append(read_html(decode(data, charset)))
    elif _take_wrapped(name, content_type, data, parts):
        return
    elif len(parts.attachments) >= MAX_ATTACHMENTS:
        parts.cut.append("attachments")
    elif content_type != "text/calendar" and content_type not in DECORATIONS:
        small = _is_inline_image(part, content_type) and len(data) < MIN_PHOTO_BYTES
        taken = parts.inline_images if small else parts.attachments
        taken.append(read_attachment(name, content_type, data, charset))


def _take_wrapped(name: str, content_type: str, data: bytes, parts: _Parts) -> bool:
    """Take a mail sent as a file, or what a winmail.dat holds; whether there was one."""
    if name.lower().endswith(".eml"):
        _list_enclosed(_mail(data), parts)
        return True
    wrapped = read_tnef(data) if is_tnef(content_type, name) else None
    if wrapped is None:
        return False
    if wrapped.plain.strip():
        parts.plain.append(wrapped.plain[:MAX_TEXT_BYTES])
    if wrapped.html.strip():
        parts.pages.append(read_html(wrapped.html))
    for name, content in wrapped.files[: MAX_ATTACHMENTS - len(parts.attachments)]:
        parts.attachments.append(read_attachment(name, "", content, None))
    return True


def _name(part: Message) -> str:
    try:
        return decode_words(_raw_name(part) or part.get_filename() or "")
    except (ValueError, LookupError, TypeError):
        return ""


def _raw_name(part: Message) -> str:
    """Return a file name that was written in bytes without an encoding (against RFC 2231)."""
    for field_name, value in part.raw_items():
        if str(field_name).lower() in {"content-disposition", "content-type"}:
            found = FILE_NAME.search(str(value)[:MAX_HEADER_CHARACTERS])
            if found and not found[1].isascii():
                return decode(found[1].encode("utf-8", "surrogateescape"))
    return ""


def _is_inline_image(part: Message, content_type: str) -> bool:
    """Return whether this is an image that the HTML shows: a logo, or a photo pasted into it.

    Gmail and Outlook give a Content-ID to attached photos too.
    """
    disposition = str(part.get("content-disposition", "")).strip().lower()
    named = part.get("content-id") is not None or disposition.startswith("inline")
    return named and content_type.startswith("image/") and not disposition.startswith("attachment")


def _quotes(fields: Mapping[str, str]) -> Quotes:
    """Return which quoted mails are cut: of a mail that forwards one, none."""
    subject = fields.get("subject", "")
    if FORWARDS.match(subject):
        return "none"
    answers = "in-reply-to" in fields or "references" in fields or ANSWERS.match(subject)
    return "any" if answers else "marked"


def _texts(parts: _Parts, quotes: Quotes) -> tuple[str, str, str]:
    """Return the full text, the reply and the hidden text.

    The plain part is what a text client shows; the HTML's markup separates quotes more reliably, so
    the shorter reply of the two is used unless it is empty.
    """
    hidden = "\n".join(page.hidden for page in parts.pages if page.hidden)
    plain = "\n\n".join(text.strip() for text in parts.plain if text.strip())
    plain = plain[:MAX_TEXT_CHARACTERS]
    html = "\n\n".join(page.text for page in parts.pages if page.text)
    replies = (page.unsigned if quotes == "none" else page.reply for page in parts.pages)
    html_reply = "\n\n".join(filter(None, replies))
    written = partial(written_now, quotes=quotes)
    if not plain:
        return html, written(html_reply or html), hidden
    reply = written(plain)
    from_html = written(html_reply) if html_reply else ""
    if from_html and len(from_html) < len(reply) and _words(from_html) <= _words(reply):
        reply = from_html
    return plain, reply, hidden


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
