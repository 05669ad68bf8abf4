"""Is the sender who the From line says? `pass`, `fail` or `unknown`.

First source: the topmost Authentication-Results (RFC 8601) of the one server we trust. Second,
when asked for: our own DKIM and SPF checks and the DMARC policy of the sender's domain (RFC 7489).
Alignment is stricter than relaxed DMARC, for want of a public suffix list: the domain that signs,
or the envelope's, must be the From domain or a parent of it.
"""

import asyncio
import re
from collections.abc import Callable

import dkim
import dns.exception
import dns.resolver

from mail_service.reading.message import Mail
from mail_service.rules.desk import Verdict
from mail_service.sender_checks.sender_policy import sender_policy_passes

DNS_TIMEOUT_S = 5
CHECK_TIMEOUT_S = 30.0
MAX_SIGNATURES = 5
COMMENT = re.compile(r"\([^()]*\)")
DMARC = re.compile(r"\bdmarc\s*=\s*(\w+)", re.IGNORECASE)
POLICY = re.compile(rb"(?:^|;)\s*p\s*=\s*(none|quarantine|reject)", re.IGNORECASE)
SIGNER = re.compile(r"(?:^|;)\s*d\s*=\s*([^;\s]+)", re.IGNORECASE)

FindText = Callable[[bytes], bytes | None]
"""Return the TXT record of a DNS name, or None; called in a thread."""


def trusted_verdict(mail: Mail, server: str) -> Verdict:
    """Return what `server` found out, from the topmost results that bear its name.

    Only DMARC counts: SPF or DKIM alone say nothing about the From line.
    """
    for value in mail.all("authentication-results"):
        plain = COMMENT.sub(" ", value)
        name, _, results = plain.partition(";")
        if name.split()[:1] != [server]:
            continue
        found = DMARC.search(results)
        said = found[1].lower() if found else ""
        if said == "pass" and _from_matches(results, mail.sender.domain):
            return "pass"
        return "fail" if said == "fail" else "unknown"
    return "unknown"


async def own_verdict(
    mail: Mail, raw: bytes, server: str = "", find_text: FindText | None = None
) -> Verdict:
    """Verify signatures and policy ourselves; what takes too long is unknown.

    `server` is the one that took the mail from its sender; without it SPF is not checked.
    """
    ask = find_text or find_txt
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await asyncio.to_thread(_verify, mail, raw, server, ask)
    except TimeoutError:
        return "unknown"


def find_txt(name: bytes) -> bytes | None:
    """Return a TXT record from the machine's resolver, or None."""
    try:
        answer = dns.resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=DNS_TIMEOUT_S)
    except (dns.exception.DNSException, UnicodeError):
        return None
    return next((b"".join(record.strings) for record in answer), None)


def _verify(mail: Mail, raw: bytes, server: str, ask: FindText) -> Verdict:
    domain = mail.sender.domain
    if _signed(mail, raw, domain, ask) or (server and sender_policy_passes(mail, server)):
        return "pass"
    record = ask(f"_dmarc.{domain}".encode()) or b""
    policy = POLICY.search(record) if record.startswith(b"v=DMARC1") else None
    return "fail" if policy and policy[1].lower() != b"none" else "unknown"


def _signed(mail: Mail, raw: bytes, domain: str, ask: FindText) -> bool:
    signatures = mail.all("dkim-signature")[:MAX_SIGNATURES]
    verifier = dkim.DKIM(raw)
    for number, signature in enumerate(signatures):
        signer = SIGNER.search(signature)
        if signer and f".{domain}".endswith(f".{signer[1].lower()}") and "." in signer[1]:
            try:
                if verifier.verify(idx=number, dnsfunc=lambda name, timeout=5: ask(name)):
                    return True
            except (dkim.DKIMException, ValueError, IndexError):
                continue
    return False


def _from_matches(results: str, domain: str) -> bool:
    """Tell whether the domain that passed is the one in the From line we read."""
    named = re.search(r"header\.from\s*=\s*\"?([^\s;\"]+)", results, re.IGNORECASE)
    return not named or named[1].lower().rpartition("@")[2].rstrip(".") == domain
