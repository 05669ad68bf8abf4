"""What mail_service tells of the mails it holds, to its review page and to the desk of ai_core."""

from datetime import datetime

from pydantic import ConfigDict, Field

from shared.ai.contract import Citation, Reply

MAILS_PATH = "/api/v1/mails"
"""Of mail_service, behind its key: GET of /ID, POST to /search, /ID/approve, /ID/reject and
/ID/retry, DELETE of /ID."""
REVIEWER_HEADER = "X-Reviewer"
"""The account of the desk that decides on a mail."""
MAX_REPLY_CHARACTERS = 20_000
"""Of the text that a reviewer sends in the place of a draft."""
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


class SearchReply(Reply):
    """Mails found."""

    mails: list[MailSummary]
    """At most about a hundred, the newest first."""
    opened: int
    """How many sealed mails were opened for it; 0 without `words`."""
    next_before: int | None
    """Where to go on; null when everything was looked at."""
