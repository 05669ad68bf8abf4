"""Which mail of ours a delivery report is about, and whether the failure is permanent.

Anybody can write a mail that looks like a bounce, and a Message-ID of ours is known to everybody to
whom the letter was forwarded. So a report counts only when it is a delivery status notification
(RFC 3464), has the null return path that RFC 3464, section 2 asks for, and arrived at the envelope
sender of one letter, `bounces+TOKEN@` the bounce domain, where only our relay and the recipient's
server have read TOKEN.
"""

import re
from dataclasses import dataclass

from mail_service.reading.message import DELIVERY_STATUS, Mail

TOKEN = re.compile(r"bounces\+([a-z2-7]{26})@(.+)")


@dataclass(frozen=True, slots=True)
class BounceReport:
    """The envelope token of the letter that bounced; `hard` is a permanent failure."""

    token: str
    hard: bool

    @classmethod
    def read(cls, mail: Mail, bounce_domain: str) -> "BounceReport | None":
        """Return the report, or None when the mail is no bounce of ours.

        Without a bounce domain our letters leave with a null sender, so that none can come back.
        """
        paths = mail.all("return-path")
        if paths and paths[0].strip() not in {"", "<>"}:
            return None
        if not bounce_domain or DELIVERY_STATUS not in mail.content_types:
            return None
        arrived = [TOKEN.fullmatch(each.address) for each in mail.recipients]
        tokens = {m[1] for m in arrived if m and m[2] == bounce_domain.lower()}
        failures = [each for each in mail.delivery_statuses if each.startswith(("4", "5"))]
        if len(tokens) != 1 or not failures:
            return None
        return cls(tokens.pop(), hard=any(each.startswith("5") for each in failures))
