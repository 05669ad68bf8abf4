"""Composes our replies: an answer of ai_core as a mail, in four languages, as text and as HTML.

Recipient, subject and headers come from code and from the mail that is answered, never from the
model. No remote content. The bytes composed here are stored and sent unchanged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import css_inline
import jinja2
from markupsafe import Markup

from mail_service.errors import NotWritable
from mail_service.ledger.records import OutgoingKind, OutgoingMail
from mail_service.reading.attachments import Attachment
from mail_service.reading.message import Mail
from mail_service.reply.blocks import Block, parse_blocks, without_addresses
from mail_service.reply.feedback_links import FeedbackLinks
from mail_service.reply.formatting import (
    fold_lines,
    greeted_name,
    plain_name,
    reply_subject,
    without_breaks,
    written_date,
)
from mail_service.reply.identity import SenderIdentity
from mail_service.reply.message_ids import MessageIds
from mail_service.reply.sections import LetterSection, letter_sections, read_first, shortened
from mail_service.reply.sources import MARK, Source, numbered_once, sources_of
from shared.ai.answer_parts import answer_parts
from shared.ai.contract import ChatReply, Clarification
from shared.clock import Clock
from shared.distress import is_help_lines
from shared.languages import Language
from shared.privacy.disclosure import TEXT_FILE, masked_in_words
from shared.privacy.encryption import Encryption
from shared.texts import Texts, date_in_words

ROOT = Path(__file__).parents[1]
LOOP_FIELD = "x-neo-loop"
"""Marks our mail, so that rules/ours.py recognises it when it comes back."""
MAX_REFERENCES = 20
MAX_QUOTED_LINES = 30
MAX_SHOWN_FILES, MAX_SHOWN_LINES, MAX_SHOWN_CHARACTERS = 3, 6, 160
"""Of what was read in pictures: enough to see whether it was read right."""


@dataclass(frozen=True, slots=True)
class ReplyContent:
    """Content of a reply, apart from its greeting, footer and quoted question.

    Read in this order: `help_lines` (who to call, when somebody is in danger), `blocks` (the short
    answer), `sections`, the question back, `sources`, and below a rule `quotations`.
    """

    help_lines: tuple[Block, ...] = ()
    blocks: tuple[Block, ...] = ()
    sections: tuple[LetterSection, ...] = ()
    quotations: tuple[LetterSection, ...] = ()
    choices: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    sources_title: str = ""
    more_cases: str = ""
    """Says that special cases were left out."""
    clarification: str = ""
    contact: dict[str, str] | None = None
    recognised: tuple[dict[str, Any], ...] = ()
    """What was read in pictures: `name`, the first `lines`, and `doubt` where it may be wrong."""
    files: tuple[str, ...] = ()
    masked: str = ""
    corpus_date: str = ""
    notice: str = ""
    subject: str = ""
    """In the place of "Re:" and the subject of the mail that is answered."""
    somebody: str = ""
    """Who to call, where the answer names nobody itself."""
    about_the_law: bool = True
    """Whether it ends with what such information is worth, and how to be erased."""


class ReplyComposer:
    """Composes the replies of one mailbox. Creating one reads files: not in the event loop."""

    def __init__(self, identity: SenderIdentity, encryption: Encryption, clock: Clock) -> None:
        self.message_ids = MessageIds(identity, encryption)
        self.language = identity.language
        self._feedback = FeedbackLinks(identity.feedback_url, encryption)
        self._identity = identity
        self._clock = clock
        self._texts = Texts.read(ROOT / "texts" / "reply.toml", TEXT_FILE)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(ROOT / "templates"),
            autoescape=jinja2.select_autoescape(["html.j2"]),
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            finalize=_typeset,
        )
        self._text_template = environment.get_template("reply.txt.j2")
        self._html_template = environment.get_template("reply.html.j2")
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)

    def impersonal(self, mail: Mail, language: Language) -> Mail:
        """Return the mail without a word of its sender, for a reply nobody reads before it leaves.

        Whoever forges a From address would otherwise have us send their text to its owner.
        """
        say = partial(self._texts.say, language=language)
        files = [
            replace(file, name=say("attached_file", number=number), text="", recognised=False)
            for number, file in enumerate(mail.attachments, 1)
        ]
        return replace(
            mail,
            headers=(),
            references=(),
            sender=replace(mail.sender, name=""),
            subject=say("subject_of_nobody"),
            text="",
            full_text="",
            attachments=tuple(files),
        )

    def content(
        self, mail: Mail, reply: ChatReply, language: Language, *, reviewed: bool = False
    ) -> ReplyContent:
        """Return the answer of ai_core as the content of a mail."""
        say = partial(self._texts.say, language=language)
        parts = answer_parts(reply.response, reply.sections)
        contact = reply.abstained.contact if reply.abstained else None
        blocks = partial(_blocks, reply, replacement=say("link_removed"))
        lead = blocks(parts.lead) + blocks(parts.closing)
        asked = reply.clarification
        sections, more_cases = read_first(blocks, parts.read_first, lead)
        quotations, cut = shortened(letter_sections(blocks, parts.folded), lead, sections)
        shown = [*lead, *(block for one in (*sections, *quotations) for block in one.blocks)]
        titles = " ".join(one.title for one in quotations)
        named = {int(number) for number in MARK.findall(f"{_text(shown)} {titles}")}
        sources = sources_of(reply.citations, named)
        helped = contact or any(section.kind == "help" for section in parts.read_first)
        return ReplyContent(
            help_lines=tuple(block for block in lead if is_help_lines(block.text)),
            blocks=tuple(block for block in lead if not is_help_lines(block.text)),
            sections=sections,
            more_cases=say("more_cases") if more_cases else "",
            quotations=quotations,
            sources=sources,
            sources_title=say("texts_at_sources" if cut else "sources"),
            somebody="" if helped else say("somebody"),
            clarification=self._asked(asked, language) if asked else "",
            choices=tuple(
                without_addresses(choice, say("link_removed"))
                for choice in (asked.choices if asked else ())
            ),
            contact={"words": say("contact", name=contact.name), "url": contact.url}
            if contact
            else None,
            recognised=tuple(self._recognised(mail.attachments, language)),
            files=tuple(self._unread_files(mail.attachments, language)),
            masked=say("masked", what=masked_in_words(self._texts, reply.masked, language))
            if reply.masked
            else "",
            corpus_date=say("corpus_date", day=date_in_words(reply.corpus_date, language))
            if reply.corpus_date
            else "",
            notice=say("ai_notice_reviewed" if reviewed else "ai_notice"),
        )

    def _asked(self, asked: Clarification, language: Language) -> str:
        say = partial(self._texts.say, language=language)
        question = without_addresses(asked.question, say("link_removed"))
        return say("to_choose" if asked.choices else "to_be_precise", question=question)

    def own_content(self, key: str, language: Language, **values: str | int) -> ReplyContent:
        """Return a letter of texts/reply.toml that no model wrote, with a subject of its own."""
        say = self._texts.say
        return ReplyContent(
            blocks=parse_blocks(say(key, language, **values), say("link_removed", language)),
            notice=say("automatic_notice", language),
            subject=say(f"{key}_subject", language, **values),
            about_the_law=False,
        )

    def fixed_reply(self, key: str, language: Language, **values: str | int) -> ChatReply:
        """Return a sentence of texts/reply.toml in the form of an answer of ai_core."""
        return ChatReply(
            response=self._texts.say(key, language, **values),
            model="none",
            tokens_used=0,
            processing_time=0.0,
            timestamp=self._clock.now(),
            citations=[],
            corpus_date=None,
            notice="",
            conversation_id="",
        )

    def compose(
        self,
        mail: Mail,
        mail_id: int,
        kind: OutgoingKind,
        content: ReplyContent,
        language: Language,
        *,
        attached_json: bytes = b"",
    ) -> OutgoingMail:
        """Return our mail, byte for byte. Raises NotWritable when the sender has no address."""
        if not mail.sender.can_be_written_to:
            raise NotWritable
        message = EmailMessage(policy=SMTP if mail.sender.address.isascii() else SMTPUTF8)
        subject = content.subject or reply_subject(mail.subject)
        self._add_headers(message, mail, mail_id, kind, self._clock.now())
        message["Subject"] = subject
        message["Content-Language"] = language
        asks_back = content.about_the_law and not content.help_lines
        asks_back = asks_back and kind == OutgoingKind.REPLY
        values = self._template_values(mail, content, language) | {
            "subject": subject,
            "feedback": self._feedback.links(mail_id, language) if asks_back else {},
        }
        text = self._text_template.render(values)
        html = self._html_template.render(values)
        message.set_content(fold_lines(text), cte="quoted-printable")
        message.add_alternative(self._inliner.inline(html), "html", cte="quoted-printable")
        if attached_json:
            name = self._texts.say("copy_file_name", language)
            message.add_attachment(attached_json, "application", "json", filename=name)
        signer = self._identity.signer
        return OutgoingMail(
            kind=kind,
            message_id=self.message_ids.message_id(mail_id, kind, mail.sender.address),
            envelope_token=self.message_ids.envelope_token(mail_id, kind),
            recipient=mail.sender.address,
            content=signer.sign(message.as_bytes()) if signer else message.as_bytes(),
        )

    def _add_headers(
        self, message: EmailMessage, mail: Mail, mail_id: int, kind: OutgoingKind, now: datetime
    ) -> None:
        identity, ids = self._identity, self.message_ids
        message["From"] = Address(identity.name, addr_spec=identity.address)
        if identity.plus_addresses:
            message["Reply-To"] = Address(
                identity.name, addr_spec=ids.reply_address(mail_id, mail.sender.address)
            )
        sender = mail.sender
        message["To"] = Address(plain_name(sender.name), sender.local_part, sender.domain)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = ids.message_id(mail_id, kind, mail.sender.address)
        if mail.message_id:
            message["In-Reply-To"] = mail.message_id
            message["References"] = " ".join(_references(mail))
        message["Auto-Submitted"] = "auto-replied"  # RFC 3834
        message["X-Auto-Response-Suppress"] = "All"
        message[LOOP_FIELD.title()] = identity.domain
        message["X-AI-Generated"] = "yes"

    def _template_values(
        self, mail: Mail, content: ReplyContent, language: Language
    ) -> dict[str, object]:
        say = partial(self._texts.say, language=language)
        name = greeted_name(mail.sender.name)
        quoted = [line.rstrip() for line in mail.text.strip().splitlines()][:MAX_QUOTED_LINES]
        day = written_date(mail.first("date"), language)
        return {
            "say": say,
            "language": language,
            "hello": say("hello", name=name) if name else say("hello_nobody"),
            "notice": content.notice,
            "help_lines": content.help_lines,
            "blocks": content.blocks,
            "sections": content.sections,
            "quotations": content.quotations,
            "clarification": content.clarification,
            "choices": content.choices,
            "contact": content.contact,
            "recognised": content.recognised,
            "files": content.files,
            "sources": content.sources,
            "more_cases": content.more_cases,
            "sources_title": content.sources_title,
            "somebody": content.somebody,
            "masked": content.masked,
            "corpus_date": content.corpus_date,
            "about_the_law": content.about_the_law,
            "sender_name": self._identity.name,
            "signature": self._identity.signature_lines,
            "erase_how": say("erase_how", days=self._identity.text_days),
            "privacy_url": self._identity.privacy_url,
            "question": quoted,
            "you_wrote": say("you_wrote", day=day) if day else say("your_message"),
        }

    def _recognised(
        self, files: Sequence[Attachment], language: Language
    ) -> Iterator[dict[str, Any]]:
        """Yield the first lines of what was read in pictures, for their sender to check."""
        say = partial(self._texts.say, language=language)
        for file in [file for file in files if file.recognised][:MAX_SHOWN_FILES]:
            lines = [line[:MAX_SHOWN_CHARACTERS] for line in file.text.splitlines() if line.strip()]
            shown = lines[:MAX_SHOWN_LINES] + ["…"] * (len(lines) > MAX_SHOWN_LINES)
            yield {
                "name": say("file_read", name=file.name or say("file_without_name")),
                "lines": [without_addresses(line, say("link_removed")) for line in shown],
                "doubt": say("recognised_doubtful") if file.doubtful else "",
            }

    def _unread_files(self, files: Sequence[Attachment], language: Language) -> Iterator[str]:
        """Yield a sentence for each attachment that could not be read, or not whole."""
        nameless = self._texts.say("file_without_name", language)
        for file in files:
            name = file.name or nameless
            if file.state != "read" and file.kind != "mail":
                yield self._texts.say(f"file_{file.state}", language, name=name)
            elif file.scanned_pages:
                yield self._texts.say(
                    "pages_not_read", language, name=name, count=file.scanned_pages
                )


def _blocks(reply: ChatReply, text: str, *, replacement: str) -> tuple[Block, ...]:
    """Return the blocks of a part of a reply, without what the letter shows elsewhere.

    That is the notice, the clarification, the contact, and the addresses of its sources.
    """
    contact = reply.abstained.contact if reply.abstained else None
    asked = reply.clarification.question if reply.clarification else None
    elsewhere = [
        without_addresses(told, replacement)
        for told in (reply.notice, asked, contact and f"{contact.name} — {contact.url}")
        if told
    ]
    if contact:
        elsewhere.append(contact.url)
    urls = {source.url for source in reply.citations}
    return tuple(
        block
        for block in parse_blocks(numbered_once(text, reply.citations), replacement)
        if not (block.kind == "link" and block.text in urls)
        and not (block.kind == "paragraph" and any(told in block.text for told in elsewhere))
    )


def _typeset(value: object) -> object:
    """Keep French punctuation with the word before it; markup holds texts already kept so."""
    is_text = isinstance(value, str) and not isinstance(value, Markup)
    return without_breaks(str(value)) if is_text else value


def _text(blocks: Sequence[Block]) -> str:
    return "\n".join(block.text for block in blocks)


def _references(mail: Mail) -> list[str]:
    """Return the ids of the thread: the first and the last ones when there are too many."""
    ids = [name for name in mail.references if name != mail.message_id]
    kept = ids if len(ids) < MAX_REFERENCES else [ids[0], *ids[-(MAX_REFERENCES - 2) :]]
    return [*kept, mail.message_id]
