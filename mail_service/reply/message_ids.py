"""Message-IDs, reply addresses and envelope tokens of our mail, which only we can make.

Each carries 128 bits of a keyed hash of the mail that is answered, so that nobody can guess one and
composing a reply again gives the same one. Those a recipient answers with are bound to their
address: only a reply from that address proves that our letter was received there (decision 0104).
"""

import base64
import re
from dataclasses import replace

from mail_service.ledger.records import OutgoingKind
from mail_service.reading.message import Mail
from mail_service.reply.identity import SenderIdentity
from shared.privacy.encryption import Encryption

MARK_BYTES = 16
MARK = "[a-z2-7]{26}"
"""Base32 of MARK_BYTES, without padding: reply addresses lose their case on the way."""
RECIPIENT_CHARACTERS = 12
"""Of the mark of a recipient, in a Message-ID that should fit on a line."""
OURS = re.compile(rf"<r-({MARK})\.([a-z2-7]{{12}})\.(\d{{1,18}})\.(reply|holding|erasure)@.+>")
REPLY_TOKEN = re.compile(rf"\+r(\d{{1,18}})\.{MARK}@")


class MessageIds:
    """Makes and recognises the identifiers of our mail."""

    def __init__(self, identity: SenderIdentity, encryption: Encryption) -> None:
        self._identity = identity
        self._encryption = encryption

    def message_id(self, mail_id: int, kind: OutgoingKind, recipient: str) -> str:
        """Return the Message-ID of our mail to `recipient` about a mail."""
        return self._message_id(mail_id, kind, self._recipient_mark(recipient))

    def is_ours(self, message_id: str) -> bool:
        """Return whether we made this Message-ID."""
        found = OURS.fullmatch(message_id)
        return found is not None and message_id == self._message_id(
            int(found[3]), OutgoingKind(found[4]), found[2]
        )

    def was_sent_to(self, message_id: str, recipient: str) -> bool:
        """Return whether this is the Message-ID of a mail of ours to `recipient`."""
        found = OURS.fullmatch(message_id)
        return (
            found is not None
            and found[2] == self._recipient_mark(recipient)
            and self.is_ours(message_id)
        )

    def reply_address(self, mail_id: int, recipient: str) -> str:
        """Return our address with a token that names the conversation (RFC 5233)."""
        mark = self._mark(f"{mail_id}.{self._recipient_mark(recipient)}", "our reply address")
        local, _, domain = self._identity.address.rpartition("@")
        return f"{local}+r{mail_id}.{mark}@{domain}"

    def envelope_token(self, mail_id: int, kind: OutgoingKind) -> str:
        """Return the token of the envelope sender, by which a bounce is matched."""
        return self._mark(f"{mail_id}.{kind}", "envelope")

    def with_reply_references(self, mail: Mail) -> Mail:
        """Return the mail with the replies whose tokens are in its recipients as references.

        Only tokens made for its sender count: a token is forwarded with the mail.
        """
        sender = mail.sender.address
        tokens = [REPLY_TOKEN.search(each.address) for each in mail.recipients]
        mail_ids = {
            int(token[1])
            for token in tokens
            if token and token.string == self.reply_address(int(token[1]), sender).lower()
        }
        ours = [self.message_id(each, OutgoingKind.REPLY, sender) for each in sorted(mail_ids)]
        return replace(mail, references=tuple(dict.fromkeys((*mail.references, *ours))))

    def _message_id(self, mail_id: int, kind: OutgoingKind, recipient_mark: str) -> str:
        mark = self._mark(f"{mail_id}.{kind}.{recipient_mark}", "our message id")
        return f"<r-{mark}.{recipient_mark}.{mail_id}.{kind}@{self._identity.domain}>"

    def _recipient_mark(self, recipient: str) -> str:
        return self._mark(recipient.strip().lower(), "our recipient")[:RECIPIENT_CHARACTERS]

    def _mark(self, text: str, purpose: str) -> str:
        digest = self._encryption.fingerprint(text, purpose)[:MARK_BYTES]
        return base64.b32encode(digest).decode().rstrip("=").lower()
