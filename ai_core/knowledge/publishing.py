"""Brings the entries published in the database into use, without a restart.

They are written as files, so that they answer while Postgres is away and `knowledge list` knows
them. Their index is made by a process of its own before they take the place
of the last ones: until then, and if it fails, those stay in use.
"""

import asyncio
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import structlog

from ai_core.knowledge.entry_folders import NEXT_FOLDER, PUBLISHED_FOLDER, EntryFolders
from ai_core.law.search import encoder
from ai_core.records.entry_store import EntryStore
from shared.errors import AppError

log = structlog.get_logger()

STAMP = "stamp"
LOCK = "publish.lock"
LOOK_S = 3.0
RETRY_S = 60.0
INDEX_TIMEOUT_S = 900.0


class IndexFailed(Exception):
    """The index of the published entries could not be made; nobody is answered with it."""


class EntryPublisher:
    """Looks for what was published or withdrawn, and writes it and its index."""

    def __init__(self, store: EntryStore, folders: EntryFolders) -> None:
        self._store = store
        self._folders = folders
        self._indexed = False

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
        """Whether something else was published since the last time, and this brought it into use.

        Of the processes that share the data folder one does. Raises RecordsOff, PostgresLost,
        IndexFailed, OSError.
        """
        used = await asyncio.to_thread(current_stamp, self._folders)
        if await self._store.stamp() == used:
            self._indexed = self._indexed or await asyncio.to_thread(indexed, self._folders)
            if self._indexed:
                return False
        lock = await asyncio.to_thread(lock_folder, self._folders.written)
        if lock is None:
            return False
        try:
            return await self._replace()
        finally:
            os.close(lock)

    async def _replace(self) -> bool:
        stamp, bodies = await self._store.published()
        used = await asyncio.to_thread(current_stamp, self._folders)
        if stamp == used and await asyncio.to_thread(indexed, self._folders):
            return False  # another process was faster
        await asyncio.to_thread(stage, self._folders, stamp, bodies)
        await self._make_index()
        self._indexed = True
        return True

    async def _make_index(self) -> None:
        environment = {
            **os.environ,
            "AI_CORE_DATA_DIR": str(self._folders.data_dir),
            "AI_CORE_KNOWLEDGE__FOLDER": str(self._folders.written),
            "AI_CORE_KNOWLEDGE__SHIPPED": str(self._folders.shipped).lower(),
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


def lock_folder(folder: Path) -> int | None:
    """Return a descriptor that holds the lock of the published entries, None while another does.

    The kernel releases it with the process. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def current_stamp(folders: EntryFolders) -> str:
    """Return the stamp of the published entries in use; empty where none ever were."""
    file = folders.written / PUBLISHED_FOLDER / STAMP
    return file.read_text(encoding="utf-8") if file.exists() else ""


def indexed(folders: EntryFolders) -> bool:
    """Whether what is published has an index, which another release of the service may lack."""
    if not current_stamp(folders):
        return True
    entries, _ = folders.read()
    return folders.index_of(entries, encoder=encoder.installed()) is not None


def stage(folders: EntryFolders, stamp: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the entries beside those in use."""
    folder = folders.written / NEXT_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for topic_id, body in bodies.items():
        written = json.dumps(body, ensure_ascii=False)
        (folder / f"{topic_id}.json").write_text(written, encoding="utf-8")
    (folder / STAMP).write_text(stamp, encoding="utf-8")
