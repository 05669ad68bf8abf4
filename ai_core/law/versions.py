"""Where the versions of the corpus stand on disk, and which one is in service.

    <data_dir>/corpus/
        <version>/law.sqlite   one folder per version, with the indexes built from it
        current                the version in service: its name, replaced in one step
        last_update.json       how the last update went
        update.lock            held while an update runs; a killed update lets go of it

A version is written in a hidden folder, made durable, renamed, and only then pointed to: whatever
the moment of a kill or a power cut, `current` names a complete version or the one before.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import structlog

from ai_core.errors import CorpusMissing, CorpusRefused, UpdateUnderWay
from ai_core.law.corpus import Corpus

_log = structlog.get_logger()

_VERSION = re.compile(r"[0-9a-f]{16}")
_INCOMING = ".incoming-"

Outcome = Literal["updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class LastUpdate:
    """How the last update went; `reason` says why it failed."""

    finished_at: str
    outcome: Outcome
    reason: str | None = None


class Shelf:
    """The folder that holds the versions of the corpus."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "corpus"
        self._pointer = self.root / "current"
        self._last_update = self.root / "last_update.json"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the shelf for an update, and clear what a killed one left.

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

    def place(self, version: str) -> Path:
        """Return the folder of a version, which may not exist."""
        return self.root / version

    def current(self) -> str | None:
        """Return the version in service, or None before the first import."""
        try:
            version = self._pointer.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        return version if _VERSION.fullmatch(version) else None

    def mark(self) -> tuple[int, int] | None:
        """Return what changes whenever another version enters service."""
        try:
            found = self._pointer.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Lend a folder to build a version in; what is left there at the end is deleted."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def accept(self, folder: Path, version: str) -> Path:
        """Make a finished folder durable and give it its place on the shelf."""
        for path in sorted(folder.rglob("*")):
            _make_durable(path)
        _make_durable(folder)
        folder.chmod(0o755)
        place = self.place(version)
        if place.exists():
            shutil.rmtree(place)
        folder.rename(place)
        _make_durable(self.root)
        return place

    def put_in_service(self, version: str) -> None:
        """Point to a version that has its place; a reader sees the old one or this one."""
        self._replace(self._pointer, version + "\n")

    def sweep(self, *kept: str | None) -> None:
        """Delete the other versions."""
        for path in self.root.iterdir():
            if path.is_dir() and _VERSION.fullmatch(path.name) and path.name not in kept:
                shutil.rmtree(path)

    def record(self, update: LastUpdate) -> None:
        """Keep how an update went."""
        self._replace(self._last_update, json.dumps(asdict(update), ensure_ascii=False) + "\n")

    def last_update(self) -> LastUpdate | None:
        """Return how the last update went, or None when there was none."""
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


class CurrentCorpus:
    """The corpus in service, reopened when another version replaces it.

    The check costs one stat. A version that is replaced stays open for whoever still reads it.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._lock = threading.Lock()
        self._mark: tuple[int, int] | None = None
        self._corpus: Corpus | None = None

    def get(self) -> Corpus:
        """Return the corpus in service; raises CorpusMissing before the first import."""
        mark = self._shelf.mark()
        with self._lock:
            if mark != self._mark:
                self._open(mark)
            if self._corpus is None:
                raise CorpusMissing(retry_after_s=30)
            return self._corpus

    def _open(self, mark: tuple[int, int] | None) -> None:
        version = self._shelf.current()
        if version is None:
            return
        self._mark = mark
        try:
            self._corpus = Corpus(self._shelf.place(version))
        except CorpusRefused as error:
            _log.error("corpus_unreadable", version=version, reason=str(error))
