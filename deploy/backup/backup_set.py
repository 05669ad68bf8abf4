"""The stores and files of one service: in a `.neo` folder, or from BACKUP_… variables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.backup.errors import BackupFailed

LOCAL_FILES = {
    "ai": ("keys", "redis-password", "postgres-password"),
    "telegram": ("telegram/password",),
    "mail": ("mail/password", "keys/mail"),
}
"""Configuration and secrets of `./neo run`, by service.

The law and the models are not among them: they are fetched again by name and hash. Nor are the
vault keys: a backup would open what it holds.
"""

VAULT_KEYS = ("vault", "*_vault")
"""Names of the files with the keys of sealed texts: never in a backup of what they seal."""


@dataclass(frozen=True, slots=True)
class BackupSet:
    """One service's stores and files.

    `files` are folders or files below `root`. `postgres_data` and `redis_data` are the folders a
    restore fills; `folder` is the working folder in which the next backup is prepared. In
    `succeeded` an empty file per kind of backup is touched when it succeeds: a service exports
    their times to Prometheus.
    """

    name: str
    folder: Path
    root: Path
    files: tuple[Path, ...]
    postgres_data: Path | None = None
    redis_data: Path | None = None
    postgres_url: str = ""
    redis_url: str = ""
    succeeded: Path | None = None

    @property
    def files_return_to(self) -> Path:
        """Return the target of restored files: those of a whole machine go to a separate folder."""
        return self.folder / "restored" if self.root == Path("/") else self.root

    @property
    def staging(self) -> Path:
        """Return the folder whose content is backed up."""
        return self.folder / "staging"


def from_environment(environment: Mapping[str, str]) -> BackupSet:
    """Return the backup_set of a container or a host. Raises BackupFailed when a variable lacks."""
    name = needed(environment, "BACKUP_NAME")
    files = value(environment, "BACKUP_FILES")
    return BackupSet(
        name,
        folder=Path(value(environment, "BACKUP_FOLDER") or "/var/lib/neo-backup"),
        root=Path("/"),
        files=tuple(Path(part) for part in files.split(":") if part),
        postgres_data=_path(environment, "BACKUP_POSTGRES_DATA"),
        redis_data=_path(environment, "BACKUP_REDIS_DATA"),
        postgres_url=value(environment, "BACKUP_POSTGRES_URL"),
        redis_url=value(environment, "BACKUP_REDIS_URL"),
        succeeded=_path(environment, "BACKUP_SUCCEEDED"),
    )


def local(neo: Path, chosen: Iterable[str] = LOCAL_FILES) -> list[BackupSet]:
    """Return the existing sets of `./neo run`; their stores have addresses once they run."""
    backup_sets = []
    for name in chosen:
        home = neo if name == "ai" else neo / name
        if (home / "redis").exists():
            postgres = home / "postgres"
            backup_sets.append(
                BackupSet(
                    name,
                    folder=neo / "backup" / name,
                    root=neo,
                    files=tuple(neo / part for part in LOCAL_FILES[name]),
                    postgres_data=postgres / "data" if postgres.exists() else None,
                    redis_data=home / "redis",
                    succeeded=neo / "backup" / name / "succeeded",
                )
            )
    return backup_sets


def value(environment: Mapping[str, str], name: str) -> str:
    """Return a variable, or the content of the file that NAME_FILE names, or nothing."""
    file = environment.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BackupFailed(f"{name}_FILE cannot be read: {error}") from error
    return environment.get(name, "")


def needed(environment: Mapping[str, str], name: str) -> str:
    """Return a variable. Raises BackupFailed when it is missing."""
    found = value(environment, name)
    if not found:
        raise BackupFailed(f"{name} is not set")
    return found


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    found = environment.get(name)
    return Path(found) if found else None
