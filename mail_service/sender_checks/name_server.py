"""TXT records, from the system's resolver."""

import time
from collections.abc import Callable

import dns.exception
import dns.resolver

from mail_service.errors import NameServerLost

DNS_TIMEOUT_S = 5
FindText = Callable[[str], tuple[bytes, ...]]
"""Returns the TXT records of a DNS name, none when there are none; called in a thread."""


def find_text(name: str) -> tuple[bytes, ...]:
    """Return the TXT records of `name`; raises NameServerLost when the resolver does not answer."""
    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=DNS_TIMEOUT_S, search=False)
    except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
        return ()
    except (dns.exception.DNSException, UnicodeError) as error:
        raise NameServerLost(type(error).__name__) from error
    return tuple(b"".join(record.strings) for record in answer)


def until(deadline_s: float, lookup: FindText) -> FindText:
    """Return `lookup` that asks nothing more after `deadline_s` of the monotonic clock."""

    def find(name: str) -> tuple[bytes, ...]:
        if time.monotonic() > deadline_s:
            raise NameServerLost("deadline")
        return lookup(name)

    return find
