import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ai_core.access.keys import KeyRing, Scope, make_secret, well_formed
from ai_core.access.rate_limits import RateLimits
from ai_core.errors import KeysUnreadable, UnknownKey
from ai_core.redis_keys import KEYS, TAG
from deploy.local.ports import free_port
from shared.clock import StoppedClock
from shared.stores.redis_connection import RedisConnection

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
async def ring(connection: RedisConnection, clock: StoppedClock) -> KeyRing:
    ring = KeyRing(connection, clock)
    await ring.refresh()
    return ring


def test_one_wrong_character_breaks_the_checksum() -> None:
    secret = make_secret()
    assert well_formed(secret)

    for place in range(len("cdt_live_"), len(secret)):
        other = "A" if secret[place] != "A" else "B"
        assert not well_formed(secret[:place] + other + secret[place + 1 :])


@pytest.mark.parametrize("text", ["", "cdt_live_", "é" * 59, "sk-123", "cdt_live_" + "A" * 50])
def test_what_does_not_look_like_a_key_is_not_one(text: str) -> None:
    assert not well_formed(text)


async def test_nothing_in_redis_opens_anything(connection: RedisConnection, ring: KeyRing) -> None:
    made = await ring.create("essai", Scope.INFERENCE)
    records = b"".join(await connection.call("HVALS", KEYS))

    assert made.key.id.encode() in records
    assert made.secret.encode() not in records
    assert made.secret.split("_")[2].encode() not in records


async def test_a_key_made_elsewhere_is_found_after_a_refresh(
    connection: RedisConnection, ring: KeyRing, clock: StoppedClock
) -> None:
    made = await KeyRing(connection, clock).create("essai", Scope.ADMIN)
    assert ring.find(made.secret) is None
    assert await ring.changed()

    found = ring.find(made.secret)
    assert found
    assert found.id == made.key.id
    assert not await ring.changed()


async def test_an_expired_key_opens_nothing(ring: KeyRing, clock: StoppedClock) -> None:
    made = await ring.create("essai", Scope.INFERENCE, lifetime=timedelta(days=90))
    await ring.refresh()
    clock.set(NOON + timedelta(days=90) - timedelta(seconds=1))
    assert ring.find(made.secret)

    clock.set(NOON + timedelta(days=90))
    assert ring.find(made.secret) is None


async def test_both_secrets_open_a_rotated_key_until_the_overlap_ends(
    ring: KeyRing, clock: StoppedClock
) -> None:
    old = await ring.create("essai", Scope.INFERENCE)
    new = await ring.rotate(old.key.id, timedelta(hours=24))
    await ring.refresh()
    assert ring.find(old.secret)
    assert ring.find(new.secret)

    clock.set(NOON + timedelta(hours=24))
    assert ring.find(old.secret) is None
    assert ring.find(new.secret)


async def test_a_rotation_without_overlap_shuts_the_old_secret_out_at_once(ring: KeyRing) -> None:
    old = await ring.create("essai", Scope.INFERENCE)
    new = await ring.rotate(old.key.id, timedelta())
    await ring.refresh()

    assert ring.find(old.secret) is None
    assert ring.find(new.secret)


async def test_a_revoked_key_cannot_be_rotated_back(ring: KeyRing) -> None:
    made = await ring.create("essai", Scope.INFERENCE)
    await ring.revoke(made.key.id)

    with pytest.raises(UnknownKey):
        await ring.rotate(made.key.id, timedelta())


async def test_two_operators_do_not_undo_each_other(
    connection: RedisConnection, ring: KeyRing, clock: StoppedClock
) -> None:
    made = await ring.create("essai", Scope.INFERENCE)
    changes = await asyncio.gather(
        ring.revoke(made.key.id),
        KeyRing(connection, clock).rotate(made.key.id, timedelta()),
        return_exceptions=True,
    )

    assert [type(change) for change in changes].count(UnknownKey) == 1
    [key] = await ring.list()
    assert key.revoked_at


async def test_keys_never_read_are_unreadable_not_unknown(clock: StoppedClock) -> None:
    ring = KeyRing(RedisConnection(f"redis://127.0.0.1:{free_port()}/0", TAG), clock)

    with pytest.raises(KeysUnreadable):
        ring.find(make_secret())


async def test_a_publishable_key_always_has_limits(ring: KeyRing) -> None:
    made = await ring.create("page", Scope.PUBLISHABLE)

    assert made.key.limits != RateLimits()
