"""The programs an operator starts."""

import asyncio
import os
import sys
from pathlib import Path

import httpx2
import pytest

from deploy.local.ports import free_port
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import MailLocation
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.mail_service.mails import raw_mail

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


async def run(*arguments: str, **settings: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mail_service", *arguments,
        cwd=ROOT, env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def settings(tmp_path: Path, database_url: str) -> dict[str, str]:
    _, key, _ = await run("new-key")
    await asyncio.to_thread((tmp_path / "vault").write_text, key)
    return {
        "MAIL_VAULT__KEY_FILE": str(tmp_path / "vault"),
        "MAIL_POSTGRES__URL": database_url,
        "MAIL_REDIS__URL": f"redis://127.0.0.1:{free_port()}/0",
    }


async def test_a_mail_is_explained_and_its_sender_forgotten(
    settings: dict[str, str], postgres: Postgres, clock: StoppedClock
) -> None:
    encryption = await asyncio.to_thread(Encryption.read, Path(settings["MAIL_VAULT__KEY_FILE"]))
    ledger = Ledger(postgres, encryption, clock)
    await ledger.intake.add(MailLocation("main", "INBOX", 1, 1), raw_mail(), 1)
    status, history, _ = await run("explain", "1", **settings)
    assert status == 0
    assert "mail 1 (main, 1 bytes): received" in history
    assert (await run("explain", "2", **settings))[0] == 1
    assert (await run("erase", "camille@personne.example", **settings))[1] == "1\n"
    assert (await run("reseal", **settings))[1] == "0\n"


async def test_a_misspelt_setting_refuses_to_start(settings: dict[str, str]) -> None:
    status, _, error = await run("worker", **settings, MAIL_TYPO="1")
    assert (status, "MAIL_TYPO" in error) == (2, True)


async def test_a_missing_key_file_refuses_to_start(settings: dict[str, str]) -> None:
    status, _, error = await run("worker", **{**settings, "MAIL_VAULT__KEY_FILE": "/nowhere"})
    assert (status, "/nowhere" in error) == (2, True)


async def is_ready(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/ready")).is_success
    except httpx2.TransportError:
        return False


async def test_without_a_mailbox_the_service_runs_says_so_and_waits(
    settings: dict[str, str],
) -> None:
    port = free_port()
    environment = {**os.environ, **settings, "MAIL_SERVER__PORT": str(port)}
    programs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mail_service", name, cwd=ROOT, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )
        for name in ("serve", "worker")
    ]  # fmt: skip
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        async with asyncio.timeout(30):
            while not await is_ready(client):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)
        health = (await client.get("/health")).json()
    assert (health["status"], health["mailboxes"]) == ("ok", {"main": "waiting"})
    worker = programs[1]
    assert worker.stdout is not None
    async with asyncio.timeout(30):
        while b"waiting for one" not in (line := await worker.stdout.readline()):
            assert line, "the worker ended"
    for program in programs:
        program.terminate()
        async with asyncio.timeout(30):
            await program.communicate()
    assert worker.returncode == 0
