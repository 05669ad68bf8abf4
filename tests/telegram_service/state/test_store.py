"""What is kept, sealed, erased and forgotten in time, on a real Postgres."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.privacy.encryption import new_key_file
from shared.stores.postgres import Postgres
from telegram_service.state.preferences import Preferences
from telegram_service.state.records import (
    FeedbackGiven,
    MessageRecorded,
    PersonSeen,
    PreferencesChosen,
)
from telegram_service.state.store import Store
from telegram_service.vault import Vault

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALICE = 5_318_008_771


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Postgres]:
    postgres = Postgres(database_url)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
def keys() -> str:
    return new_key_file()


@pytest.fixture
async def store(postgres: Postgres, keys: str, tmp_path: Path) -> Store:
    store = Store(postgres, await asyncio.to_thread(vault_of, keys, tmp_path))
    await store.migrate()
    return store


def vault_of(keys: str, tmp_path: Path) -> Vault:
    path = tmp_path / "key"
    path.write_text(keys)
    return Vault.read(path)


def said(store: Store, update_id: int = 1, at: datetime = NOW, days: int = 30) -> MessageRecorded:
    return MessageRecorded(
        person=ALICE,
        at=at,
        update_id=update_id,
        author="person",
        chat=ALICE,
        body=b64encode(store.seal("Une question ?")),
        due=at + timedelta(days=days),
    )


async def test_what_is_written_twice_is_there_once(store: Store) -> None:
    for _ in range(2):
        await store.write([PersonSeen(person=ALICE, at=NOW), said(store)])
    assert [message.body for message in await store.messages(ALICE)] == ["Une question ?"]


async def test_an_older_choice_does_not_undo_a_newer_one(store: Store) -> None:
    new, old = Preferences(length="long"), Preferences(length="short")
    await store.write([PreferencesChosen(person=ALICE, at=NOW, owner=ALICE, preferences=new)])
    before = NOW - timedelta(seconds=1)
    await store.write([PreferencesChosen(person=ALICE, at=before, owner=ALICE, preferences=old)])
    assert await store.preferences(ALICE) == new


async def test_erasure_leaves_only_a_receipt(store: Store, postgres: Postgres) -> None:
    feedback = FeedbackGiven(person=ALICE, at=NOW, update_id=1, chat=ALICE, thumb=1)
    await store.write([PersonSeen(person=ALICE, at=NOW), said(store), feedback])
    receipt = await store.erase(ALICE, "R1", NOW, conversations=2)
    assert (receipt.messages, receipt.conversations) == (1, 2)
    again = await store.erase(ALICE, "R1", NOW, conversations=0)
    assert again == receipt
    for table in ("people", "messages", "preferences", "feedback"):
        assert await postgres.fetch(f"TABLE {table}") == []
    assert str(ALICE) not in str(await postgres.fetch("SELECT id, fingerprint FROM receipts"))


async def test_a_record_that_was_late_does_not_come_back_after_an_erasure(store: Store) -> None:
    await store.erase(ALICE, "R1", NOW, conversations=0)
    await store.write([said(store, at=NOW - timedelta(seconds=5))])
    assert await store.messages(ALICE) == []
    await store.write([said(store, at=NOW + timedelta(seconds=5))])
    assert len(await store.messages(ALICE)) == 1


async def test_messages_end_with_their_retention(store: Store) -> None:
    await store.write([said(store, 1, days=7), said(store, 2, days=30)])
    assert await store.delete_expired(NOW + timedelta(days=8)) == 1
    assert len(await store.messages(ALICE)) == 1


async def test_old_rows_are_sealed_again_with_the_newest_key(
    store: Store, postgres: Postgres, keys: str, tmp_path: Path
) -> None:
    await store.write([said(store)])
    rotated = Store(postgres, await asyncio.to_thread(vault_of, new_key_file(keys), tmp_path))
    assert await rotated.reseal() == 1
    assert await rotated.reseal() == 0
    assert (await rotated.messages(ALICE))[0].body == "Une question ?"


async def test_choices_are_sealed_and_sealed_again_with_the_newest_key(
    store: Store, postgres: Postgres, keys: str, tmp_path: Path
) -> None:
    chosen = Preferences(agreement="1486", length="long")
    await store.write([PreferencesChosen(person=ALICE, at=NOW, owner=ALICE, preferences=chosen)])
    row = await postgres.fetch_one("SELECT * FROM preferences")
    assert row
    assert "1486" not in str(row["chosen"])
    assert b"1486" not in row["sealed"]
    rotated = Store(postgres, await asyncio.to_thread(vault_of, new_key_file(keys), tmp_path))
    assert await rotated.reseal() == 1
    assert await rotated.reseal() == 0
    assert await rotated.preferences(ALICE) == chosen


async def test_an_erasure_leaves_what_came_after_it(store: Store) -> None:
    await store.write([said(store, 1), said(store, 2, at=NOW + timedelta(seconds=5))])
    receipt = await store.erase(ALICE, "R1", NOW, conversations=0)
    assert receipt.messages == 1
    assert len(await store.messages(ALICE)) == 1


async def test_no_column_holds_a_telegram_id(store: Store, postgres: Postgres) -> None:
    feedback = FeedbackGiven(person=ALICE, at=NOW, update_id=1, chat=ALICE, thumb=1)
    choices = PreferencesChosen(person=ALICE, at=NOW, owner=ALICE, preferences=Preferences())
    await store.write([PersonSeen(person=ALICE, at=NOW), said(store), feedback, choices])
    for table in ("people", "messages", "preferences", "feedback"):
        rows = await postgres.fetch(f"TABLE {table}")
        assert len(rows) == 1
        assert str(ALICE) not in str(rows)
