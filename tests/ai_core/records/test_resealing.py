"""Rotating the vault's key: everything opens with the new one alone afterwards."""

import asyncio
import sys
from pathlib import Path
from subprocess import run

from ai_core.records.accounts import TOTP
from ai_core.records.database import Records
from ai_core.records.events import QUESTION
from ai_core.records.feedback import COMMENT
from ai_core.records.kept_conversations import TURN
from ai_core.records.resealing import TABLES, reseal
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption, new_key_file
from tests.ai_core.records.conftest import NOON, OpenRecords
from tests.ai_core.records.test_statistics import told

COLUMNS = {
    "questions": ("sealed", QUESTION),
    "feedback": ("comment", COMMENT),
    "turns": ("sealed", TURN),
    "accounts": ("totp_sealed", TOTP),
}


async def everything(records: Records, clock: StoppedClock) -> None:
    """Write a row of each kind that is sealed."""
    await told(records, clock)
    encryption = records.encryption
    async with records.transaction() as db:
        await db.execute(
            "INSERT INTO turns VALUES ($1, $2, 1, 'a', $3)",
            *(b"name", NOON, encryption.seal_text("un tour", TURN)),
        )
        await db.execute(
            "INSERT INTO accounts (name, role, totp_sealed, created_at) "
            "VALUES ($1, 'owner', $2, $3)",
            *("a", encryption.seal_text("secret", TOTP), NOON),
        )


async def opened_with(encryption: Encryption, records: Records) -> int:
    """Open every sealed value; return how many there are."""
    count = 0
    async with records.transaction() as db:
        for table, (column, purpose) in COLUMNS.items():
            for row in await db.fetch(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):  # noqa: S608 - names of ours
                encryption.open(row[column], purpose)
                count += 1
    return count


def rotate(key_file: Path) -> None:
    """Put a new key before the others."""
    key_file.write_text(new_key_file(key_file.read_text()))


def forget_older(key_file: Path) -> None:
    """Leave the newest `seal` line alone, and the fingerprint's."""
    newest, *others = key_file.read_text().splitlines()
    kept = [line for line in others if not line.startswith("seal ")]
    key_file.write_text("\n".join([newest, *kept]))


async def test_after_rotation_everything_is_sealed_with_the_new_key(
    opened_records: OpenRecords, key_file: Path, clock: StoppedClock
) -> None:
    async with opened_records() as records:
        await everything(records, clock)
        before = await opened_with(records.encryption, records)
    rotate(key_file)
    async with opened_records() as records:
        assert await reseal(records) == before
        assert await reseal(records) == 0
    forget_older(key_file)
    async with opened_records() as records:
        assert await opened_with(records.encryption, records) == before
    assert {f"reseal_{table}" for table in COLUMNS} == {resealing for _, resealing, _ in TABLES}


async def test_the_command_says_how_many_rows_and_what_it_lacks(
    database_url: str, opened_records: OpenRecords, key_file: Path, clock: StoppedClock
) -> None:
    async with opened_records() as records:
        await everything(records, clock)
        before = await opened_with(records.encryption, records)
    rotate(key_file)
    command = [sys.executable, "-m", "ai_core", "reseal"]
    environment = {
        "AI_CORE_POSTGRES__URL": database_url,
        "AI_CORE_POSTGRES__KEY_FILE": str(key_file),
    }
    done = await asyncio.to_thread(
        run, command, env=environment, capture_output=True, text=True, check=False
    )
    off = await asyncio.to_thread(run, command, env={}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, f"{before}\n"), done.stderr
    assert off.returncode == 1
    assert "AI_CORE_POSTGRES__URL is not set" in off.stderr
