import argparse
import json
from pathlib import Path

import pytest

from ai_core.access import cli
from ai_core.access.cli import add_arguments, run
from ai_core.access.keys import well_formed
from ai_core.errors import KeysUnreadable, NameTaken
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer


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


def test_two_keys_in_use_never_share_a_name(
    own_redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make = command("create", "--scope", "inference", "--name", "guichet")
    run(make, own_redis.url)
    key_id = capsys.readouterr().out.split()[0]
    with pytest.raises(NameTaken, match=f"the key {key_id} is called guichet already"):
        run(make, own_redis.url)
    run(command("revoke", key_id), own_redis.url)
    run(make, own_redis.url)
    assert well_formed(capsys.readouterr().out.split()[-1])


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
    monkeypatch.setattr(cli, "REDIS_WAIT_S", 0.5)
    with pytest.raises(KeysUnreadable, match="not found"):
        run(command("list"), f"redis://127.0.0.1:{free_port()}/0")


def test_a_publishable_key_shows_its_limits_and_what_it_allows(
    own_redis: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make = ("create", "--scope", "publishable", "--name", "site", "--requests-per-minute", "5")
    allowed = ("--permit", "without-law", "--model", "petit", "--origin", "https://www.example.fr")
    run(command(*make, *allowed), own_redis.url)
    run(command("create", "--scope", "publishable", "--name", "page"), own_redis.url)
    capsys.readouterr()

    run(command("list"), own_redis.url)
    site, page = capsys.readouterr().out.splitlines()
    for word in ("permit=without-law", "model=petit", "origin=https://www.example.fr"):
        assert word in site
        assert word not in page
    assert "requests-per-minute=5 " in site
    assert "tokens-per-day=400000" in site
    assert "requests-per-minute=20 " in page


@pytest.mark.parametrize(
    "origin",
    ["www.example.fr", "https://www.example.fr/", "https://Example.fr", "null", "*", "ftp://a.fr"],
)
def test_an_origin_no_browser_would_send_is_refused(origin: str) -> None:
    with pytest.raises(SystemExit):
        command("create", "--scope", "publishable", "--name", "site", "--origin", origin)
