"""The mailbox's tests run on every kind of IMAP server here."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.local.dovecot import Dovecot
from mail_service.settings import ImapSettings
from tests.servers.cyrus import Cyrus

SERVERS = [
    pytest.param("dovecot", marks=pytest.mark.needs("dovecot")),
    pytest.param("cyrus", marks=pytest.mark.needs("cyrus")),
]


@pytest.fixture(scope="session")
def cyrus_server() -> Iterator[Cyrus]:
    folder = Path(tempfile.mkdtemp(prefix="neo-cyrus-"))
    folder.chmod(0o755)
    server = Cyrus(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def cyrus(cyrus_server: Cyrus) -> Cyrus:
    cyrus_server.forget_mail()
    return cyrus_server


@pytest.fixture(params=SERVERS)
def imap_server(request: pytest.FixtureRequest) -> Dovecot | Cyrus:
    """Each server in turn, its mailbox empty."""
    server: Dovecot | Cyrus = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def imap(imap_server: Dovecot | Cyrus) -> ImapSettings:
    return ImapSettings(
        host="127.0.0.1",
        port=imap_server.imap_port,
        tls=False,
        user=imap_server.address,
        password=SecretStr(imap_server.password),
        timeout_s=2,
        poll_s=1,
    )
