"""What the ledger stores and returns: states, jobs, outcomes, replies and summaries."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from mail_service.reading.message import Mail


class MailState(StrEnum):
    """Where a mail is; docs/mail.md explains each state."""

    RECEIVED = "received"
    SILENT = "silent"
    QUARANTINED = "quarantined"
    REVIEW = "review"
    ANSWERED = "answered"
    REJECTED = "rejected"
    DRY_RUN = "dry_run"
    FAILED = "failed"
    ERASED = "erased"


class OutgoingState(StrEnum):
    """Where a mail of ours is; `unknown` means that the relay may or may not have accepted it."""

    READY = "ready"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"


class ConfirmedAction(StrEnum):
    """What a person confirms from their address."""

    ERASURE = "erasure"
    COPY = "copy"


class OutgoingKind(StrEnum):
    """What a mail of ours is; a received mail has at most one of each kind."""

    REPLY = "reply"
    HOLDING = "holding"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class MailLocation:
    """Where a mail is on an IMAP server."""

    mailbox: str
    folder: str
    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class MailJob:
    """A mail to be processed, leased to one worker; `attempts` counts this one."""

    id: int
    mailbox: str
    raw: bytes
    size_bytes: int
    attempts: int
    received_at: datetime
    let_through: bool
    """A reviewer released it: only the rules against loops still apply."""


@dataclass(frozen=True, slots=True)
class History:
    """Recent mails and replies, counted in the ledger; the mail itself is included."""

    from_sender_hour: int = 0
    from_sender_day: int = 0
    replies_to_everyone_hour: int = 0
    replies_to_everyone_minute: int = 0
    replies_to_conversation_day: int = 0
    replies_to_sender_hour: int = 0
    replies_to_sender_3_hours: int = 0
    replies_to_domain_hour: int = 0
    same_words_day: int = 0
    """Mails of this sender with the same normalised text, before this one."""


@dataclass(frozen=True, slots=True)
class PastMessage:
    """An earlier message of a conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The conversation of a mail; `messages` is empty unless its sender may see them."""

    id: int
    messages: tuple[PastMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail of ours as it will be sent, byte for byte."""

    kind: OutgoingKind
    message_id: str
    envelope_token: str
    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """An outgoing mail to be sent now, leased to one worker; `attempts` counts this one."""

    id: int
    mail_id: int
    mailbox: str
    message_id: str
    envelope_token: str
    recipient: str
    content: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class UnknownDelivery:
    """An outgoing mail whose delivery was interrupted."""

    id: int
    mail_id: int
    mailbox: str
    message_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UncopiedMail:
    """An outgoing mail that was sent and has no copy in the Sent folder yet."""

    id: int
    message_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MailOutcome:
    """The result of processing a mail: its state, why, the draft and the reply to send."""

    state: MailState
    reason: str
    fired: tuple[str, ...] = ()
    """The rules that matched, as `rule:condition`."""
    draft: str = ""
    """The ChatReply of ai_core, as JSON."""
    outgoing: OutgoingMail | None = None


@dataclass(frozen=True, slots=True)
class MailEvent:
    """A step in the processing of a mail."""

    at: datetime
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutgoingSummary:
    """An outgoing mail without its content."""

    kind: OutgoingKind
    state: OutgoingState
    message_id: str
    attempts: int
    last_answer: str
    sent_at: datetime | None
    bounced_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A mail in a list: nothing in it comes from its sender."""

    id: int
    mailbox: str
    state: MailState
    reason: str
    fired: tuple[str, ...]
    size_bytes: int
    attempts: int
    received_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class MailRecord:
    """Everything the ledger holds about one mail; `mail` is None before parsing and once erased."""

    entry: LedgerEntry
    mail: Mail | None
    draft: str
    events: tuple[MailEvent, ...]
    outgoing: tuple[OutgoingSummary, ...]
    helped: bool | None = None
    """Whether its reader says that the reply helped; None without an answer."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Mails found, the newest first; `opened` of them all were looked into.

    `next_before` is the number to search on from, None when everything was looked at.
    """

    entries: tuple[LedgerEntry, ...]
    opened: int
    next_before: int | None
