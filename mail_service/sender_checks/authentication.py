"""Sender authentication: is the From address genuine? `pass`, `fail` or `unknown`.

First source: the topmost Authentication-Results (RFC 8601) of the trusted server. Second, when
enabled: our own DKIM and SPF checks and the DMARC policy of the sender's domain (RFC 7489).
Alignment is stricter than relaxed DMARC, for want of a public suffix list: the signing domain, or
the envelope's, must be the From domain or a parent of it.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Literal

import dkim
import dns.exception
import dns.resolver

from mail_service.reading.message import Mail
from mail_service.sender_checks.sender_policy import sender_policy_passes

AuthenticationResult = Literal["pass", "fail", "unknown"]

DNS_TIMEOUT_S = 5
CHECK_TIMEOUT_S = 30.0
MAX_SIGNATURES = 5
COMMENT = re.compile(r"\([^()]*\)")
DMARC = re.compile(r"\bdmarc\s*=\s*(\w+)", re.IGNORECASE)
POLICY = re.compile(rb"(?:^|;)\s*p\s*=\s*(none|quarantine|reject)", re.IGNORECASE)
SIGNER = re.compile(r"(?:^|;)\s*d\s*=\s*([^;\s]+)", re.IGNORECASE)

FindText = Callable[[bytes], bytes | None]
"""Returns the TXT record of a DNS name, or None; called in a thread."""


def trusted_result(mail: Mail, server: str) -> AuthenticationResult:
    """Return the DMARC result of `server`, from its topmost Authentication-Results field.

    Only DMARC counts: SPF or DKIM alone do not authenticate the From address.
    """
    for value in mail.all("authentication-results"):
        plain = COMMENT.sub(" ", value)
        name, _, results = plain.partition(";")
        if name.split()[:1] != [server]:
            continue
        found = DMARC.search(results)
        result = found[1].lower() if found else ""
        if result == "pass" and _from_matches(results, mail.sender.domain):
            return "pass"
        return "fail" if result == "fail" else "unknown"
    return "unknown"


async def verify_sender(
    mail: Mail, raw: bytes, server: str = "", find_text: FindText | None = None
) -> AuthenticationResult:
    """Verify DKIM, SPF and the DMARC policy ourselves; a timeout gives `unknown`.

    `server` is the one that received the mail from outside; without it SPF is not checked.
    """
    lookup = find_text or find_txt
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await asyncio.to_thread(_verify, mail, raw, server, lookup)
    except TimeoutError:
        return "unknown"


def find_txt(name: bytes) -> bytes | None:
    """Return a TXT record from the system resolver, or None."""
    try:
        answer = dns.resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=DNS_TIMEOUT_S)
    except (dns.exception.DNSException, UnicodeError):
        return None
    return next((b"".join(record.strings) for record in answer), None)


def _verify(mail: Mail, raw: bytes, server: str, lookup: FindText) -> AuthenticationResult:
    domain = mail.sender.domain
    if _signed(mail, raw, domain, lookup) or (server and sender_policy_passes(mail, server)):
        return "pass"
    record = lookup(f"_dmarc.{domain}".encode()) or b""
    policy = POLICY.search(record) if record.startswith(b"v=DMARC1") else None
    return "fail" if policy and policy[1].lower() != b"none" else "unknown"


def _signed(mail: Mail, raw: bytes, domain: str, lookup: FindText) -> bool:
    signatures = mail.all("dkim-signature")[:MAX_SIGNATURES]
    verifier = dkim.DKIM(raw)
    for number, signature in enumerate(signatures):
        signer = SIGNER.search(signature)
        if signer and f".{domain}".endswith(f".{signer[1].lower()}") and "." in signer[1]:
            try:
                if verifier.verify(idx=number, dnsfunc=lambda name, timeout=5: lookup(name)):
                    return True
            except (dkim.DKIMException, ValueError, IndexError):
                continue
    return False


def _from_matches(results: str, domain: str) -> bool:
    """Return whether the domain that passed is the one of the parsed From address."""
    named = re.search(r"header\.from\s*=\s*\"?([^\s;\"]+)", results, re.IGNORECASE)
    return not named or named[1].lower().rpartition("@")[2].rstrip(".") == domain
