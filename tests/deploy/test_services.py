"""What `./neo run` starts beside ai_core, and what `./neo mail` finds of it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.services import Home, mail
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
