"""Parses a received mail: sender, references, texts and attachments.

Parses anything: the standard library's compat32 parser never refuses a mail, and everything it
leaves undecoded is decoded here (its newer `default` policy raises on some real mails and takes
seconds on others). Verifies nothing: authentication.py does.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses

from mail_service.reading.attachments import Attachment, read_attachment
from mail_service.reading.encoded_words import decode_words
from mail_service.reading.markup import Page, read_html
from mail_service.reading.quoting import written_now
from shared.privacy.charset import decode

MAX_HEADER_CHARACTERS = 20_000
MAX_HEADERS = 500
MAX_PARTS = 200
MAX_BOUNDARIES = 5_000
MAX_ATTACHMENTS = 20
MAX_DEPTH = 10
MAX_TEXT_CHARACTERS = 200_000
MAX_TEXT_BYTES = 400_000
MAX_REFERENCES = 100
SHORT_REPLY_CHARACTERS = 20
"""Below this the whole text goes to the model too: a reply of two words needs its quote."""

MESSAGE_ID = re.compile(r"<[^<>\s]{1,500}>")
ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}"
)
"""What we ever write to: RFC 5321 without quoted local parts, so without spaces, CR or LF."""
DELIVERY_STATUS = "message/delivery-status"
ENCRYPTED_TYPES = {"multipart/encrypted", "application/pgp-encrypted"}
CALENDAR_METHOD = re.compile(r"^METHOD:(\w+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox and the name its owner shows; `address` is lower case and may be malformed."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Return what follows the last `@`."""
        return self.address.rpartition("@")[2]

    @property
    def local_part(self) -> str:
        """Return what precedes the last `@`, or all of it."""
        return self.address.rpartition("@")[0] or self.address

    @property
    def can_be_written_to(self) -> bool:
        """Return whether we accept this address in an envelope."""
        return ADDRESS.fullmatch(self.address) is not None


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
    def question(self) -> str:
        """Return what the model is to answer: the new text, or all of it when that is too short."""
        return self.text if len(self.text.strip()) >= SHORT_REPLY_CHARACTERS else self.full_text


@dataclass(slots=True)
class _Parts:
    """The parts collected while walking through a mail."""

    plain: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    content_types: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    calendar_method: str = ""
    encrypted: bool = False


def read_mail(raw: bytes) -> Mail:
    """Parse `raw`; never raises for its content."""
    read = _within_boundaries(raw)
    message = BytesParser(policy=compat32).parsebytes(read)
    headers = _headers(message)
    fields = dict(reversed(headers))
    parts = _Parts()
    if len(read) < len(raw):
        parts.cut.append("parts")
    if len(message.keys()) > MAX_HEADERS:
        parts.cut.append("headers")
    for part in _leaves(message, parts):
        _take(part, parts)
    full, reply, hidden = _texts(parts)
    senders = _addresses(message, "from")
    return Mail(
        headers=headers,
        message_id=next(iter(MESSAGE_ID.findall(fields.get("message-id", ""))), ""),
        references=_references(headers),
        sender=senders[0] if senders else Address("", fields.get("from", "")[:200].lower()),
        reply_to=_addresses(message, "reply-to"),
        recipients=_addresses(message, "to", "cc", "delivered-to", "x-original-to"),
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


def _within_boundaries(raw: bytes) -> bytes:
    """Return the mail up to a number of part boundaries no person's mail has."""
    at = -1
    for _ in range(MAX_BOUNDARIES):
        at = raw.find(b"\n--", at + 1)
        if at < 0:
            return raw
    return raw[:at]


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


def _addresses(message: Message, *names: str) -> tuple[Address, ...]:
    """Return the addresses in the fields, split before their encoded names are decoded."""
    raw = [
        " ".join(str(value)[:MAX_HEADER_CHARACTERS].split())
        for name, value in message.raw_items()
        if str(name).lower() in names
    ]
    try:
        pairs = getaddresses([value.encode("utf-8", "replace").decode() for value in raw])
    except RecursionError:  # comments in comments in comments
        pairs = [("", address) for value in raw for address in ADDRESS.findall(value)]
    return tuple(
        Address(decode_words(name)[:200], decode_words(address)[:320].strip().lower())
        for name, address in pairs[:MAX_PARTS]
        if address.strip()
    )


def _leaves(message: Message, parts: _Parts) -> Iterator[Message]:
    """Yield the parts that hold content, without recursion: nesting is the sender's choice."""
    waiting: list[tuple[Message, int]] = [(message, 0)]
    seen = 0
    while waiting:
        part, depth = waiting.pop()
        seen += 1
        content_type = part.get_content_type()
        parts.content_types.append(content_type)
        if content_type in ENCRYPTED_TYPES or _is_sealed(part):
            parts.encrypted = True
        if seen > MAX_PARTS or depth > MAX_DEPTH:
            parts.cut.append("parts" if seen > MAX_PARTS else "depth")
            if seen > MAX_PARTS:
                return
            continue
        # Of a part with content it would decode the charset, and raise for "idna" and the like.
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list):
            if content_type.startswith("message/") and depth:
                _name_enclosed(part, inner, parts)
                continue
            waiting += [(each, depth + 1) for each in reversed(inner) if isinstance(each, Message)]
        else:
            yield part


def _is_sealed(part: Message) -> bool:
    """Return whether the part is S/MIME ciphertext (RFC 8551); a signed mail is not."""
    if part.get_content_type() not in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        return False
    return str(part.get_param("smime-type", "enveloped-data")) != "signed-data"


def _name_enclosed(part: Message, inner: list[Message | str], parts: _Parts) -> None:
    """List an enclosed mail as an attachment; its author is not the sender."""
    enclosed = [each for each in inner if isinstance(each, Message)]
    parts.content_types += [each.get_content_type() for each in enclosed]
    if part.get_content_type() == DELIVERY_STATUS:
        parts.statuses += [str(each["status"]).strip()[:20] for each in enclosed if each["status"]]
    if part.get_content_type() == "message/rfc822" and len(parts.attachments) < MAX_ATTACHMENTS:
        subject = decode_words(str(enclosed[0].get("subject", ""))) if enclosed else ""
        parts.attachments.append(Attachment(subject[:200], "mail", 0, "named"))


def _take(part: Message, parts: _Parts) -> None:
    content_type = part.get_content_type()
    data = _content(part)
    charset = str(part.get_param("charset") or "") or None
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
    elif len(parts.attachments) >= MAX_ATTACHMENTS:
        parts.cut.append("attachments")
    elif content_type != "text/calendar" and not _is_decoration(part, content_type):
        parts.attachments.append(read_attachment(name, content_type, data, charset))


def _content(part: Message) -> bytes:
    """Return the decoded content; a broken transfer encoding yields what could be read."""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        del part["content-transfer-encoding"]
        payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _name(part: Message) -> str:
    try:
        return decode_words(part.get_filename() or "")
    except (ValueError, LookupError, TypeError):
        return ""


def _is_decoration(part: Message, content_type: str) -> bool:
    """Return whether this is an image of the HTML, or a signature, rather than a file for us."""
    inline = part.get("content-id") is not None and content_type.startswith("image/")
    return inline or content_type in {
        "application/pgp-signature",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-encrypted",
        "text/rfc822-headers",
        DELIVERY_STATUS,
    }


def _texts(parts: _Parts) -> tuple[str, str, str]:
    """Return the full text, the reply and the hidden text.

    The plain part is what a text client shows; the HTML's markup separates quotes more reliably, so
    the shorter reply of the two is used unless it is empty.
    """
    hidden = "\n".join(page.hidden for page in parts.pages if page.hidden)
    plain = "\n\n".join(text.strip() for text in parts.plain if text.strip())
    plain = plain[:MAX_TEXT_CHARACTERS]
    html = "\n\n".join(page.text for page in parts.pages if page.text)
    html_reply = "\n\n".join(page.reply for page in parts.pages if page.reply)
    if not plain:
        return html, written_now(html_reply or html), hidden
    reply = written_now(plain)
    from_html = written_now(html_reply) if html_reply else ""
    if from_html and len(from_html) < len(reply) and _words(from_html) <= _words(reply):
        reply = from_html
    return plain, reply, hidden


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
