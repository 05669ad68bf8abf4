"""A real Dovecot and a real Postgres for the tests of mail_service."""

import base64
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from deploy.local.dovecot import Dovecot
from mail_service.ledger.ledger import MIGRATIONS, Ledger
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.metrics import MailMetrics
from mail_service.settings import ImapSettings
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that servers of other users may read, as they may not read pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="neo-dovecot-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[Dovecot]:
    folder = Path(tempfile.mkdtemp(prefix="neo-dovecot-"))
    folder.chmod(0o755)
    server = Dovecot(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def dovecot(dovecot_server: Dovecot) -> Dovecot:
    dovecot_server.forget_mail()
    return dovecot_server


@pytest.fixture
def imap(dovecot: Dovecot) -> ImapSettings:
    return ImapSettings(
        host="127.0.0.1",
        port=dovecot.imap_port,
        tls=False,
        user=dovecot.address,
        password=SecretStr(dovecot.password),
        timeout_s=2,
        poll_s=1,
    )


@pytest.fixture
async def other_client(imap: ImapSettings) -> AsyncIterator[ImapMailbox]:
    """A second client of the same mailbox, by which mail arrives."""
    client = ImapMailbox(imap)
    await client.connect()
    yield client
    await client.close()


@pytest.fixture
def encryption() -> Encryption:
    return Encryption([b"s" * 32], base64.b64decode("Zg==") * 32)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
def metrics() -> MailMetrics:
    return MailMetrics(CollectorRegistry())


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Postgres]:
    opened = Postgres(database_url)
    await opened.open()
    await opened.migrate(MIGRATIONS)
    yield opened
    await opened.close()


@pytest.fixture
def ledger(postgres: Postgres, encryption: Encryption, clock: StoppedClock) -> Ledger:
    return Ledger(postgres, encryption, clock)
