"""Mails: list, show, decide."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from mail_service.api import examples
from mail_service.api.dependencies import (
    KEY_ERRORS,
    KEYED,
    Explanations,
    ExplanationsDep,
    LedgerDep,
    ReviewerDep,
)
from mail_service.errors import ChangedQuotation, NotReviewable, NotWritable, UnknownMail
from mail_service.ledger.mails import MAX_FOUND
from mail_service.ledger.records import LedgerEntry, MailRecord, MailState, SearchResult
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
    explanation: str
    """The same in a sentence, in French or English as `Accept-Language` asks."""
    fired: list[str]
    """Every rule that found a reason not to answer."""
    size_bytes: int
    """Size of the whole mail in bytes, attachments included."""
    received_at: datetime
    """When it was taken in (RFC 3339, UTC)."""
    finished_at: datetime | None
    """When its outcome was decided; null before."""

    @classmethod
    def of(cls, entry: LedgerEntry, explanations: Explanations) -> "MailSummary":
        """Return the entry as the API gives it."""
        columns = {name: getattr(entry, name) for name in cls.model_fields.keys() - {"explanation"}}
        return cls(**columns, explanation=explanations.of(entry))


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
    fired_explained: list[str] = Field(default_factory=list)
    """What each rule of `fired` found, in a sentence."""
    masked: str = ""
    """In words, what was masked before the AI read the mail; empty when nothing was."""
    sender_mails: dict[str, int] = Field(default_factory=dict)
    """How many mails of this sender we hold, this one included, by state."""
    helped: bool | None = None
    """Whether its reader answered, by the links in the letter, that it helped; null: no answer."""
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


class Search(Body):
    """What to search for; every field narrows."""

    words: str = Field(default="", max_length=200)
    """All of them must be in the subject, the sender or the text; accents and case do not count."""
    sender: str = Field(default="", max_length=320)
    """The whole address of the sender."""
    state: MailState | None = None
    """Only mails in this state; null: in any."""
    before: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only mails with a lower number: `next_before` of the answer to go on from."""


class SearchReply(Reply):
    """Mails found."""

    mails: list[MailSummary]
    """At most about a hundred, the newest first."""
    opened: int
    """How many sealed mails were opened for it; 0 without `words`."""
    next_before: int | None
    """Where to go on; null when everything was looked at."""


DECISION_ERRORS = (*KEY_ERRORS, *BODY_ERRORS, UnknownMail, NotReviewable)


@router.get("/mails", summary="List the mails", responses=errors(*KEY_ERRORS, BadInput))
async def list_mails(
    ledger: LedgerDep,
    explanations: ExplanationsDep,
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
    entries = await ledger.mails.latest(state, before, limit)
    return [MailSummary.of(entry, explanations) for entry in entries]


@router.post(
    "/mails/search", summary="Search the mails", responses=errors(*KEY_ERRORS, *BODY_ERRORS)
)
async def search(wanted: Search, ledger: LedgerDep, explanations: ExplanationsDep) -> SearchReply:
    """Mails by sender, by words, or both, the newest first. What is sought stands in a body,
    because addresses in URLs end in logs. Texts are stored sealed: a search for words opens the
    newest 500 mails at most, and says where to go on; a sender is found among all mails."""
    if wanted.words.strip():
        found = await ledger.mails.search(wanted.words, wanted.state, wanted.sender, wanted.before)
    else:
        entries = await ledger.mails.latest(wanted.state, wanted.before, MAX_FOUND, wanted.sender)
        following = entries[-1].id if len(entries) == MAX_FOUND else None
        found = SearchResult(entries, 0, following)
    return SearchReply(
        mails=[MailSummary.of(entry, explanations) for entry in found.entries],
        opened=found.opened,
        next_before=found.next_before,
    )


@router.get(
    "/mails/{mail_id}", summary="Show a mail", responses=errors(*KEY_ERRORS, BadInput, UnknownMail)
)
async def show(mail_id: MailId, ledger: LedgerDep, explanations: ExplanationsDep) -> MailDetails:
    """A mail with its text, its draft, its steps and the replies sent."""
    details = shown(await ledger.mails.load(mail_id), explanations)
    counts = dict(await ledger.mails.count_of_sender(mail_id))
    return details.model_copy(update={"sender_mails": counts})


@router.post(
    "/mails/{mail_id}/approve",
    summary="Send the reply",
    responses=errors(*DECISION_ERRORS, NotWritable, ChangedQuotation),
)
async def approve(
    mail_id: MailId,
    reviewer: ReviewerDep,
    ledger: LedgerDep,
    explanations: ExplanationsDep,
    approval: Approval | None = None,
) -> MailSummary:
    """Sends the draft of a mail in `review`, or another text with the draft's sources. What that
    text quotes (lines after `>`, four words or more in quotation marks) must be in them word for
    word."""
    await reviewer.approve(mail_id, approval.text if approval else None)
    return MailSummary.of((await ledger.mails.load(mail_id)).entry, explanations)


@router.post("/mails/{mail_id}/reject", summary="Send no reply", responses=errors(*DECISION_ERRORS))
async def reject(
    mail_id: MailId,
    reviewer: ReviewerDep,
    ledger: LedgerDep,
    explanations: ExplanationsDep,
    rejection: Rejection | None = None,
) -> MailSummary:
    """Settles a mail in `review` or `quarantined` without a reply."""
    await reviewer.reject(mail_id, (rejection or Rejection()).reason)
    return MailSummary.of((await ledger.mails.load(mail_id)).entry, explanations)


@router.post(
    "/mails/{mail_id}/retry",
    summary="Process a mail again",
    responses=errors(*KEY_ERRORS, BadInput, UnknownMail, NotReviewable),
)
async def retry(
    mail_id: MailId, reviewer: ReviewerDep, ledger: LedgerDep, explanations: ExplanationsDep
) -> MailSummary:
    """Processes a settled mail again, past the rules that silenced it; or sends again a reply whose
    delivery failed or is unknown, with the same Message-ID."""
    await reviewer.retry(mail_id)
    return MailSummary.of((await ledger.mails.load(mail_id)).entry, explanations)


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
    """Mails (`mail_…`) and replies (`reply_…`) by state, `overdue` mails, and what readers answered
    to the question whether a letter helped (`feedback_yes`, `feedback_no`)."""
    return dict(await ledger.mails.counts())


def shown(record: MailRecord, explanations: Explanations) -> MailDetails:
    """Return a mail as the API gives it."""
    reply = MailDetails(
        **MailSummary.of(record.entry, explanations).model_dump(),
        fired_explained=explanations.of_findings(record.entry),
        helped=record.helped,
        events=[EventReply.model_validate(event) for event in record.events],
        sent=[SentReply.model_validate(sent) for sent in record.outgoing],
    )
    if record.draft:
        draft = ChatReply.model_validate_json(record.draft)
        reply = reply.model_copy(
            update={
                "draft": draft.response,
                "citations": draft.citations,
                "masked": explanations.of_masked(draft.masked),
            }
        )
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
