"""Message-IDs, reply addresses and envelope tokens of our mail, which only we can make.

Each is derived from the id of the mail that is answered, so composing a reply again gives the same
ones.
"""

import re
from dataclasses import replace

from mail_service.ledger.records import OutgoingKind
from mail_service.reading.message import Mail
from mail_service.reply.identity import SenderIdentity
from shared.privacy.encryption import Encryption

OURS = re.compile(r"<r-[0-9a-f]{16}\.(\d{1,18})\.(reply|holding|erasure)@.+>")
REPLY_TOKEN = re.compile(r"\+r(\d{1,18})\.[0-9a-f]{16}@")


class MessageIds:
    """Makes and recognises the identifiers of our mail."""

    def __init__(self, identity: SenderIdentity, encryption: Encryption) -> None:
        self._identity = identity
        self._encryption = encryption

    def message_id(self, mail_id: int, kind: OutgoingKind) -> str:
        """Return the Message-ID of our mail about a mail."""
        mark = self._encryption.fingerprint(f"{mail_id}.{kind}", "our message id").hex()[:16]
        return f"<r-{mark}.{mail_id}.{kind}@{self._identity.domain}>"

    def is_ours(self, message_id: str) -> bool:
        """Return whether we made this Message-ID."""
        found = OURS.fullmatch(message_id)
        return found is not None and message_id == self.message_id(
            int(found[1]), OutgoingKind(found[2])
        )

    def reply_address(self, mail_id: int) -> str:
        """Return our address with a token that names the conversation (RFC 5233)."""
        mark = self._encryption.fingerprint(str(mail_id), "our reply address").hex()[:16]
        local, _, domain = self._identity.address.rpartition("@")
        return f"{local}+r{mail_id}.{mark}@{domain}"

    def envelope_token(self, mail_id: int, kind: OutgoingKind) -> str:
        """Return the token of the envelope sender, by which a bounce is matched."""
        return self._encryption.fingerprint(f"{mail_id}.{kind}", "envelope").hex()[:20]

    def with_reply_references(self, mail: Mail) -> Mail:
        """Return the mail with the replies whose tokens are in its recipients as references.

        The sender must still be the participant of that conversation: a token is forwarded with
        the mail.
        """
        tokens = [REPLY_TOKEN.search(each.address) for each in mail.recipients]
        mail_ids = {
            int(token[1])
            for token in tokens
            if token and token.string == self.reply_address(int(token[1])).lower()
        }
        ours = [self.message_id(mail_id, OutgoingKind.REPLY) for mail_id in sorted(mail_ids)]
        return replace(mail, references=tuple(dict.fromkeys((*mail.references, *ours))))
