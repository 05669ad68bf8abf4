"""TXT records, from the system's resolver."""

from collections.abc import Callable

import dns.exception
import dns.resolver

from mail_service.errors import NameServerLost

DNS_TIMEOUT_S = 5
MAX_RECORD_BYTES = 4_096
"""An RSA key of 16,384 bits has 2,800 bytes; what is longer only costs time."""

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
    records = (b"".join(record.strings) for record in answer)
    return tuple(record for record in records if len(record) <= MAX_RECORD_BYTES)
