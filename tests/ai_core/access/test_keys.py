import argparse
import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai_core.access import cli as keys_command
from ai_core.access.cli import add_arguments, run
from ai_core.access.keys import KeyRing, Scope, make_secret, well_formed
from ai_core.access.rate_limits import Limits
from ai_core.errors import KeysUnreadable, UnknownKey
from ai_core.redis_keys import KEYS, TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
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


def command(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_line_makes_lists_rotates_and_revokes(
    own_redis: RedisServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make = ("create", "--scope", "inference", "--name", "essai")
    limits = ("--requests-per-minute", "60", "--allow", "10.0.0.0/8", "--expires", "90d")
    run(command(*make, *limits), own_redis.url)
    key_id, secret = capsys.readouterr().out.split()
    assert well_formed(secret)

    run(command("list"), own_redis.url)
    listed = capsys.readouterr().out
    assert key_id in listed
    assert "requests-per-minute=60" in listed
    assert "from=10.0.0.0/8" in listed
    assert secret not in listed

    file = tmp_path / "key"
    run(command("rotate", key_id, "--overlap", "1h", "--write", str(file)), own_redis.url)
    assert well_formed(file.read_text(encoding="ascii").strip())
    assert file.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out.strip() == key_id

    run(command("revoke", key_id), own_redis.url)
    assert "revoked" in capsys.readouterr().out


def test_the_command_line_lists_keys_as_json_without_their_secrets(
    own_redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("page", "essai : une clé"):
        scope = "publishable" if name == "page" else "inference"
        run(command("create", "--scope", scope, "--name", name), own_redis.url)
    page_id = capsys.readouterr().out.split()[0]
    run(command("revoke", page_id), own_redis.url)
    capsys.readouterr()

    run(command("list", "--json"), own_redis.url)
    page, essai = json.loads(capsys.readouterr().out)
    assert (page["id"], page["name"], page["state"]) == (page_id, "page", "revoked")
    assert (essai["name"], essai["scope"], essai["state"]) == (
        "essai : une clé",
        "inference",
        "active",
    )
    assert page["limits"]["requests_per_minute"] == 20
    assert "secrets" not in page


def test_the_command_line_says_when_redis_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_command, "REDIS_WAIT_S", 0.5)
    with pytest.raises(KeysUnreadable, match="not found"):
        run(command("list"), f"redis://127.0.0.1:{free_port()}/0")


async def test_a_publishable_key_always_has_limits(ring: KeyRing) -> None:
    made = await ring.create("page", Scope.PUBLISHABLE)

    assert made.key.limits != Limits()
