"""A name server for the tests of senders: nothing leaves the machine."""

from collections.abc import Iterator

import dns.resolver
import pytest

from tests.mail_service.sender_checks.senders_zone import NameServer, zone


@pytest.fixture(scope="session")
def name_server() -> Iterator[NameServer]:
    server = NameServer(zone())
    yield server
    server.close()


@pytest.fixture
def names(name_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the name server on loopback for every name."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], name_server.port
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
