"""What a service tells of its machine."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from deploy.local.ports import free_port
from shared.host_metrics import HostMetrics, ServedCertificate
from shared.settings import WatchSettings


async def shown(watch: WatchSettings) -> dict[str, float]:
    text = (await HostMetrics(CollectorRegistry(), watch).text()).decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


@asynccontextmanager
async def secure_server(ends: datetime, port: int = 0) -> AsyncIterator[str]:
    """Serve TLS with a certificate that ends then; yield the address."""
    certificate = trustme.CA().issue_cert("localhost", not_after=ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", port, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("days", [30, -3])
async def test_the_end_of_the_certificate_that_is_really_served_is_shown_even_when_it_is_past(
    days: int,
) -> None:
    ends = (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
    async with secure_server(ends) as address:
        found = await shown(WatchSettings(certificates=(address,)))

    assert found[f'certificate_expiry_timestamp_seconds{{address="{address}"}}'] == ends.timestamp()
    assert found[f'certificate_readable{{address="{address}"}}'] == 1


async def test_an_address_without_tls_is_shown_as_unreadable() -> None:
    found = await shown(WatchSettings(certificates=("127.0.0.1:9",)))

    assert found['certificate_readable{address="127.0.0.1:9"}'] == 0
    assert not [name for name in found if name.startswith("certificate_expiry")]


async def test_a_server_that_comes_back_is_looked_at_again_at_once() -> None:
    ends = datetime(2031, 1, 1, tzinfo=UTC)
    port = free_port()
    certificate = ServedCertificate(f"127.0.0.1:{port}")
    assert await asyncio.to_thread(certificate.ends_s) is None
    async with secure_server(ends, port):
        assert await asyncio.to_thread(certificate.ends_s) == ends.timestamp()


async def test_the_time_of_each_backup_is_that_of_its_file(tmp_path: Path) -> None:
    for name, moment in (("postgres", 1_700_000_000), ("wal", 1_800_000_000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (moment, moment))

    found = await shown(WatchSettings(backups=tmp_path))

    assert found['backup_last_success_timestamp_seconds{what="postgres"}'] == 1_700_000_000
    assert found['backup_last_success_timestamp_seconds{what="wal"}'] == 1_800_000_000


async def test_a_missing_folder_of_backups_shows_none(tmp_path: Path) -> None:
    found = await shown(WatchSettings(backups=tmp_path / "none"))

    assert not [name for name in found if name.startswith("backup")]


async def test_the_disk_is_that_of_a_folder_even_before_it_exists(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    found = await shown(WatchSettings(disk=folder))

    free = found[f'disk_free_bytes{{path="{folder}"}}']
    assert 0 < free < found[f'disk_size_bytes{{path="{folder}"}}']


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(ValidationError, match="HOST:PORT"):
        WatchSettings(certificates=("ai-api.example",))
