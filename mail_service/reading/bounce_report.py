"""Which mail of ours a bounce reports, and whether it is permanent (RFC 3464, RFC 3463).

Only unforgeable identifiers count: the token of the envelope sender and our Message-IDs.
"""

import re
from dataclasses import dataclass

from mail_service.reading.message import MESSAGE_ID, Mail

TOKEN = re.compile(r"bounces\+([0-9a-f]{20})@")


@dataclass(frozen=True, slots=True)
class BounceReport:
    """The identifiers in a bounce; `hard` is a permanent failure."""

    tokens: tuple[str, ...]
    message_ids: tuple[str, ...]
    hard: bool

    @classmethod
    def read(cls, mail: Mail) -> "BounceReport":
        """Parse a bounce; a standard one encloses our mail, others quote it."""
        tokens = [m[1] for to in mail.recipients if (m := TOKEN.match(to.address))]
        quoted = MESSAGE_ID.findall(mail.full_text)
        ids = dict.fromkeys((*mail.enclosed_ids, *mail.references, *quoted))
        hard = any(status.startswith("5") for status in mail.delivery_statuses)
        return cls(tuple(tokens), tuple(ids), hard)
