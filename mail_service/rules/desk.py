"""What a rule may know besides the mail itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mail_service.reading.message import Mail

Verdict = Literal["pass", "fail", "unknown"]
Action = Literal["silent", "quarantined"]


@dataclass(frozen=True, slots=True)
class History:
    """How much went in and out lately, counted in the ledger; the mail itself is counted in."""

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
class Limits:
    """How much is too much."""

    max_bytes: int = 25 * 1024 * 1024
    sender_hour: int = 10
    sender_day: int = 30
    everyone_hour: int = 2_000
    everyone_minute: int = 200
    replies_per_conversation_day: int = 3
    replies_per_sender_hour: int = 3
    replies_per_sender_3_hours: int = 10
    replies_per_domain_hour: int = 60
    spam_score: float = 5.0
    public_domains: tuple[str, ...] = ()
    """Mail providers shared by strangers: the brake by domain does not apply to them."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Our side of the exchange: who we are, whom we answer, and what has been so far.

    `allowed` and `blocked` hold addresses and `@domain` entries; an empty `allowed` is everyone.
    `spam_score` is None when the configured filter could not be asked.
    """

    addresses: frozenset[str]
    is_our_message_id: Callable[[str], bool]
    authentication: Verdict = "unknown"
    answers_unauthenticated: bool = True
    spam_score: float | None = 0.0
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    history: History = History()
    limits: Limits = Limits()


Check = Callable[[Mail, Desk], str | None]
"""Return the id of what fired, or None when the rule has nothing against an answer."""


def matches(address: str, entries: tuple[str, ...]) -> bool:
    """Tell whether the address, its domain or a parent of its domain is among `entries`."""
    domain = address.rpartition("@")[2]
    return any(
        address == entry or (entry.startswith("@") and f".{domain}".endswith(f".{entry[1:]}"))
        for entry in entries
    )
