"""SPF (RFC 7208): may the connecting host send for the envelope's domain?

We see the mailbox, not the connection, so the client's address and HELO name are read from the
topmost Received field (RFC 5321, 4.4) of the trusted server, which wrote it itself; the fields
below it are untrusted. SPF itself is evaluated by pyspf.
"""

import re
from ipaddress import ip_address
from typing import Any, NamedTuple

import dns.exception
import dns.resolver
import spf

from mail_service.reading.message import Mail

DNS_TIMEOUT_S = 5
CHECK_TIMEOUT_S = 15
BY = re.compile(r"\sby\s+([^\s;]+)")
ADDRESS = re.compile(r"\[(?:IPv6:)?([0-9A-Fa-f.:]+)\]")
DnsRecord = tuple[tuple[str, str], object]


class Client(NamedTuple):
    """The SMTP client that handed a mail to our server: its address and its HELO name."""

    address: str
    helo: str


def sender_policy_passes(mail: Mail, server: str) -> bool:
    """Return whether SPF passes for an envelope domain that is the From domain or a parent of it.

    Blocks on DNS for `CHECK_TIMEOUT_S` at most.
    """
    client = client_of(mail, server)
    envelope = mail.first("return-path").strip().strip("<>")
    domain = envelope.rpartition("@")[2].lower()
    if client is None or "." not in domain or not f".{mail.sender.domain}".endswith(f".{domain}"):
        return False
    result, _ = spf.check2(i=client.address, s=envelope, h=client.helo, querytime=CHECK_TIMEOUT_S)
    return bool(result == "pass")


def client_of(mail: Mail, server: str) -> Client | None:
    """Return the client that handed `mail` to `server`, as `server` recorded it."""
    for received in mail.all("received"):
        before, by, _ = _parts(received)
        if by.lower() != server.lower():
            continue
        addresses = ADDRESS.findall(before)
        words = before.split()
        if not addresses or words[:1] != ["from"] or len(words) < 2:
            return None
        return Client(addresses[-1], words[1]) if _valid(addresses[-1]) else None
    return None


def _parts(received: str) -> tuple[str, str, str]:
    by = BY.search(received)
    if by is None:
        return received, "", ""
    return received[: by.start()], by[1], received[by.end() :]


def _valid(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


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
