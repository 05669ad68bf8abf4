"""SPF (RFC 7208): may the connecting host send for the envelope's domain?

We see the mailbox, not the connection: the client's address and the envelope's sender are those
that our own server wrote down (delivery_path.py). SPF itself is evaluated by pyspf.
"""

from typing import Any

import dns.exception
import dns.resolver
import spf

from mail_service.errors import NameServerLost
from mail_service.sender_checks.delivery_path import DeliveryPath

DNS_TIMEOUT_S = 5
CHECK_TIMEOUT_S = 10
NO_HELO = "unknown.invalid"
"""Stands for the HELO name, which the sender chooses."""
DnsRecord = tuple[tuple[str, str], object]


def domain_sent_for(path: DeliveryPath) -> str | None:
    """Return the envelope's domain when SPF passes for it, in A-labels; None otherwise.

    Blocks on DNS for `CHECK_TIMEOUT_S` at most. Raises NameServerLost when it does not answer.
    """
    sender, client = path.envelope_sender, path.client
    if sender is None or client is None:
        return None
    try:
        result, _ = spf.check2(
            i=str(client), s=sender.address, h=NO_HELO, querytime=CHECK_TIMEOUT_S
        )
    except (ArithmeticError, LookupError, TypeError, ValueError):  # a record pyspf trips over
        return None
    if result == "temperror":
        raise NameServerLost("SPF")
    return sender.domain if result == "pass" else None


def find_records(name: str, kind: str, _strict: bool = True, timeout: float = 0) -> list[DnsRecord]:
    """Return a name's DNS records as pyspf wants them; an empty list when there are none.

    Raises spf.TempError when the system resolver does not answer.
    """
    lifetime_s = min(timeout or DNS_TIMEOUT_S, DNS_TIMEOUT_S)
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=lifetime_s)
    except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
        return []
    except (dns.exception.DNSException, UnicodeError) as error:
        raise spf.TempError(f"DNS: {error}") from error
    return [((name, kind), _data(record, kind)) for record in answer]


def _data(record: Any, kind: str) -> object:
    if kind == "TXT":
        return record.strings
    if kind == "MX":
        return record.preference, record.exchange.to_text(omit_final_dot=True)
    if kind == "PTR":
        return record.target.to_text(omit_final_dot=True)
    return record.to_text()


spf.DNSLookup = find_records
