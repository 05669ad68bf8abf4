"""Reasons not to answer a mail, one file each, tried in the order of RULES.

All of them are asked, so that the ledger shows everything that spoke against an answer; the first
gives the reason. Union of what Zammad, Discourse, FreeScout, Chatwoot and osTicket look at, with
RFC 3834; ids A1 to A12 are explained in docs/mail.md.
"""

from dataclasses import dataclass

from mail_service.reading.message import Mail
from mail_service.rules import (
    automatic,
    bounces,
    brake,
    bulk,
    elsewhere,
    ours,
    out_of_office,
    pace,
    quotas,
    robots,
    senders,
    spam,
    too_big,
    unauthenticated,
)
from mail_service.rules.desk import Action, Check, Desk

RULES: tuple[tuple[str, Check, Action], ...] = (
    ("ours", ours.check, "silent"),
    ("bounce", bounces.check, "silent"),
    ("out_of_office", out_of_office.check, "silent"),
    ("automatic", automatic.check, "silent"),
    ("bulk", bulk.check, "silent"),
    ("robot", robots.check, "silent"),
    ("elsewhere", elsewhere.check, "silent"),
    ("sender", senders.check, "silent"),
    ("too_big", too_big.check, "quarantined"),
    ("unauthenticated", unauthenticated.check, "quarantined"),
    ("spam", spam.check, "quarantined"),
    ("brake", brake.check, "silent"),
    ("pace", pace.check, "quarantined"),
    ("quota", quotas.check, "quarantined"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason not to answer: which rule, what in it fired, and what becomes of the mail."""

    rule: str
    fired: str
    action: Action

    def __str__(self) -> str:
        return f"{self.rule}:{self.fired}"


def reasons_not_to_answer(mail: Mail, desk: Desk) -> tuple[Finding, ...]:
    """Return every rule that speaks against an answer, the deciding one first."""
    fired = ((name, check(mail, desk), action) for name, check, action in RULES)
    return tuple(Finding(name, what, action) for name, what, action in fired if what)
