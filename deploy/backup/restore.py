"""Restores a backup, to a point in time, and verifies that backups can be restored.

Everything is written and tested in a scratch folder first: Postgres replays its WAL there, its rows
are counted, and it is stopped. Only then does it replace the data in service, which are kept aside.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.backup.backup_set import BackupSet
from deploy.backup.create import FACTS
from deploy.backup.errors import BackupFailed
from deploy.backup.repository import Repository, Snapshot
from deploy.backup.store import (
    PostgresClient,
    find_binaries,
    recovery_settings,
    verify_base_backup,
)
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import STAMP, RedisServer
from deploy.local.server import ServerNotStarted

RECOVERY_TIMEOUT_S = 3600.0
NOTHING_LATER = "recovery ended before configured recovery target was reached"


@dataclass
class Restored:
    """A restored backup with its counts of rows and keys."""

    snapshot: Snapshot
    folder: Path
    facts: Mapping[str, Any]
    rows: dict[str, int] = field(default_factory=dict)
    keys: int | None = None
    seconds: float = 0.0


def choose_snapshot(snapshots: list[Snapshot], to: datetime | None) -> Snapshot:
    """Return the backup to restore: the latest, or the first one that covers the time `to`.

    Raises BackupFailed when no backup covers that time.
    """
    if not snapshots:
        raise BackupFailed("there is no backup yet")
    if to is None:
        return snapshots[-1]
    for snapshot in snapshots:
        if snapshot.at >= to and (snapshot.base_at is None or snapshot.base_at <= to):
            return snapshot
    if to > snapshots[-1].at:
        raise BackupFailed(
            f"the last backup is of {snapshots[-1].at:%Y-%m-%d %H:%M:%S %Z}: nothing later is known"
        )
    raise BackupFailed(f"no backup reaches back to {to:%Y-%m-%d %H:%M:%S %Z}")


@contextmanager
def restored_to_scratch(
    backup_set: BackupSet, repository: Repository, to: datetime | None = None
) -> Iterator[Restored]:
    """Fetch a backup into a scratch folder and start the stores from it. Raises BackupFailed."""
    started_s = time.monotonic()
    snapshot = choose_snapshot(repository.snapshots(backup_set.name), to)
    with scratch(backup_set) as folder:
        repository.fetch(snapshot, folder)
        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BackupFailed(f"the backup {snapshot.id[:8]} has no {FACTS}") from error
        restored = Restored(snapshot, folder, facts)
        if (folder / "base").exists():
            verify_base_backup(folder / "base")
            restored.rows = _recover(folder, to)
        if (folder / "redis.rdb").exists():
            restored.keys = _start_redis(folder)
        restored.seconds = round(time.monotonic() - started_s, 1)
        yield restored


def verify(backup_set: BackupSet, repository: Repository) -> Restored:
    """Check the whole repository, start the latest backup, compare its counts.

    Raises BackupFailed when a table is missing, or empty though it was not.
    """
    repository.check()
    with restored_to_scratch(backup_set, repository) as restored:
        for table, counted in restored.facts.get("rows", {}).items():
            found = restored.rows.get(table)
            if found is None or (counted and not found):
                raise BackupFailed(f"{table} had {counted} rows and has {found} in the backup")
        keys = restored.facts.get("redis", {}).get("keys")
        if keys and not restored.keys:
            raise BackupFailed(f"Redis had {keys} keys and has none in the backup")
        return restored


def restore(backup_set: BackupSet, repository: Repository, to: datetime | None = None) -> Restored:
    """Replace the data in service by a backup; stores must be stopped.

    The replaced data are kept beside it, named `….before-TIME`. Raises BackupFailed, and then
    nothing was changed.
    """
    with restored_to_scratch(backup_set, repository, to) as restored:
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
        if backup_set.postgres_data and (restored.folder / "data").exists():
            _replace(restored.folder / "data", backup_set.postgres_data, moment)
            backup_set.postgres_data.chmod(0o700)  # Postgres refuses any other
        if backup_set.redis_data and restored.keys is not None:
            _replace_redis(restored, backup_set.redis_data, moment)
        files = restored.folder / "files"
        if files.exists():
            _replace_files(files, backup_set.files_return_to, moment)
        shutil.rmtree(backup_set.staging, ignore_errors=True)  # WAL of the replaced data
        return restored


@contextmanager
def scratch(backup_set: BackupSet) -> Iterator[Path]:
    """Yield a folder beside the data, accessible to Postgres's user."""
    backup_set.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=backup_set.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _recover(folder: Path, to: datetime | None) -> dict[str, int]:
    """Let Postgres replay its WAL up to `to` in `folder`; return its counts of rows.

    The folder's `data` is then a stopped, consistent server, with the settings it was copied with.
    """
    data = folder / "data"
    (folder / "base").rename(data)
    settings = data / "postgresql.auto.conf"
    own_settings = settings.read_bytes()
    conf = data / "postgresql.conf"
    is_elsewhere = not conf.exists()  # in /etc on Debian, and required to start
    conf.touch()
    (data / "recovery.signal").touch()
    sockets = Path(tempfile.mkdtemp(prefix="neo-restore-"))
    target = [f"recovery_target_time={to.isoformat()}"] if to else []
    try:
        try:
            rows = _count(folder, sockets, target)
        except ServerNotStarted as error:
            if not to or NOTHING_LATER not in str(error):
                raise BackupFailed(f"Postgres does not start from the backup: {error}") from error
            rows = _count(folder, sockets, [])  # no transaction ended between `to` and the backup
    except ServerNotStarted as error:
        raise BackupFailed(f"Postgres does not start from the backup: {error}") from error
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        settings.write_bytes(own_settings)
        if is_elsewhere:
            conf.unlink()
    return rows


def _count(folder: Path, sockets: Path, target: list[str]) -> dict[str, int]:
    access = folder / "access.conf"
    access.write_text("local all all trust\n", encoding="ascii")  # a socket of this user
    server = PostgresServer(
        folder,
        binaries=find_binaries(),
        options=(
            f"unix_socket_directories={sockets}",
            f"hba_file={access}",
            f'restore_command=gzip -dc "{folder}/wal/%f.gz" > "%p"',
            "recovery_target_action=promote",
            "archive_mode=off",
            *recovery_settings(folder / "data"),
            *target,
        ),
    )
    server.take_ownership(sockets, access, folder / "wal")
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    where = facts["postgres"]
    store = PostgresClient(
        {
            "PGHOST": str(sockets),
            "PGPORT": str(server.port),
            "PGUSER": where["user"],
            "PGDATABASE": where["database"],
        }
    )
    try:
        server.start()
        _wait_for(store)
        return store.rows()
    except BackupFailed as error:
        if server.status is not None:  # ended while replaying
            raise ServerNotStarted(server.log_tail()) from error
        raise
    finally:
        server.stop()


def _wait_for(store: PostgresClient) -> None:
    give_up_s = time.monotonic() + RECOVERY_TIMEOUT_S
    while store.in_recovery():
        if time.monotonic() > give_up_s:
            raise BackupFailed("Postgres did not finish reading its log")
        time.sleep(0.1)


def _start_redis(folder: Path) -> int:
    """Start a Redis from the copy and stop it; return its number of keys. Leaves `redis/` ready."""
    place = folder / "redis"
    place.mkdir()
    shutil.copyfile(folder / "redis.rdb", place / "appendonly.aof")
    server = RedisServer(place)
    try:
        server.start()
        return server.keys()
    except ServerNotStarted as error:
        raise BackupFailed(f"Redis does not start from the backup: {error}") from error
    finally:
        server.stop()


def _replace(new: Path, place: Path, moment: str) -> None:
    """Replace `place` by `new`, with the same owner; the old content is kept aside.

    A mounted folder cannot be renamed: there the contents are swapped.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    owner = (place if place.exists() else place.parent).stat()
    if place.is_mount():
        _empty_into(place, place / f"before-{moment}")
        for entry in new.iterdir():
            shutil.move(entry, place / entry.name)
    else:
        if place.exists():
            place.rename(place.with_name(f"{place.name}.before-{moment}"))
        shutil.move(new, place)
    if os.geteuid() == 0:
        for path in (place, *place.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _empty_into(place: Path, aside: Path) -> None:
    entries = list(place.iterdir())
    aside.mkdir(mode=0o700)
    for entry in entries:
        if not entry.name.startswith("before-"):
            shutil.move(entry, aside / entry.name)


def _replace_redis(restored: Restored, place: Path, moment: str) -> None:
    new = restored.folder / "redis.new"
    new.mkdir(mode=0o700)
    shutil.copyfile(restored.folder / "redis.rdb", new / "appendonly.aof")
    (new / STAMP).write_text(str(restored.facts["redis"]["version"]), encoding="ascii")
    _replace(new, place, moment)


def _replace_files(files: Path, root: Path, moment: str) -> None:
    for source in sorted(path for path in files.rglob("*") if path.is_file()):
        place = root / source.relative_to(files)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            if place.read_bytes() == source.read_bytes():
                continue
            place.rename(place.with_name(f"{place.name}.before-{moment}"))
        shutil.copy2(source, place)
