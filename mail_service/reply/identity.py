"""Who our mail is from: the name and address of a mailbox, and its DKIM key."""

from dataclasses import dataclass

import dkim

from shared.languages import Language

SIGNED_FIELDS = (
    b"from to reply-to subject date message-id in-reply-to references auto-submitted mime-version "
    b"content-type"
).split()


@dataclass(frozen=True, slots=True)
class DkimSigner:
    """A DKIM key (RFC 6376); `key` is PEM."""

    selector: str
    domain: str
    key: bytes

    def sign(self, content: bytes) -> bytes:
        """Return the mail with a DKIM-Signature field in front."""
        signature: bytes = dkim.sign(
            content,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            include_headers=list(SIGNED_FIELDS),
        )
        return signature + content


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """The sender of our replies, and what they say about it; `text_days` is the retention time.

    `language`: of a reply to a mail that tells none. `signature`: lines below the closing; the name
    where there are none.
    """

    name: str
    address: str
    language: Language = "fr"
    signature: tuple[str, ...] = ()
    privacy_url: str = ""
    feedback_url: str = ""
    text_days: int = 30
    plus_addresses: bool = False
    signer: DkimSigner | None = None

    @property
    def signature_lines(self) -> tuple[str, ...]:
        """Return the lines below the closing."""
        return self.signature or (self.name,)

    @property
    def domain(self) -> str:
        """Return the domain of our address."""
        return self.address.rpartition("@")[2]
