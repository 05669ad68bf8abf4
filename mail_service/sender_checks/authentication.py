"""Sender authentication: is the one visible From address proven? Decided from the mail's bytes.

First source: the Authentication-Results (RFC 8601) that our own server wrote. Second, when enabled:
our own DKIM and SPF checks and the DMARC policy of the sender's domain (RFC 7489). Whatever is
malformed, repeated or readable in two ways proves nothing; no mail raises.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from mail_service.errors import NameServerLost
from mail_service.sender_checks.authentication_results import (
    AuthenticationResults,
    MethodResult,
    read_authserv_id,
    read_results,
)
from mail_service.sender_checks.delivery_path import DeliveryPath, delivery_path
from mail_service.sender_checks.dkim_signatures import signing_domains
from mail_service.sender_checks.dmarc_policy import find_policy, is_aligned
from mail_service.sender_checks.from_address import FromAddress, comparable, from_address
from mail_service.sender_checks.name_server import FindText, find_text, until
from mail_service.sender_checks.raw_header import (
    HeaderField,
    MalformedHeader,
    RawHeader,
    read_header,
)
from mail_service.sender_checks.sender_policy import domain_sent_for
from mail_service.settings import AuthenticationSettings

CHECK_TIMEOUT_S = 20.0

Method = Literal["dmarc", "dkim", "spf"]


class Outcome(StrEnum):
    """Whether the sender is proven, probably forged, or neither."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """Whether a mail's sender is proven: the one thing that everything asking for proof reads.

    `address` is the proven or alleged From address as `FromAddress` spells it, "" when there is no
    single one. `method` proved it and `domain` is the aligned domain, in A-labels; both are "" when
    nothing did. `reason` says why in plain words and holds nothing of the mail.
    """

    outcome: Outcome
    reason: str
    address: str = ""
    method: Method | Literal[""] = ""
    domain: str = ""

    @property
    def passed(self) -> bool:
        """Return whether `address` is proven."""
        return self.outcome is Outcome.PASS

    def proves(self, address: str) -> bool:
        """Return whether `address` is the proven one, in whatever case or form of its domain."""
        return self.passed and comparable(address) == self.address != ""


async def authenticate(
    raw: bytes, settings: AuthenticationSettings, lookup: FindText = find_text
) -> AuthenticationResult:
    """Return whether the sender of `raw`, as fetched from the mailbox, is proven; never raises."""
    limited = until(time.monotonic() + CHECK_TIMEOUT_S, lookup)
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await asyncio.to_thread(authenticate_now, raw, settings, limited)
    except TimeoutError:
        return AuthenticationResult(Outcome.UNKNOWN, "the checks took too long")


def authenticate_now(
    raw: bytes, settings: AuthenticationSettings, lookup: FindText = find_text
) -> AuthenticationResult:
    """Do the same in this thread; blocks on DNS."""
    try:
        header = read_header(raw)
        sender = from_address(header)
        header.refuse_repeated()
    except MalformedHeader as error:
        outcome = Outcome.FAIL if error.forged else Outcome.UNKNOWN
        return AuthenticationResult(outcome, str(error))
    path = delivery_path(header, _own_names(settings))
    try:
        return _decide(header, raw[header.body_at :], path, sender, settings, lookup)
    except NameServerLost:
        return _nothing(sender, "the name server does not answer")


def _decide(
    header: RawHeader,
    body: bytes,
    path: DeliveryPath | None,
    sender: FromAddress,
    settings: AuthenticationSettings,
    lookup: FindText,
) -> AuthenticationResult:
    """Ask our server's fields above its Received line, those below it, then our own checks.

    A sender may have written below that line, under our server's name, if it removes nothing: a
    pass from there does not stand against our own checks, where they are enabled.
    """
    above, below = (path.above, path.below) if path else ((), ())
    said = _server_says(above, settings, sender)
    if said.outcome is not Outcome.UNKNOWN:
        return said
    if not (settings.results_above_received or _wrote(above, settings)):
        said = _server_says((*above, *below), settings, sender)
    if path is None:
        said = _nothing(sender, "our server's Received line does not stand on top")
    if said.outcome is Outcome.FAIL or not settings.dns:
        return said
    checked = _check(header, body, path, sender, lookup)
    return said if said.passed and checked.outcome is Outcome.UNKNOWN else checked


def _own_names(settings: AuthenticationSettings) -> frozenset[str]:
    return frozenset(f"{settings.server} {settings.received_by}".lower().split())


def _wrote(fields: Sequence[HeaderField], settings: AuthenticationSettings) -> bool:
    """Whether our server's results are among the fields: then it writes none anywhere else."""
    servers = settings.server.lower().split()
    values = [each.unfolded for each in fields if each.name == "authentication-results"]
    try:
        return any(read_authserv_id(value) in servers for value in values)
    except MalformedHeader:
        return True


def _server_says(
    written: Sequence[HeaderField], settings: AuthenticationSettings, sender: FromAddress
) -> AuthenticationResult:
    """Return what our server found out, from the topmost of its fields that has a DMARC result."""
    servers = settings.server.lower().split()
    values = [each.unfolded for each in written if each.name == "authentication-results"]
    try:
        fields = [read_results(value) for value in values if read_authserv_id(value) in servers]
    except MalformedHeader as error:
        return _nothing(sender, str(error))
    for field in fields:
        if field.of("dmarc"):
            return _dmarc_says(field.of("dmarc"), fields, sender)
    return _parts_say(fields, sender)


def _dmarc_says(
    found: Sequence[MethodResult], fields: Sequence[AuthenticationResults], sender: FromAddress
) -> AuthenticationResult:
    results = {each.result for each in found}
    if results == {"pass"}:
        if any(each.domain("header.from") != sender.domain for each in found):
            return _failed(sender, "our server's DMARC result is about another From domain")
        return _passed(sender, "dmarc", sender.domain, "our server found DMARC to pass")
    if "fail" in results:
        return _failed(sender, "our server found DMARC to fail")
    if results == {"none"}:
        return _parts_say(fields, sender)
    return _nothing(sender, "our server's DMARC result is neither pass nor fail")


def _parts_say(
    fields: Sequence[AuthenticationResults], sender: FromAddress
) -> AuthenticationResult:
    """Return what DKIM and SPF alone prove, where our server published no DMARC result."""
    methods: tuple[tuple[Method, tuple[str, ...]], ...] = (
        ("dkim", ("header.d", "header.i")),
        ("spf", ("smtp.mailfrom",)),
    )
    for method, names in methods:
        results = next((field.of(method) for field in fields if field.of(method)), ())
        for result in results:
            domain = _identifier(result, names)
            if result.result == "pass" and domain and is_aligned(domain, sender.domain, "parent"):
                reason = f"our server found {method.upper()} to pass"
                return _passed(sender, method, domain, reason)
    return _nothing(sender, "our server says nothing that proves the sender")


def _identifier(result: MethodResult, names: tuple[str, ...]) -> str | None:
    present = [name for name in names if any(key == name for key, _ in result.properties)]
    return result.domain(present[0]) if present else None


def _check(
    header: RawHeader, body: bytes, path: DeliveryPath | None, sender: FromAddress, lookup: FindText
) -> AuthenticationResult:
    """Verify DKIM, then SPF, then say what the sender's policy wants; raises NameServerLost."""
    policy = find_policy(sender.domain, lookup)
    signed = signing_domains(
        header, body, lookup, lambda domain: is_aligned(domain, sender.domain, policy.dkim)
    )
    domain = next(signed, None)
    if domain is not None:
        return _passed(sender, "dkim", domain, "an aligned DKIM signature is valid")
    domain = domain_sent_for(path) if path else None
    if domain is not None and is_aligned(domain, sender.domain, policy.spf):
        return _passed(sender, "spf", domain, "SPF passes for an aligned envelope")
    if policy.refuses:
        return _failed(sender, "nothing aligned passes, and the sender's policy refuses that")
    return _nothing(sender, "nothing aligned passes")


def _passed(sender: FromAddress, method: Method, domain: str, reason: str) -> AuthenticationResult:
    return AuthenticationResult(Outcome.PASS, reason, sender.address, method, domain)


def _failed(sender: FromAddress, reason: str) -> AuthenticationResult:
    return AuthenticationResult(Outcome.FAIL, reason, sender.address)


def _nothing(sender: FromAddress, reason: str) -> AuthenticationResult:
    return AuthenticationResult(Outcome.UNKNOWN, reason, sender.address)
