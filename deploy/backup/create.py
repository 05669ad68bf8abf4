"""Makes a backup: Postgres's WAL since the last one, a daily base backup, Redis, files.

staging/base/        a base backup of Postgres, made at the first backup of a day (UTC)
staging/wal/         its WAL since then, in whole segments, for point-in-time recovery
staging/redis.rdb    a copy of Redis
staging/files/       configuration, secrets but the vault keys, certificates, below their root
staging/facts.json   the time, and the counts of rows and keys
"""

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.backup.backup_set import VAULT_KEYS, BackupSet
from deploy.backup.errors import BackupFailed
from deploy.backup.redis_dump import dump_redis
from deploy.backup.repository import Repository
from deploy.backup.store import PostgresClient, connection, first_segment

FACTS = "facts.json"


def create_backup(backup_set: BackupSet, repository: Repository) -> dict[str, Any]:
    """Make one backup; return its facts. Raises BackupFailed; the earlier ones stay."""
    started_s = time.monotonic()
    with _locked(backup_set):
        staging = backup_set.staging
        (staging / "wal").mkdir(parents=True, exist_ok=True)
        facts: dict[str, Any] = {"name": backup_set.name}
        fresh = False
        if backup_set.postgres_url:
            fresh = _copy_postgres(backup_set, repository, facts)
        if backup_set.redis_url:
            facts["redis"] = dump_redis(backup_set.redis_url, staging / "redis.rdb")
        _copy_files(backup_set)
        facts["at"] = datetime.now(UTC).isoformat()
        (staging / FACTS).write_text(json.dumps(facts, indent=2), encoding="utf-8")
        repository.save(backup_set.name, staging, base_at(staging))
        if fresh or not backup_set.postgres_url:
            repository.forget(backup_set.name)
        facts["seconds"] = round(time.monotonic() - started_s, 1)
        _touch_succeeded(backup_set, copied=fresh)
    return facts


def base_at(staging: Path) -> datetime | None:
    """Return when the base backup in `staging` was complete, None when there is none."""
    stamp = staging / "base.at"
    return datetime.fromisoformat(stamp.read_text("ascii")) if stamp.exists() else None


def _copy_postgres(backup_set: BackupSet, repository: Repository, facts: dict[str, Any]) -> bool:
    """Receive the WAL until now, and make the day's base backup; return whether one was made."""
    where = connection(backup_set.postgres_url)
    postgres, staging = PostgresClient(where), backup_set.staging
    facts["postgres"] = {"user": where["PGUSER"], "database": where["PGDATABASE"]}
    facts["rows"] = postgres.rows()
    facts["counted_at"] = datetime.now(UTC).isoformat()
    if not postgres.slot_is_usable():  # the WAL has a gap: only a new base backup helps
        postgres.drop_slot()
        (staging / "base.at").unlink(missing_ok=True)
    postgres.receive_wal(staging / "wal")
    last = base_at(staging)
    if last and last.date() == datetime.now(UTC).date():
        return False
    if last:  # keeps recovery to any time between two base backups possible
        (staging / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        repository.save(backup_set.name, staging, last)
    new = staging / "base.new"
    shutil.rmtree(new, ignore_errors=True)
    postgres.copy(new)
    (staging / "base.at").unlink(missing_ok=True)
    shutil.rmtree(staging / "base", ignore_errors=True)
    new.rename(staging / "base")
    (staging / "base.at").write_text(datetime.now(UTC).isoformat(), encoding="ascii")
    oldest = first_segment(staging / "base")
    for segment in (staging / "wal").glob("*.gz"):
        if not segment.name.endswith(".history.gz") and segment.name < oldest:
            segment.unlink()
    postgres.receive_wal(staging / "wal")
    return True


def _copy_files(backup_set: BackupSet) -> None:
    target = backup_set.staging / "files"
    shutil.rmtree(target, ignore_errors=True)
    for source in backup_set.files:
        place = target / source.relative_to(backup_set.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_dir():
                without = shutil.ignore_patterns(*VAULT_KEYS)
                shutil.copytree(source, place, dirs_exist_ok=True, ignore=without)
            elif source.exists() and not any(map(source.match, VAULT_KEYS)):
                shutil.copy2(source, place)
        except (OSError, shutil.Error) as error:
            raise BackupFailed(f"{source} cannot be copied: {error}") from error


@contextmanager
def _locked(backup_set: BackupSet) -> Iterator[None]:
    """Raise BackupFailed when another backup of this service runs, or nothing can be written."""
    try:
        backup_set.staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (backup_set.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupFailed(f"another backup of {backup_set.name} is running") from None
            yield
    except OSError as error:
        raise BackupFailed(f"{backup_set.folder} cannot be written: {error}") from error


def _touch_succeeded(backup_set: BackupSet, *, copied: bool) -> None:
    """Touch a file for each kind of backup that succeeded."""
    kinds = {
        "wal": bool(backup_set.postgres_url),
        "postgres": copied,
        "redis": bool(backup_set.redis_url),
        "files": bool(backup_set.files),
    }
    if backup_set.succeeded:
        backup_set.succeeded.mkdir(parents=True, exist_ok=True)
        backup_set.succeeded.chmod(0o755)  # read by the service, which is another user
        for kind in (name for name, done in kinds.items() if done):
            (backup_set.succeeded / kind).touch()
