"""Which mail of ours a bounce is about, and whether it is final (RFC 3464, RFC 3463).

Only marks nobody can guess count: the token of the envelope sender and our own Message-IDs.
"""

import re
from dataclasses import dataclass

from mail_service.reading.message import MESSAGE_ID, Mail

TOKEN = re.compile(r"bounces\+([0-9a-f]{20})@")


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What a bounce says."""

    tokens: tuple[str, ...]
    message_ids: tuple[str, ...]
    hard: bool

    @classmethod
    def read(cls, mail: Mail) -> "BounceReport":
        """Read a bounce; a standard one names the mail it encloses, others quote it."""
        tokens = [m[1] for to in mail.recipients if (m := TOKEN.match(to.address))]
        quoted = MESSAGE_ID.findall(mail.full_text)
        ids = dict.fromkeys((*mail.enclosed_ids, *mail.references, *quoted))
        hard = any(status.startswith("5") for status in mail.delivery_statuses)
        return cls(tuple(tokens), tuple(ids), hard)
