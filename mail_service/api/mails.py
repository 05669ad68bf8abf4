"""Mails: list, show, decide."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from mail_service.api import examples
from mail_service.api.dependencies import KEY_ERRORS, KEYED, LedgerDep, ReviewerDep
from mail_service.errors import NotReviewable, NotWritable, UnknownMail
from mail_service.ledger.records import LedgerEntry, MailRecord, MailState
from shared.ai.contract import Body, ChatReply, Citation, Reply
from shared.errors import BadInput
from shared.web.openapi import BODY_ERRORS, errors

router = APIRouter(prefix="/api/v1", tags=["mails"], dependencies=KEYED)

MAX_ID = 2**63 - 1
MailId = Annotated[int, Path(ge=1, le=MAX_ID, description="Number of the mail.", examples=[12])]
FROM_ROW = ConfigDict(from_attributes=True)


class MailSummary(Reply):
    """A mail in a list: nothing in it comes from its sender."""

    id: int
    """Its number."""
    mailbox: str
    """Name of the mailbox it came to."""
    state: str
    """One of `received`, `silent`, `quarantined`, `review`, `answered`, `rejected`, `dry_run`,
    `failed`, `erased`."""
    reason: str
    """Why it is in that state, such as the name of a rule; often empty."""
    fired: list[str]
    """Every rule that found a reason not to answer."""
    size_bytes: int
    """Size of the whole mail in bytes, attachments included."""
    received_at: datetime
    """When it was taken in (RFC 3339, UTC)."""
    finished_at: datetime | None
    """When its outcome was decided; null before."""

    @classmethod
    def of(cls, entry: LedgerEntry) -> "MailSummary":
        """Return the entry as the API gives it."""
        return cls.model_validate(entry, from_attributes=True)


class EventReply(Reply):
    """A step in the processing of a mail."""

    model_config = FROM_ROW

    at: datetime
    """When it happened (RFC 3339, UTC)."""
    step: str
    """Its name."""
    reason: str
    """Details, without anything personal."""


class SentReply(Reply):
    """A message sent, or to be sent, in answer to a mail."""

    model_config = FROM_ROW

    kind: str
    """`reply`, `holding` (an answer will come) or `erasure` (the data are erased)."""
    state: str
    """`ready`, `sending`, `sent`, `deferred`, `failed` or `unknown` (the connection was lost after
    the message began to leave)."""
    message_id: str
    """Its Message-ID, the same at every attempt."""
    attempts: int
    """Number of attempts to deliver it."""
    last_answer: str
    """The SMTP relay's last reply."""
    sent_at: datetime | None
    """When the relay accepted it (RFC 3339, UTC); null before."""
    bounced_at: datetime | None
    """When it bounced; null when it did not."""


class AttachmentReply(Reply):
    """An attached file."""

    model_config = FROM_ROW

    name: str
    """Its file name."""
    kind: str
    """`pdf`, `docx`, `odt`, `text`, `html`, `image`, `mail` or `other`."""
    size_bytes: int
    """Its size in bytes."""
    state: str
    """`read`, `named` (listed only), `picture` (not looked at), `illegible` (no text recognised),
    `encrypted`, `unreadable` or `too_large`."""
    recognised: bool = False
    """Whether its text, or some of it, was recognised in pictures."""
    doubtful: bool = False
    """Whether what was recognised may be wrong."""


class MailDetails(MailSummary):
    """A mail: what its sender wrote, the reply we propose, and every step."""

    sender: str = ""
    """Address of its sender."""
    sender_name: str = ""
    """Display name of its sender."""
    subject: str = ""
    """Its subject."""
    text: str = ""
    """What the sender wrote, without quotations and signature."""
    full_text: str = ""
    """Its whole text."""
    hidden_text: str = ""
    """Text that its markup hides from human readers."""
    attachments: list[AttachmentReply] = Field(default_factory=list)
    """Its attached files."""
    draft: str = ""
    """The reply we propose; empty when there is none."""
    citations: list[Citation] = Field(default_factory=list)
    """The sources of the draft."""
    events: list[EventReply]
    """Every step, the oldest first."""
    sent: list[SentReply]
    """Every message sent, or to be sent, in answer."""


class Approval(Body):
    """What to send."""

    text: str | None = Field(default=None, min_length=1, max_length=20_000)
    """The text to send, with the draft's sources; null: the draft."""


class Rejection(Body):
    """Why no reply is sent."""

    reason: str = Field(default="by a person", min_length=1, max_length=200)
    """Kept in the ledger, so nothing personal belongs here."""


DECISION_ERRORS = (*KEY_ERRORS, *BODY_ERRORS, UnknownMail, NotReviewable)


@router.get("/mails", summary="List the mails", responses=errors(*KEY_ERRORS, BadInput))
async def list_mails(
    ledger: LedgerDep,
    state: Annotated[
        MailState | None, Query(description="Only mails in this state; all by default.")
    ] = None,
    before: Annotated[
        int | None,
        Query(ge=1, le=MAX_ID, description="Only mails with a lower number: to read page by page."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most mails to return.")] = 50,
) -> list[MailSummary]:
    """Mails, the newest first."""
    return [MailSummary.of(entry) for entry in await ledger.mails.latest(state, before, limit)]


@router.get(
    "/mails/{mail_id}", summary="Show a mail", responses=errors(*KEY_ERRORS, BadInput, UnknownMail)
)
async def show(mail_id: MailId, ledger: LedgerDep) -> MailDetails:
    """A mail with its text, its draft, its steps and the replies sent."""
    return shown(await ledger.mails.load(mail_id))


@router.post(
    "/mails/{mail_id}/approve",
    summary="Send the reply",
    responses=errors(*DECISION_ERRORS, NotWritable),
)
async def approve(
    mail_id: MailId, reviewer: ReviewerDep, ledger: LedgerDep, approval: Approval | None = None
) -> MailSummary:
    """Sends the draft of a mail in `review`, or another text with the draft's sources."""
    await reviewer.approve(mail_id, approval.text if approval else None)
    return MailSummary.of((await ledger.mails.load(mail_id)).entry)


@router.post("/mails/{mail_id}/reject", summary="Send no reply", responses=errors(*DECISION_ERRORS))
async def reject(
    mail_id: MailId, reviewer: ReviewerDep, ledger: LedgerDep, rejection: Rejection | None = None
) -> MailSummary:
    """Settles a mail in `review` or `quarantined` without a reply."""
    await reviewer.reject(mail_id, (rejection or Rejection()).reason)
    return MailSummary.of((await ledger.mails.load(mail_id)).entry)


@router.post(
    "/mails/{mail_id}/retry",
    summary="Process a mail again",
    responses=errors(*KEY_ERRORS, BadInput, UnknownMail, NotReviewable),
)
async def retry(mail_id: MailId, reviewer: ReviewerDep, ledger: LedgerDep) -> MailSummary:
    """Processes a settled mail again, past the rules that silenced it; or sends again a reply whose
    delivery failed or is unknown, with the same Message-ID."""
    await reviewer.retry(mail_id)
    return MailSummary.of((await ledger.mails.load(mail_id)).entry)


@router.delete(
    "/mails/{mail_id}",
    status_code=204,
    summary="Erase a mail",
    responses=errors(*KEY_ERRORS, BadInput, UnknownMail),
)
async def erase(mail_id: MailId, ledger: LedgerDep) -> None:
    """Erases a mail and its reply, except a keyed fingerprint: it is not taken in again."""
    await ledger.mails.load(mail_id)
    await ledger.personal_data.erase([mail_id], "by a person")


@router.get(
    "/stats",
    summary="Count by state",
    responses=errors(*KEY_ERRORS)
    | {200: {"content": {"application/json": {"example": examples.COUNTS}}}},
)
async def stats(ledger: LedgerDep) -> dict[str, int]:
    """Mails (`mail_…`) and replies (`reply_…`) by state, and `overdue` mails."""
    return dict(await ledger.mails.counts())


def shown(record: MailRecord) -> MailDetails:
    """Return a mail as the API gives it."""
    reply = MailDetails(
        **MailSummary.of(record.entry).model_dump(),
        events=[EventReply.model_validate(event) for event in record.events],
        sent=[SentReply.model_validate(sent) for sent in record.outgoing],
    )
    if record.draft:
        draft = ChatReply.model_validate_json(record.draft)
        reply = reply.model_copy(update={"draft": draft.response, "citations": draft.citations})
    if record.mail is None:
        return reply
    mail = record.mail
    return reply.model_copy(
        update={
            "sender": mail.sender.address,
            "sender_name": mail.sender.name,
            "subject": mail.subject,
            "text": mail.text,
            "full_text": mail.full_text,
            "hidden_text": mail.hidden_text,
            "attachments": [AttachmentReply.model_validate(each) for each in mail.attachments],
        }
    )
