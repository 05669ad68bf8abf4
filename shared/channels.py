"""What telegram_service and mail_service tell the desk of ai_core: the bodies of their replies.

Nothing in them was written by a person who asks, or names one.
"""

from datetime import datetime
from typing import Literal

from shared.ai.contract import Reply

KEY_HEADER = "X-API-Key"
DEAD_LETTERS_PATH = "/api/v1/dead-letters"
"""Of telegram_service, behind its key: GET lists, POST to /ID/replay, DELETE of /ID."""
UNKNOWN_LETTER = "unknown_letter"
"""The code of a 404 for a letter that is not there (any more)."""
MAIL_COUNTS_PATH = "/api/v1/stats"
"""Of mail_service, behind its key: mails as `mail_STATE` and replies as `reply_STATE`, by name."""


class ChannelHealth(Reply):
    """A channel of the bot."""

    status: Literal["on", "off", "failing"]
    """`off` without its secrets."""
    receives_by: Literal["webhook", "polling"] = "webhook"
    """How updates reach us."""
    problem: str = ""
    """Why nothing comes from one that is failing."""


class BotHealth(Reply):
    """The body of telegram_service's `/health`; without Redis there are no figures."""

    status: str
    """`ok`, `degraded` or `waiting for a channel`."""
    channels: dict[str, ChannelHealth]
    """Each channel by its name."""
    redis: bool
    """Whether Redis answers."""
    postgres: bool
    """Whether Postgres answers."""
    ai_core: bool
    """Whether ai_core answers."""
    waiting: int | None = None
    """Updates waiting or being answered."""
    journal: int | None = None
    """Records that wait to be written to Postgres."""
    lost: int | None = None
    """Accepted, neither settled nor waiting: 0, always."""
    oldest_s: float | None = None
    """Age of the oldest waiting update, in seconds."""


class DeadLetterSummary(Reply):
    """An update that could not be handled, without its content."""

    id: str
    """Its place in the stream: when it was given up in ms, a hyphen, a number."""
    channel: str
    """Where it came from; empty where its key has left the key file."""
    reason: str
    """Why it was given up: `failures`, `deaths`, `refused` or the name of an error."""
    received_at: datetime
    """When it was received (RFC 3339, UTC)."""
    given_up_at: datetime
    """When it was given up (RFC 3339, UTC)."""


class DeadLetterList(Reply):
    """The dead letters."""

    count: int
    """How many there are."""
    letters: list[DeadLetterSummary]
    """The latest of them, the latest first."""


class MailHealth(Reply):
    """The body of mail_service's `/health`."""

    status: str
    """`ok`; `late` when a mail has waited for more than 5 minutes; `ledger lost` while Postgres
    does not answer."""
    mailboxes: dict[str, str]
    """Mode of each mailbox by name; `waiting` while it has no IMAP server."""
    counts: dict[str, int]
    """Mails (`mail_…`) and replies (`reply_…`) by state, and `overdue`: mails that have waited for
    more than 5 minutes."""
    oldest_waiting_s: float
    """Age of the oldest mail still to be worked on, in seconds."""
