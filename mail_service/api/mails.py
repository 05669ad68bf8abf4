"""Mails: list, show, decide."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import Field

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
from shared.ai.contract import Body, ChatReply
from shared.errors import BadInput
from shared.letters import (
    MAX_REPLY_CHARACTERS,
    REVIEWER_HEADER,
    AttachmentReply,
    EventReply,
    MailDetails,
    MailSummary,
    SearchReply,
    SentReply,
)
from shared.web.openapi import BODY_ERRORS, errors

router = APIRouter(prefix="/api/v1", tags=["mails"], dependencies=KEYED)

MAX_ID = 2**63 - 1
MailId = Annotated[int, Path(ge=1, le=MAX_ID, description="Number of the mail.", examples=[12])]
ReviewerName = Annotated[
    str,
    Header(
        alias=REVIEWER_HEADER,
        pattern=r"^[a-z0-9._+@-]{0,64}$",
        description="The account of the desk that decides; kept among the mail's steps.",
    ),
]


class Approval(Body):
    """What to send."""

    text: str | None = Field(default=None, min_length=1, max_length=MAX_REPLY_CHARACTERS)
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
    return [summary_of(entry, explanations) for entry in entries]


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
        mails=[summary_of(entry, explanations) for entry in found.entries],
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
    by: ReviewerName = "",
) -> MailSummary:
    """Sends the draft of a mail in `review`, or another text with the draft's sources. What that
    text quotes (lines after `>`, four words or more in quotation marks) must be in them word for
    word."""
    await reviewer.approve(mail_id, approval.text if approval else None, by)
    return summary_of((await ledger.mails.load(mail_id)).entry, explanations)


@router.post("/mails/{mail_id}/reject", summary="Send no reply", responses=errors(*DECISION_ERRORS))
async def reject(
    mail_id: MailId,
    reviewer: ReviewerDep,
    ledger: LedgerDep,
    explanations: ExplanationsDep,
    rejection: Rejection | None = None,
    by: ReviewerName = "",
) -> MailSummary:
    """Settles a mail in `review` or `quarantined` without a reply."""
    await reviewer.reject(mail_id, (rejection or Rejection()).reason, by)
    return summary_of((await ledger.mails.load(mail_id)).entry, explanations)


@router.post(
    "/mails/{mail_id}/retry",
    summary="Process a mail again",
    responses=errors(*KEY_ERRORS, BadInput, UnknownMail, NotReviewable),
)
async def retry(
    mail_id: MailId,
    reviewer: ReviewerDep,
    ledger: LedgerDep,
    explanations: ExplanationsDep,
    by: ReviewerName = "",
) -> MailSummary:
    """Processes a settled mail again, past the rules that silenced it; or sends again a reply whose
    delivery failed or is unknown, with the same Message-ID."""
    await reviewer.retry(mail_id, by)
    return summary_of((await ledger.mails.load(mail_id)).entry, explanations)


@router.delete(
    "/mails/{mail_id}",
    status_code=204,
    summary="Erase a mail",
    responses=errors(*KEY_ERRORS, BadInput, UnknownMail),
)
async def erase(mail_id: MailId, ledger: LedgerDep, by: ReviewerName = "") -> None:
    """Erases a mail and its reply, except a keyed fingerprint: it is not taken in again."""
    await ledger.mails.load(mail_id)
    await ledger.personal_data.erase([mail_id], "by a person", by)


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


def summary_of(entry: LedgerEntry, explanations: Explanations) -> MailSummary:
    """Return the entry of a mail as the API gives it."""
    names = MailSummary.model_fields.keys() - {"explanation"}
    columns = {name: getattr(entry, name) for name in names}
    return MailSummary(**columns, explanation=explanations.of(entry))


def shown(record: MailRecord, explanations: Explanations) -> MailDetails:
    """Return a mail as the API gives it."""
    reply = MailDetails(
        **summary_of(record.entry, explanations).model_dump(),
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
