"""The DMARC policy of a sender's domain, and alignment with it (RFC 7489, 3.1, 6.3 and 6.6.3)."""

from dataclasses import dataclass
from typing import Literal

from mail_service.sender_checks.domain_names import is_public_suffix, organizational_domain
from mail_service.sender_checks.name_server import FindText

Alignment = Literal["strict", "relaxed", "parent"]
"""How an identifier must match the From domain: `strict`, the same; `relaxed`, of the same
organization; `parent`, where no policy was read: the same or above it, so that nobody who was given
a subdomain speaks for the domain."""

VERSION = b"v=DMARC1"
REFUSALS = {"quarantine", "reject"}


@dataclass(frozen=True, slots=True)
class DmarcPolicy:
    """What a domain publishes: whether others' mail is to be refused, and the alignments."""

    refuses: bool = False
    dkim: Alignment = "parent"
    spf: Alignment = "parent"


NO_POLICY = DmarcPolicy()


def find_policy(domain: str, find_text: FindText) -> DmarcPolicy:
    """Return the policy of `domain` or of its organizational domain.

    Raises NameServerLost when it cannot be known.
    """
    above = organizational_domain(domain)
    for name in dict.fromkeys((domain, above)):
        tags = _only_record(find_text(f"_dmarc.{name}"))
        if tags is not None:
            policy = tags.get("sp", tags.get("p")) if name != domain else tags.get("p")
            return DmarcPolicy(
                policy in REFUSALS, _alignment(tags, "adkim"), _alignment(tags, "aspf")
            )
    return NO_POLICY


def is_aligned(identifier: str, domain: str, alignment: Alignment) -> bool:
    """Return whether a proven domain speaks for the From domain; both in A-labels."""
    if identifier == domain:
        return True
    if alignment == "strict" or is_public_suffix(identifier):
        return False
    if alignment == "parent":
        return domain.endswith(f".{identifier}")
    return organizational_domain(identifier) == organizational_domain(domain)


def _only_record(records: tuple[bytes, ...]) -> dict[str, str] | None:
    """Return the tags of the one DMARC record; several count as none (RFC 7489, 6.6.3)."""
    found = [record for record in records if record.split(b";")[0].replace(b" ", b"") == VERSION]
    if len(found) != 1:
        return None
    pairs = (tag.partition("=") for tag in found[0].decode("ascii", "replace").split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def _alignment(tags: dict[str, str], name: str) -> Alignment:
    return "relaxed" if tags.get(name, "r") == "r" else "strict"
