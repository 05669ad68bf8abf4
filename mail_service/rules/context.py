"""The input of the rules besides the mail itself: our addresses, checks, counts and limits."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from mail_service.ledger.records import History
from mail_service.reading.message import Mail
from mail_service.sender_checks.authentication import AuthenticationResult, Outcome
from mail_service.settings import RuleThresholds

Action = Literal["silent", "quarantined"]
CODE = re.compile(r"(?<![0-9A-Za-z])[A-Za-z2-7]{26}(?![0-9A-Za-z])")
"""The code of a request that waits to be confirmed (processing/data_requests.py)."""
NOT_CHECKED = AuthenticationResult(Outcome.UNKNOWN, "the sender was not checked")


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule is evaluated against, besides the mail.

    `allowed` and `blocked` hold addresses and `@domain` entries; no `allowed` means everyone.
    `spam_score` (sender_checks/spam_score.py) is None when the configured filter is unavailable.
    """

    addresses: frozenset[str]
    is_our_message_id: Callable[[str], bool]
    authentication: AuthenticationResult = NOT_CHECKED
    answers_unauthenticated: bool = True
    spam_score: float | None = 0.0
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    history: History = field(default_factory=History)
    limits: RuleThresholds = field(default_factory=RuleThresholds)

    def is_ours(self, address: str) -> bool:
        """Return whether an address is one of ours, with or without a `+` part."""
        local, _, domain = address.rpartition("@")
        return f"{local.partition('+')[0]}@{domain}" in self.addresses

    def is_reply_to_us(self, mail: Mail) -> bool:
        """Return whether a mail answers one of our letters, under the letter's subject.

        Not one to which a code in the subject asks for a yes: what answers that, a person sees.
        """
        if not mail.keeps_subject or CODE.search(mail.subject):
            return False
        return any(self.is_our_message_id(each) for each in mail.references)


Check = Callable[[Mail, RuleContext], str | None]
"""Returns the id of the condition that matched, or None when the rule allows a reply."""


def matches(address: str, entries: tuple[str, ...]) -> bool:
    """Return whether the address, its domain or a parent of its domain is among `entries`."""
    domain = address.rpartition("@")[2]
    return any(
        address == entry or (entry.startswith("@") and f".{domain}".endswith(f".{entry[1:]}"))
        for entry in entries
    )
