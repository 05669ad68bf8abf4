"""Our letters: what an answer looks like as a mail, in two languages, as text and as HTML.

Recipient, subject and headers come from code and from the mail that is answered, never from the
model. No remote content. The bytes made here are the ones that are sent, or none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from pathlib import Path
from textwrap import wrap

import css_inline
import dkim
import jinja2

from mail_service.errors import NotWritable
from mail_service.ledger.store import Kind, Outgoing
from mail_service.reading.attachments import Attachment
from mail_service.reading.message import Mail
from mail_service.reply.prose import Block, blocks, is_official
from mail_service.rules.ours import LOOP_FIELD
from shared.ai.contract import ChatReply, Citation
from shared.clock import PARIS
from shared.languages import Language
from shared.privacy.encryption import Encryption
from shared.texts import Texts, date_in_words

HERE = Path(__file__).parents[1]
REPLY_PREFIX = re.compile(
    r"\s*(?:(?:re|ré|réf|tr|fwd?|aw|wg|rv|sv|vs|antw|i|rif)\s*(?:\[\d+\])?\s*[:：]\s*)+",
    re.IGNORECASE,
)
PLAIN_NAME = re.compile(r"[^\W\d_][^\W\d_'’. -]*(?:[ '’.-]{1,2}[^\W\d_]+\.?){0,5}")
TIGHT_SPACE = re.compile(r"(?<=«) | (?=[?!:;»])|(?<=\b[LRD]\.) (?=\d)")
"""Spaces at which a line is not folded: of French punctuation, and in an article's number."""
LEAD = re.compile(r"[>-] |\[\d+\] | *")
TOKEN = re.compile(r"\+r(\d{1,18})\.[0-9a-f]{16}@")
MAX_NAME = 60
MAX_SUBJECT = 200
MAX_REFERENCES = 20
QUOTED_LINES = 30
TEXT_WIDTH = 76
SIGNED_FIELDS = (
    b"from to reply-to subject date message-id in-reply-to references auto-submitted mime-version "
    b"content-type"
).split()


@dataclass(frozen=True, slots=True)
class Signer:
    """A DKIM key (RFC 6376)."""

    selector: str
    domain: str
    key: bytes

    def sign(self, content: bytes) -> bytes:
        """Return the mail with a signature in front."""
        signature: bytes = dkim.sign(
            content,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            include_headers=list(SIGNED_FIELDS),
        )
        return signature + content


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes."""

    name: str
    address: str
    privacy_url: str = ""
    text_days: int = 30
    plus_addresses: bool = False
    signer: Signer | None = None

    @property
    def domain(self) -> str:
        """Return the domain of our address."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says, apart from the frame around it."""

    blocks: tuple[Block, ...] = ()
    sources: tuple[dict[str, str], ...] = ()
    clarification: str = ""
    contact: dict[str, str] | None = None
    files: tuple[str, ...] = ()
    corpus_date: str = ""
    notice: str = ""


class Composer:
    """Writes our letters. Opening one reads files: not in the event loop."""

    def __init__(self, letterhead: Letterhead, vault: Encryption) -> None:
        self._head = letterhead
        self._vault = vault
        self._texts = Texts.read(HERE / "texts" / "reply.toml")
        options = {"trim_blocks": True, "lstrip_blocks": True, "undefined": jinja2.StrictUndefined}
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=jinja2.select_autoescape(["html.j2"]),
            **options,  # type: ignore[arg-type]
        )
        self._text_template = environment.get_template("reply.txt.j2")
        self._html_template = environment.get_template("reply.html.j2")
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)

    def message_id(self, mail_id: int, kind: Kind) -> str:
        """Return the Message-ID of our letter: the same each time it is asked for."""
        mark = self._vault.fingerprint(f"{mail_id}.{kind}", "our message id").hex()[:16]
        return f"<r-{mark}.{mail_id}.{kind}@{self._head.domain}>"

    def is_ours(self, message_id: str) -> bool:
        """Tell whether we made this Message-ID."""
        found = re.fullmatch(
            r"<r-[0-9a-f]{16}\.(\d{1,18})\.(reply|holding|erasure)@.+>", message_id
        )
        return found is not None and message_id == self.message_id(int(found[1]), found[2])  # type: ignore[arg-type]

    def reply_address(self, mail_id: int) -> str:
        """Return where to answer our letter about a mail: our address, with a token (RFC 5233)."""
        mark = self._vault.fingerprint(str(mail_id), "our reply address").hex()[:16]
        local, _, domain = self._head.address.rpartition("@")
        return f"{local}+r{mail_id}.{mark}@{domain}"

    def referred(self, mail: Mail) -> Mail:
        """Return a mail with those of our replies among its references whose address it bears.

        Who may continue a conversation is asked as of any reference: a token travels with every
        forward.
        """
        found = [TOKEN.search(each.address) for each in mail.recipients]
        numbers = {
            int(token[1])
            for token in found
            if token and token.string == self.reply_address(int(token[1])).lower()
        }
        ours = [self.message_id(number, "reply") for number in sorted(numbers)]
        return replace(mail, references=tuple(dict.fromkeys((*mail.references, *ours))))

    def answer(
        self, mail: Mail, reply: ChatReply, language: Language, *, reviewed: bool = False
    ) -> Answer:
        """Return what ai_core answered as a letter says it."""
        say = partial(self._texts.say, language=language)
        contact = reply.abstained.contact if reply.abstained else None
        return Answer(
            blocks=_said_once(reply, blocks(reply.response, say("link_removed"))),
            sources=tuple(self._source(reply, language)),
            clarification=say("to_be_precise", question=reply.clarification)
            if reply.clarification
            else "",
            contact={"words": say("contact", name=contact.name), "url": contact.url}
            if contact
            else None,
            files=self.unread_files(mail.attachments, language),
            corpus_date=say("corpus_date", day=date_in_words(reply.corpus_date, language))
            if reply.corpus_date
            else "",
            notice=say("ai_notice_reviewed" if reviewed else "ai_notice"),
        )

    def notice(self, key: str, language: Language, now: datetime, **facts: str | int) -> ChatReply:
        """Return a fixed sentence of ours in the form of an answer."""
        return ChatReply(
            response=self._texts.say(key, language, **facts),
            model="none",
            tokens_used=0,
            processing_time=0.0,
            timestamp=now,
            citations=[],
            corpus_date=None,
            notice="",
            conversation_id="",
        )

    def unread_files(self, files: Sequence[Attachment], language: Language) -> tuple[str, ...]:
        """Return a sentence for each attachment that could not be read."""
        nameless = self._texts.say("file_without_name", language)
        return tuple(
            self._texts.say(f"file_{file.state}", language, name=file.name or nameless)
            for file in files
            if file.state != "read" and file.kind != "mail"
        )

    def write(
        self,
        mail: Mail,
        mail_id: int,
        kind: Kind,
        answer: Answer,
        language: Language,
        now: datetime,
        copied: bytes = b"",
    ) -> Outgoing:
        """Return the letter, frozen; `copied` goes along as a JSON file.

        Raises NotWritable when the sender cannot be written to.
        """
        if not mail.sender.can_be_written_to:
            raise NotWritable
        letter = EmailMessage(policy=SMTP)
        subject = reply_subject(mail.subject)
        self._address(letter, mail, mail_id, kind, subject, now)
        letter["Content-Language"] = language
        facts = self._facts(mail, answer, language, subject)
        text = self._text_template.render(facts)
        html = self._html_template.render(facts)
        letter.set_content(_wrapped(text), cte="quoted-printable")
        letter.add_alternative(self._inliner.inline(html), "html", cte="quoted-printable")
        if copied:
            name = self._texts.say("copy_file_name", language)
            letter.add_attachment(copied, "application", "json", filename=name)
        content = letter.as_bytes()
        if self._head.signer:
            content = self._head.signer.sign(content)
        token = self._vault.fingerprint(f"{mail_id}.{kind}", "envelope").hex()[:20]
        return Outgoing(kind, self.message_id(mail_id, kind), token, mail.sender.address, content)

    def _address(
        self,
        letter: EmailMessage,
        mail: Mail,
        mail_id: int,
        kind: Kind,
        subject: str,
        now: datetime,
    ) -> None:
        head = self._head
        letter["From"] = HeaderAddress(head.name, addr_spec=head.address)
        if head.plus_addresses:
            letter["Reply-To"] = HeaderAddress(head.name, addr_spec=self.reply_address(mail_id))
        letter["To"] = HeaderAddress(plain_name(mail.sender.name), addr_spec=mail.sender.address)
        letter["Subject"] = subject
        letter["Date"] = format_datetime(now)
        letter["Message-ID"] = self.message_id(mail_id, kind)
        if mail.message_id:
            letter["In-Reply-To"] = mail.message_id
            letter["References"] = " ".join(_references(mail))
        letter["Auto-Submitted"] = "auto-replied"  # RFC 3834
        letter["X-Auto-Response-Suppress"] = "All"
        letter[LOOP_FIELD.title()] = head.domain
        letter["X-AI-Generated"] = "yes"

    def _facts(
        self, mail: Mail, answer: Answer, language: Language, subject: str
    ) -> dict[str, object]:
        say = partial(self._texts.say, language=language)
        name = plain_name(mail.sender.name)
        quoted = [line.rstrip() for line in mail.text.strip().splitlines()][:QUOTED_LINES]
        day = said_date_field(mail.first("date"), language)
        return {
            "say": say,
            "language": language,
            "subject": subject,
            "hello": say("hello", name=name) if name else say("hello_nobody"),
            "notice": answer.notice,
            "blocks": answer.blocks,
            "clarification": answer.clarification,
            "contact": answer.contact,
            "files": answer.files,
            "sources": answer.sources,
            "corpus_date": answer.corpus_date,
            "signature": self._head.name,
            "erase_how": say("erase_how", days=self._head.text_days),
            "privacy_url": self._head.privacy_url,
            "question": quoted,
            "you_wrote": say("you_wrote", day=day) if day else say("your_message"),
        }

    def _source(self, reply: ChatReply, language: Language) -> Sequence[dict[str, str]]:
        return [
            {
                "title": _title(source),
                "url": source.url,
                "in_force": self._texts.say(
                    "in_force", language, day=date_in_words(source.in_force_since, language)
                )
                if source.in_force_since
                else "",
            }
            for source in reply.citations
            if is_official(source.url)
        ]


def clean_subject(subject: str) -> str:
    """Return a subject without its Re:, TR:, Fwd: prefixes, on one line."""
    return REPLY_PREFIX.sub("", " ".join(subject.split()), count=1)[:MAX_SUBJECT]


def reply_subject(subject: str) -> str:
    """Return the subject of an answer."""
    return f"Re: {clean_subject(subject)}".strip()


def plain_name(name: str) -> str:
    """Return a name fit for a greeting; empty when it is not clearly one."""
    stripped = " ".join(name.split()).strip("\"'")
    return stripped if len(stripped) <= MAX_NAME and PLAIN_NAME.fullmatch(stripped) else ""


def said_date_field(value: str, language: Language) -> str:
    """Return the day of a Date field in words; empty when it cannot be read."""
    try:
        moment = parsedate_to_datetime(value)
        return date_in_words(moment.astimezone(PARIS).date(), language)
    except (ValueError, TypeError, OverflowError, IndexError):
        return ""


def _said_once(reply: ChatReply, said: tuple[Block, ...]) -> tuple[Block, ...]:
    """Drop the paragraphs the letter says anyway: notice, question back, who can help."""
    contact = reply.abstained.contact.url if reply.abstained else None
    frame = [text for text in (reply.notice, reply.clarification, contact) if text]
    return tuple(
        block
        for block in said
        if block.kind != "paragraph" or not any(text in block.text for text in frame)
    )


def _title(source: Citation) -> str:
    """Return what a source is called, an article with its number."""
    if source.kind != "article" or source.number in source.title:
        return source.title
    return f"Article {source.number} – {source.title}"


def _references(mail: Mail) -> list[str]:
    """Return the ids of the thread: the first and the last ones when there are many."""
    ids = [name for name in mail.references if name != mail.message_id]
    kept = ids if len(ids) < MAX_REFERENCES else [ids[0], *ids[-(MAX_REFERENCES - 2) :]]
    return [*kept, mail.message_id]


def _wrapped(text: str) -> str:
    """Fold long lines for text clients, and leave addresses whole."""
    lines: list[str] = []
    tight = TIGHT_SPACE.sub("\xa0", re.sub(r"\n{3,}", "\n\n", text).strip())
    for line in tight.split("\n"):
        if "https://" in line:
            lines.append(line)
            continue
        indent = LEAD.match(line)
        lead = re.sub(r"[^> ]", " ", indent[0] if indent else "")
        folded = wrap(
            line,
            TEXT_WIDTH,
            subsequent_indent=lead,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        lines += folded if folded and line != "-- " else [line]
    return "\n".join(lines) + "\n"
