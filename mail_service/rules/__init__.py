"""Rules that refuse a reply, one file each, evaluated in the order of RULES.

All of them are evaluated, so that the ledger lists every match; the first match decides.
Union of the conditions of Zammad, Discourse, FreeScout, Chatwoot and osTicket, with RFC 3834; ids
A1 to A15 are explained in docs/mail.md.
"""

from dataclasses import dataclass

from mail_service.reading.message import Mail
from mail_service.rules import (
    automatic,
    bounces,
    brake,
    bulk,
    courtesy,
    elsewhere,
    indirect,
    notices,
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
from mail_service.rules.context import Action, Check, RuleContext

RULES: tuple[tuple[str, Check, Action], ...] = (
    ("ours", ours.check, "silent"),
    ("bounce", bounces.check, "silent"),
    ("out_of_office", out_of_office.check, "silent"),
    ("automatic", automatic.check, "silent"),
    ("notice", notices.check, "silent"),
    ("indirect", indirect.check, "quarantined"),
    ("bulk", bulk.check, "silent"),
    ("robot", robots.check, "silent"),
    ("elsewhere", elsewhere.check, "silent"),
    ("sender", senders.check, "silent"),
    ("courtesy", courtesy.check, "silent"),
    ("machine", robots.check_doubtful, "quarantined"),
    ("absence", out_of_office.check_doubtful, "quarantined"),
    ("too_big", too_big.check, "quarantined"),
    ("unauthenticated", unauthenticated.check, "quarantined"),
    ("spam", spam.check, "quarantined"),
    ("brake", brake.check, "silent"),
    ("pace", pace.check, "quarantined"),
    ("quota", quotas.check, "quarantined"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that matched: its name, the id of the condition, and the state the mail gets."""

    rule: str
    condition: str
    action: Action

    def __str__(self) -> str:
        return f"{self.rule}:{self.condition}"


def reasons_not_to_answer(mail: Mail, context: RuleContext) -> tuple[Finding, ...]:
    """Return every rule that matched, the deciding one first."""
    results = ((name, check(mail, context), action) for name, check, action in RULES)
    return tuple(Finding(name, matched, action) for name, matched, action in results if matched)
