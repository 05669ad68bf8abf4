"""What `./neo run` starts beside ai_core, and what `./neo mail` finds of it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ai_core.settings import Settings as AiCoreSettings
from deploy.local.services import Home, desk_environment, mail
from shared.stores.postgres import Postgres

pytestmark = pytest.mark.slow

MIGRATIONS = Path(__file__).parents[2] / "mail_service" / "migrations"


async def test_the_settings_of_the_running_mailbox_are_kept_for_its_commands_and_their_owner(
    tmp_path: Path,
) -> None:
    (tmp_path / "keys").mkdir()
    parts = await asyncio.to_thread(mail, Home(tmp_path, "http://127.0.0.1:9", "key"))
    written = tmp_path / "mail" / "environment.json"
    settings = json.loads(written.read_text())
    stores = [part for part in parts if part.name in {"redis", "postgres"}]
    for store in stores:
        await asyncio.to_thread(store.start)
    try:
        postgres = Postgres(settings["MAIL_POSTGRES__URL"])
        await postgres.open()
        await postgres.migrate(MIGRATIONS)
        await postgres.close()
        told = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "mail_service", "explain", "1"],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for store in stores:
            await asyncio.to_thread(store.stop)

    assert written.stat().st_mode & 0o077 == 0
    assert (told.returncode, told.stderr) == (1, "mail_service: No mail has that number.\n")


def test_the_desk_is_connected_to_what_is_started_and_the_keys_are_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    assert desk_environment(keys, ["ai"]) == {}
    alone = desk_environment(keys, ["ai", "telegram"])
    assert {name.partition("__")[2] for name in alone} == {"TELEGRAM_URL", "TELEGRAM_KEY_FILE"}
    for name, value in desk_environment(keys, ["ai", "telegram", "mail"]).items():
        monkeypatch.setenv(name, value)
    console = AiCoreSettings().console
    assert (console.telegram_url, console.mail_url) == (
        "http://127.0.0.1:8001",
        "http://127.0.0.1:8002",
    )
    assert console.mail_review_url == console.mail_url
    for service, file in (("telegram", console.telegram_key_file), ("mail", console.mail_key_file)):
        assert file == keys / service
        assert file.stat().st_mode & 0o077 == 0
        assert len(file.read_text()) == 48
