"""Brings the entries published in the database into use, without a restart.

They are written as files into the data folder, so that they answer while Postgres is away and
`knowledge list` knows them. Their index is made by a process of its own before they take the place
of the last ones: until then, and if it fails, those stay in use.
"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from ai_core.knowledge.entries_in_use import FOLDER, NEXT_FOLDER, PUBLISHED_FOLDER
from ai_core.records.entry_store import EntryStore
from shared.errors import AppError

log = structlog.get_logger()

STAMP = "stamp"
LOOK_S = 3.0
RETRY_S = 60.0
INDEX_TIMEOUT_S = 900.0


class IndexFailed(Exception):
    """The index of the published entries could not be made; nobody is answered with it."""


class EntryPublisher:
    """Looks for what was published or withdrawn, and puts it into the data folder."""

    def __init__(self, store: EntryStore, data_dir: Path, *, shipped: bool) -> None:
        self._store = store
        self._data_dir = data_dir
        self._shipped = shipped

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            pause_s = LOOK_S
            try:
                await self.bring_into_use()
            except IndexFailed as error:
                log.warning("published entries not in use", reason=str(error))
                pause_s = RETRY_S
            except (AppError, asyncpg.PostgresError):
                pass  # the records say when Postgres is away
            except OSError as error:
                log.warning("published entries cannot be written", reason=error.strerror)
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)

    async def bring_into_use(self) -> bool:
        """Whether something else was published since the last time, and is in use now.

        Raises RecordsOff, PostgresLost, IndexFailed, OSError.
        """
        if await self._store.stamp() == await asyncio.to_thread(current_stamp, self._data_dir):
            return False
        stamp, bodies = await self._store.published()
        await asyncio.to_thread(stage, self._data_dir, stamp, bodies)
        await self._make_index()
        return True

    async def _make_index(self) -> None:
        environment = {
            **os.environ,
            "AI_CORE_DATA_DIR": str(self._data_dir),
            "AI_CORE_KNOWLEDGE__SHIPPED": str(self._shipped).lower(),
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai_core", "knowledge", "publish"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(INDEX_TIMEOUT_S):
                _, said = await process.communicate()
        except TimeoutError:
            raise IndexFailed("it took too long") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise IndexFailed(said.decode("utf-8", "replace").strip()[-300:])


def current_stamp(data_dir: Path) -> str:
    """Return the stamp of the published entries in use; empty where none ever were."""
    file = data_dir / FOLDER / PUBLISHED_FOLDER / STAMP
    return file.read_text(encoding="utf-8") if file.exists() else ""


def stage(data_dir: Path, stamp: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the entries beside those in use."""
    folder = data_dir / FOLDER / NEXT_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for topic_id, body in bodies.items():
        written = json.dumps(body, ensure_ascii=False)
        (folder / f"{topic_id}.json").write_text(written, encoding="utf-8")
    (folder / STAMP).write_text(stamp, encoding="utf-8")
