"""The links by which a reader says whether a letter helped.

A link names the letter, never its reader, and only we can make one: 128 bits of a keyed hash. It is
the same for everybody the letter is forwarded to, and tells us nothing of who opens it.
"""

import base64
import hmac
import re

from shared.languages import Language
from shared.privacy.encryption import Encryption

MARK_BYTES = 16
TOKEN = re.compile(r"(\d{1,18})\.([a-z2-7]{26})")
ANSWERS = ("yes", "no")


class FeedbackLinks:
    """Makes and recognises the links below a public base address; without one there are none."""

    def __init__(self, base_url: str, encryption: Encryption) -> None:
        self._base_url = base_url.rstrip("/")
        self._encryption = encryption

    def links(self, mail_id: int, language: Language) -> dict[str, str]:
        """Return the address of each of ANSWERS for the letter to a mail; empty without a base."""
        if not self._base_url:
            return {}
        path = f"{self._base_url}/feedback/{language}/{self.token(mail_id)}"
        return {answer: f"{path}/{answer}" for answer in ANSWERS}

    def token(self, mail_id: int) -> str:
        """Return the token that names the letter to a mail."""
        digest = self._encryption.fingerprint(str(mail_id), "feedback")[:MARK_BYTES]
        return f"{mail_id}.{base64.b32encode(digest).decode().rstrip('=').lower()}"

    def mail_id_of(self, token: str) -> int | None:
        """Return the number of the mail whose letter a token names; None when we made no such."""
        found = TOKEN.fullmatch(token)
        if not found or not hmac.compare_digest(self.token(int(found[1])), token):
            return None
        return int(found[1])
