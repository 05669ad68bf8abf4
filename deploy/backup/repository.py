"""The encrypted repository of backups: restic's (https://restic.readthedocs.io), one per owner.

restic encrypts and authenticates everything it stores, deduplicates, and detects damage. The
repository is a folder, or any address restic supports (sftp:, s3:, rest:).
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deploy.backup.errors import BackupFailed

TIMEOUT_S = 3 * 3600.0
NO_REPOSITORY = "Is there a repository at the following location?"
KEEP = ("--keep-within", "2d", "--keep-daily", "14", "--keep-weekly", "8", "--keep-monthly", "6")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One backup. `base_at` is when its base backup of Postgres was complete, if it has one."""

    id: str
    at: datetime
    base_at: datetime | None


class Repository:
    """The repository at `address`, opened with the password in `password_file`."""

    def __init__(self, address: str, password_file: Path) -> None:
        self.address = address
        self._password_file = password_file

    def save(self, name: str, folder: Path, base_at: datetime | None) -> None:
        """Store `folder` as a backup of `name`, creating the repository if there is none."""
        tags = ["--tag", f"base={base_at.isoformat()}"] if base_at else []
        words = ("backup", "--host", name, *tags, ".")
        done = self._restic(*words, cwd=folder)
        if done.returncode and NO_REPOSITORY in done.stderr:
            self._run_checked("init")
            done = self._restic(*words, cwd=folder)
        self._raise_for_status(done, "backup")

    def forget(self, name: str) -> None:
        """Delete backups beyond the retention policy, and free their space."""
        self._run_checked("unlock")  # locks of processes that no longer run
        self._run_checked("forget", "--host", name, "--group-by", "host", *KEEP, "--prune")

    def snapshots(self, name: str) -> list[Snapshot]:
        """Return the backups of `name`, oldest first."""
        entries = json.loads(self._run_checked("snapshots", "--host", name, "--json") or "[]")
        found = [
            Snapshot(entry["id"], _moment(entry["time"]), _base(entry.get("tags") or []))
            for entry in entries or []
        ]
        return sorted(found, key=lambda snapshot: snapshot.at)

    def fetch(self, snapshot: Snapshot, target: Path) -> None:
        """Extract a backup into `target`. Raises BackupFailed when it is damaged."""
        self._run_checked("restore", snapshot.id, "--target", str(target))

    def check(self) -> None:
        """Read and check every byte. Raises BackupFailed when one is damaged."""
        self._run_checked("check", "--read-data")

    def _run_checked(self, *words: str) -> str:
        done = self._restic(*words)
        self._raise_for_status(done, words[0])
        return done.stdout

    def _raise_for_status(self, done: subprocess.CompletedProcess[str], action: str) -> None:
        if done.returncode:
            raise BackupFailed(
                f"the backups in {self.address} cannot be used (restic {action}): "
                f"{_reason(done.stderr)}"
            )

    def _restic(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        binary = shutil.which("restic")
        if binary is None:
            raise BackupFailed("restic is needed; on Debian: apt-get install -y restic")
        if not self._password_file.exists():
            raise BackupFailed(f"the password of the backups is not in {self._password_file}")
        ours = {
            "RESTIC_REPOSITORY": self.address,
            "RESTIC_PASSWORD_FILE": str(self._password_file.resolve()),
        }
        return subprocess.run(
            [binary, "--quiet", *words],
            cwd=cwd,
            env={**os.environ, **ours},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "rror" in line or "atal" in line or "annot" in line]
    return (errors or lines or ["no reason given"])[0][:300]


def _moment(text: str) -> datetime:
    """Read restic's time; its nanoseconds are cut to what Python keeps."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _base(tags: list[str]) -> datetime | None:
    for tag in tags:
        if tag.startswith("base="):
            return datetime.fromisoformat(tag.removeprefix("base="))
    return None
