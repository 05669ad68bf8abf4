"""Mails: list, show, decide."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from mail_service.api.dependencies import ReviewDep, StoreDep, need_key
from mail_service.ledger.store import Entry, File
from shared.ai.contract import ChatReply, Citation

router = APIRouter(prefix="/api/v1", dependencies=[Depends(need_key)])

MAX_ID = 2**63 - 1
MailId = Annotated[int, Field(ge=1, le=MAX_ID)]
StateName = Literal[
    "received",
    "silent",
    "quarantined",
    "review",
    "answered",
    "rejected",
    "dry_run",
    "failed",
    "erased",
]


class EntryReply(BaseModel):
    """A mail in a list."""

    id: int
    mailbox: str
    state: str
    reason: str
    fired: list[str]
    size_bytes: int
    received_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, entry: Entry) -> "EntryReply":
        """Return the entry as the API gives it."""
        return cls.model_validate(entry, from_attributes=True)


class EventReply(BaseModel):
    """A step."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    step: str
    reason: str


class SentReply(BaseModel):
    """A letter of ours."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    state: str
    message_id: str
    attempts: int
    last_answer: str
    sent_at: datetime | None
    bounced_at: datetime | None


class AttachmentReply(BaseModel):
    """An attached file."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: str
    size_bytes: int
    state: str


class FileReply(EntryReply):
    """A mail, whole: what its sender wrote, what we would say, and every step."""

    sender: str = ""
    sender_name: str = ""
    subject: str = ""
    text: str = ""
    full_text: str = ""
    hidden_text: str = ""
    attachments: list[AttachmentReply] = []
    draft: str = ""
    citations: list[Citation] = []
    events: list[EventReply]
    sent: list[SentReply]


class Approval(BaseModel):
    """What to send: the draft, or this text with the draft's sources."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, min_length=1, max_length=20_000)


class Rejection(BaseModel):
    """Why nothing is sent; kept in the ledger, so nothing personal belongs here."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="by a person", min_length=1, max_length=200)


@router.get("/mails")
async def list_mails(
    store: StoreDep,
    state: StateName | None = None,
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[EntryReply]:
    """List mails, the newest first."""
    return [EntryReply.of(entry) for entry in await store.entries(state, before, limit)]


@router.get("/mails/{mail_id}")
async def show(mail_id: MailId, store: StoreDep) -> FileReply:
    """Show a mail."""
    return shown(await store.file(mail_id))


@router.post("/mails/{mail_id}/approve")
async def approve(
    mail_id: MailId, review: ReviewDep, store: StoreDep, approval: Approval | None = None
) -> EntryReply:
    """Send the reply, edited or not."""
    await review.approve(mail_id, approval.text if approval else None)
    return EntryReply.of((await store.file(mail_id)).entry)


@router.post("/mails/{mail_id}/reject")
async def reject(
    mail_id: MailId, review: ReviewDep, store: StoreDep, rejection: Rejection | None = None
) -> EntryReply:
    """Send nothing."""
    await review.reject(mail_id, (rejection or Rejection()).reason)
    return EntryReply.of((await store.file(mail_id)).entry)


@router.post("/mails/{mail_id}/retry")
async def retry(mail_id: MailId, review: ReviewDep, store: StoreDep) -> EntryReply:
    """Work on it again, or send its letter again."""
    await review.retry(mail_id)
    return EntryReply.of((await store.file(mail_id)).entry)


@router.delete("/mails/{mail_id}", status_code=204)
async def erase(mail_id: MailId, store: StoreDep) -> None:
    """Erase one mail for good."""
    await store.file(mail_id)
    await store.erase([mail_id], "by a person")


@router.get("/stats")
async def stats(store: StoreDep) -> dict[str, int]:
    """Count mails and replies by state."""
    return dict(await store.counts())


def shown(file: File) -> FileReply:
    """Return a mail as the API gives it."""
    reply = FileReply(
        **EntryReply.of(file.entry).model_dump(),
        events=[EventReply.model_validate(event) for event in file.events],
        sent=[SentReply.model_validate(sent) for sent in file.sent],
    )
    if file.draft:
        draft = ChatReply.model_validate_json(file.draft)
        reply = reply.model_copy(update={"draft": draft.response, "citations": draft.citations})
    if file.mail is None:
        return reply
    mail = file.mail
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
