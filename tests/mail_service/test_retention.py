"""What is kept, for how long, and how a key is rotated."""

import base64
from datetime import timedelta

from mail_service.explain import explain
from mail_service.ledger.retention import Retention
from mail_service.ledger.store import Place, Store
from mail_service.settings import RetentionSettings
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.mail_service.house import house
from tests.mail_service.letters import raw_letter


async def test_texts_go_first_and_the_row_later_and_the_mail_does_not_come_back(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    retention = Retention(RetentionSettings(text_days=30, ledger_days=365), store, clock)
    async with house(store, vault, clock) as neo:
        file = await neo.answer(raw_letter())
        clock.set(clock.now() + timedelta(days=29))
        assert await retention.forget() == (0, 0)
        clock.set(clock.now() + timedelta(days=2))
        assert await retention.forget() == (1, 0)
        assert (await store.file(file.entry.id)).mail is None
        clock.set(clock.now() + timedelta(days=340))
        assert await retention.forget() == (0, 1)
        assert await store.admit(Place("main", "INBOX", 9, 9), raw_letter(), 1) is None


async def test_after_rotation_everything_can_be_sealed_with_the_new_key(
    store: Store, vault: Encryption, clock: StoppedClock, postgres: Postgres
) -> None:
    old, new, prints = b"s" * 32, b"n" * 32, base64.b64decode("Zg==") * 32
    async with house(store, vault, clock) as neo:
        file = await neo.answer(raw_letter())
    rotated = Store(postgres, Encryption([new, old], prints), clock)
    assert await rotated.reseal() > 0
    assert await rotated.reseal() == 0
    alone = Store(postgres, Encryption([new], prints), clock)
    read = await alone.file(file.entry.id)
    assert read.mail is not None
    assert await alone.find_person("camille@personne.example") == (file.entry.id,)


async def test_the_story_of_a_mail_can_be_told_without_its_content(
    store: Store, vault: Encryption, clock: StoppedClock
) -> None:
    async with house(store, vault, clock) as neo:
        told = explain(await neo.answer(raw_letter(Auto_Submitted="auto-replied")))
    assert "automatic:A1" in told
    assert "received" in told
    assert "Camille" not in told
