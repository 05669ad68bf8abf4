"""The versions of the corpus on disk, and which one is in service.

    <data_dir>/corpus/
        <version>/law.sqlite   one folder per version, with the indexes built from it
        current                the version in service: its name, replaced in one step
        last_update.json outcome of the last update
        update.lock            held while an update runs; the kernel releases a killed one's

A version is written in a hidden folder, made durable, renamed, and only then pointed to: whatever
the moment of a kill or a power cut, `current` names a complete version or the one before.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ai_core.errors import UpdateUnderWay

_VERSION = re.compile(r"[0-9a-f]{16}")
_INCOMING = ".incoming-"

UpdateOutcome = Literal["updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class LastUpdate:
    """The outcome of the last update; `reason` of a failed one."""

    finished_at: str
    outcome: UpdateOutcome
    reason: str | None = None


class CorpusVersions:
    """The folder that holds the versions of the corpus."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "corpus"
        self._pointer = self.root / "current"
        self._last_update = self.root / "last_update.json"

    @contextmanager
    def update_lock(self) -> Iterator[None]:
        """Hold the lock of updates, after deleting what a killed one left.

        Raises UpdateUnderWay when another update holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "update.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UpdateUnderWay from error
            for left in self.root.glob(f"{_INCOMING}*"):
                shutil.rmtree(left)
            yield

    def folder(self, version: str) -> Path:
        """Return the folder of a version, which may not exist."""
        return self.root / version

    def current(self) -> str | None:
        """Return the version in service, or None before the first import."""
        try:
            version = self._pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        return version if _VERSION.fullmatch(version) else None

    def others(self) -> list[str]:
        """Return the versions on disk that are not in service: at most the one before."""
        current = self.current()
        if not self.root.exists():
            return []
        names = (path.name for path in self.root.iterdir() if path.is_dir())
        return sorted(name for name in names if _VERSION.fullmatch(name) and name != current)

    def stamp(self) -> tuple[int, int] | None:
        """Return a value that changes whenever another version enters service."""
        try:
            found = self._pointer.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Yield a folder to build a version in; deleted at the end unless it was published."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path, version: str) -> Path:
        """Make a finished folder durable and rename it to its version."""
        for path in sorted(folder.rglob("*")):
            _make_durable(path)
        _make_durable(folder)
        folder.chmod(0o755)
        target = self.folder(version)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
        _make_durable(self.root)
        return target

    def activate(self, version: str) -> None:
        """Put a published version in service; a reader sees the one before or this one."""
        self._replace(self._pointer, version + "\n")

    def delete_except(self, *kept: str | None) -> None:
        """Delete the other versions."""
        for path in self.root.iterdir():
            if path.is_dir() and _VERSION.fullmatch(path.name) and path.name not in kept:
                shutil.rmtree(path)

    def record_update(self, update: LastUpdate) -> None:
        """Store the outcome of an update."""
        self._replace(self._last_update, json.dumps(asdict(update), ensure_ascii=False) + "\n")

    def last_update(self) -> LastUpdate | None:
        """Return the outcome of the last update, or None when there was none."""
        try:
            return LastUpdate(**json.loads(self._last_update.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _replace(self, path: Path, content: str) -> None:
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text(content, encoding="utf-8")
        _make_durable(draft)
        draft.replace(path)
        _make_durable(self.root)


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
