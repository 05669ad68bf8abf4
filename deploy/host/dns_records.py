"""`./neo dns`: prints the DNS records of the three hosts, or checks them.

Sources: MX RFC 5321, SPF RFC 7208, DKIM RFC 6376, DMARC RFC 7489, CAA RFC 8659.
"""

import argparse
import base64
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DOMAIN = "cryptomaltese.com"
HOSTS = ("ai-api", "telegram", "mail")
TIMEOUT_S = 5.0
TEXT_BYTES = 255
"""The longest string of a TXT record (RFC 1035, 3.3)."""


class CannotTell(Exception):
    """The records cannot be derived or looked up; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `text` is written as in a zone file."""

    name: str
    kind: str
    text: str
    why: str

    @property
    def line(self) -> str:
        """Return the line of a zone file."""
        return f"{self.name}.\t3600\tIN\t{self.kind}\t{self.text}"


def records(options: argparse.Namespace) -> list[Record]:
    """Return every record to create. Raises CannotTell when the DKIM key cannot be read."""
    found = []
    for host, kind, addresses in addresses_of(options):
        found += [Record(host, kind, address, "where the service is") for address in addresses]
        found.append(Record(host, "CAA", f'0 issue "{options.authority}"', "who may certify it"))
    domain = options.mail_domain
    found += [
        Record(domain, "MX", f"10 {options.mx}.", "where its mail goes"),
        Record(domain, "TXT", quoted(f"v=spf1 {spf(options)} -all"), "SPF: who may send for it"),
        Record(
            f"_dmarc.{domain}",
            "TXT",
            quoted(f"v=DMARC1; p={options.dmarc}; adkim=s; aspf=r; rua=mailto:{options.reports}"),
            "DMARC: what to do with the rest",
        ),
    ]
    if options.dkim_key:
        name = f"{options.dkim_selector}._domainkey.{domain}"
        found.append(Record(name, "TXT", quoted(dkim(options.dkim_key)), "DKIM: our signature"))
    return list(dict.fromkeys(found))


def addresses_of(options: argparse.Namespace) -> list[tuple[str, str, list[str]]]:
    """Return (host name, kind, addresses); `--address HOST=ADDRESS` overrides the common one."""
    own: dict[str, list[str]] = {}
    for pair in options.address:
        host, _, address = pair.rpartition("=")
        for name in [host] if host else HOSTS:
            own.setdefault(name, []).append(address)
    unknown = set(own) - set(HOSTS)
    if unknown:
        raise CannotTell(f"--address takes {', '.join(HOSTS)}, not {', '.join(sorted(unknown))}")
    return [
        (f"{name}.{options.domain}", kind, matching)
        for name in HOSTS
        for kind, is_six in (("A", False), ("AAAA", True))
        if (matching := [a for a in own.get(name, []) if (":" in a) is is_six])
    ]


def spf(options: argparse.Namespace) -> str:
    """Return the SPF record: the relay's own include where it has one, otherwise the MX."""
    return f"include:{options.spf_include}" if options.spf_include else "mx"


def dkim(key_file: Path) -> str:
    """Return the text of the record for a private key. Raises CannotTell."""
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), None).public_key()
    except (OSError, ValueError, TypeError) as error:
        raise CannotTell(f"the DKIM key {key_file} cannot be read: {error}") from error
    if isinstance(key, Ed25519PublicKey):  # RFC 8463: the bare key
        raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def quoted(text: str) -> str:
    """Return a text as the strings of a TXT record."""
    parts = [text[at : at + TEXT_BYTES] for at in range(0, len(text), TEXT_BYTES)]
    return " ".join(f'"{part}"' for part in parts)


def missing(record: Record, resolver: dns.resolver.Resolver) -> str | None:
    """Return what is wrong with a record in the DNS, None when it is correct.

    A second SPF or DMARC record makes both invalid. Raises
    CannotTell when the DNS does not answer.
    """
    expected = dns.rdata.from_text(
        dns.rdataclass.IN, dns.rdatatype.from_text(record.kind), record.text
    )
    try:
        answer = resolver.resolve(record.name, record.kind, lifetime=TIMEOUT_S, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return "missing"
    except dns.exception.DNSException as error:
        raise CannotTell(f"the DNS does not answer about {record.name}: {error}") from error
    found = [rdata_text(rdata) for rdata in answer]
    if rdata_text(expected) not in found:
        return f"is {', '.join(sorted(rivals(record, found)) or ['another'])}"
    policies = rivals(record, found)
    if record.kind == "TXT" and len(policies) > 1:
        return f"there are {len(policies)} of them: only one may stay"
    return None


def rdata_text(rdata: dns.rdata.Rdata) -> str:
    """Return a record's data for comparison: strings joined, names in lower case."""
    strings = getattr(rdata, "strings", None)
    if strings is not None:
        return re.sub(r"\s+", " ", b"".join(strings).decode("utf-8", "replace"))
    return rdata.to_text().lower()


def rivals(record: Record, found: Iterable[str]) -> list[str]:
    """Return the records of the same policy; for types other than TXT, all of them."""
    if record.kind != "TXT":
        return list(found)
    beginning = re.split("[ ;]", record.text.strip('"'))[0].lower()
    return [text for text in found if text.lower().startswith(beginning)]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="./neo dns", description=__doc__)
    add = parser.add_argument
    add("--domain", default=DOMAIN, help=f"of the three hosts ({DOMAIN})")
    add("--address", action="append", default=[], metavar="[HOST=]ADDRESS", help="of a VPS")
    add("--mail-domain", help="of the mailbox's address (the domain)")
    add("--mx", help="the server that receives its mail (mail.DOMAIN)")
    add("--spf-include", default="", help="the relay's SPF name, when a relay sends for us")
    add("--dkim-selector", default="neo")
    add("--dkim-key", type=Path, help="the private key, as MAIL_DKIM__KEY_FILE names it")
    add("--dmarc", default="quarantine", choices=["none", "quarantine", "reject"])
    add("--reports", help="who reads DMARC's reports (postmaster@MAIL-DOMAIN)")
    add("--authority", default="letsencrypt.org", help="who certifies the hosts")
    add("--check", action="store_true", help="look each record up; fails when one is not there")
    add("--server", action="append", default=[], metavar="ADDRESS[:PORT]", help="ask this DNS")
    options = parser.parse_args(arguments)
    options.mail_domain = options.mail_domain or options.domain
    options.mx = options.mx or f"mail.{options.domain}"
    options.reports = options.reports or f"postmaster@{options.mail_domain}"
    return options


def resolver_of(servers: list[str]) -> dns.resolver.Resolver:
    """Return a resolver that asks `servers`, or the machine's own."""
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        pairs = [
            server.rpartition(":") if "." in server else ("", "", server) for server in servers
        ]
        resolver.nameservers = [address or port for address, _, port in pairs]
        resolver.port = int(pairs[0][2]) if pairs[0][0] else 53
    return resolver


def main(arguments: list[str]) -> int:
    """Print or check the records; return an exit status."""
    options = parse_arguments(arguments)
    try:
        expected = records(options)
        if not options.check:
            print_zone(expected, has_addresses=bool(options.address))
            return 0
        return print_differences(expected, resolver_of(options.server))
    except CannotTell as reason:
        sys.stderr.write(f"neo: {reason}\n")
        return 2


def print_zone(expected: list[Record], *, has_addresses: bool) -> None:
    """Print a zone file."""
    for record in expected:
        sys.stdout.write(f"; {record.why}\n{record.line}\n")
    if not has_addresses:
        sys.stdout.write("; give each VPS's address: --address HOST=203.0.113.7 (IPv6 as well)\n")


def print_differences(expected: list[Record], resolver: dns.resolver.Resolver) -> int:
    """Print the state of each record in the DNS; return 1 when one is wrong."""
    wrong = 0
    for record in expected:
        fault = missing(record, resolver)
        wrong += fault is not None
        sys.stdout.write(f"{'ok     ' if fault is None else 'WRONG  '}{record.line}\n")
        if fault:
            sys.stdout.write(f"       {fault}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
