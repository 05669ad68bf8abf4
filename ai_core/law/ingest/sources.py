"""Sources of the law: the ministry's npm packages, pinned, or files an operator supplies.

`npm pack NAME@VERSION` downloads one archive; nothing is installed and no script runs. Archives
are read in memory, member by member, and only the members we know by name: no path of an archive is
ever written to.
"""

import gzip
import hashlib
import re
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ai_core.errors import CorpusNotSupplied, CorpusRefused, SourceUnreachable
from shared.failures import cause

CODE_FILE = "LEGITEXT000006072050.json"
FICHES_FILE = "fiches-travail.json"
AGREEMENTS_FILE = "index.json"
MEMBER_LIMIT_BYTES = 256 * 1024 * 1024
FETCH_TIMEOUT_S = 300
NPM_LOG = "npm.log"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one npm package, with the SHA-256 of its archive."""

    package: str
    version: str
    sha256: str

    @property
    def stem(self) -> str:
        """Return the package's name without its scope."""
        return self.package.rpartition("/")[2]

    @property
    def archive_name(self) -> str:
        """Return the name `npm pack` gives the archive."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


CODE = Release(
    "@socialgouv/legi-data",
    "2.513.0",
    "10b1764253677990bb889057a49e8ddbc8486173502b38e7a1c75a7260b42de5",
)
FICHES = Release(
    "@socialgouv/fiches-travail-data",
    "4.1174.0",
    "6f9d01da5ae5b9f1a45671bffeff9487e332b17cbe86d519cf23de9e93ded64f",
)
AGREEMENTS = Release(
    "@socialgouv/kali-data",
    "3.449.0",
    "9a0a6255707937a59cb74bd462f5c1716007ad514dcf6fab1151b4f11148fc5a",
)
RELEASES = (CODE, FICHES, AGREEMENTS)


@dataclass(frozen=True, slots=True)
class Archive:
    """One package on disk: its .tgz, or a folder holding the package's JSON files unpacked."""

    path: Path
    sha256: str

    def files(self, *names: str) -> Iterator[tuple[str, bytes]]:
        """Yield (name, content) of the package's data files called one of `names`.

        Raises CorpusRefused when the archive is damaged, holds a file over MEMBER_LIMIT_BYTES,
        or lacks one of them.
        """
        wanted = set(names)
        found = self._in_folder(wanted) if self.path.is_dir() else self._in_archive(wanted)
        for name, content in found:
            wanted.discard(name)
            yield name, content
            if not wanted:
                return
        raise CorpusRefused(f"{self.path.name} holds no {', '.join(sorted(wanted)[:3])}")

    def file(self, name: str) -> bytes:
        """Return the content of one data file."""
        return next(content for _, content in self.files(name))

    def _in_folder(self, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
        for name in sorted(wanted):
            path = self.path / name
            if path.is_file():
                _check_size(name, path.stat().st_size)
                yield name, path.read_bytes()

    def _in_archive(self, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
        with _opened(self.path) as archive:
            for member in archive:
                place = PurePosixPath(member.name)
                if member.isfile() and place.parent.name == "data" and place.name in wanted:
                    _check_size(place.name, member.size)
                    stream = archive.extractfile(member)
                    yield place.name, _whole(stream, member.size) if stream else b""


@dataclass(frozen=True, slots=True)
class Sources:
    """The three packages a corpus is made of."""

    code: Archive
    fiches: Archive
    agreements: Archive


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:gz") as archive:
            yield archive
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CorpusRefused(f"{path.name} is damaged: {error}") from error


def _check_size(name: str, size_bytes: int) -> None:
    if size_bytes > MEMBER_LIMIT_BYTES:
        raise CorpusRefused(f"{name} is larger than {MEMBER_LIMIT_BYTES} bytes")


def _whole(stream: IO[bytes], size_bytes: int) -> bytes:
    content = stream.read(size_bytes)
    if len(content) != size_bytes:
        raise EOFError("a file in it is cut short")
    return content


def sha256_of_files(*paths: Path) -> str:
    """Return the SHA-256 of the files' contents, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def fetch(archives: Path, *, npm: str = "npm", report: Report = lambda line: None) -> Sources:
    """Download the pinned releases into the folder `archives`, unless they are there already.

    `report` is told the name of each before it is fetched.

    Raises SourceUnreachable when npm is absent, fails or is too slow, CorpusRefused when an
    archive is not the one pinned.
    """
    archives.mkdir(parents=True, exist_ok=True)
    return Sources(*(_fetch_one(release, archives, npm, report) for release in RELEASES))


def _fetch_one(release: Release, archives: Path, npm: str, report: Report) -> Archive:
    path = archives / release.archive_name
    if not (path.is_file() and sha256_of_files(path) == release.sha256):
        path.unlink(missing_ok=True)
        report(release.package)
        _npm_pack(release, archives, npm)
    if not path.is_file():
        raise SourceUnreachable(f"npm pack did not leave {release.archive_name}")
    found = sha256_of_files(path)
    if found != release.sha256:
        path.unlink()
        raise CorpusRefused(
            f"{release.archive_name} has SHA-256 {found}, not the pinned {release.sha256}"
        )
    return Archive(path, found)


def _npm_pack(release: Release, archives: Path, npm: str) -> None:
    wanted = f"{release.package}@{release.version}"
    command = [npm, "pack", wanted, "--ignore-scripts", "--pack-destination", str(archives)]
    try:
        subprocess.run(  # noqa: S603  the command is ours, word for word
            command, check=True, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise SourceUnreachable(
            f"'{npm}' is not installed; install npm, or put the archives in a folder "
            "and pass it with --from"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SourceUnreachable(f"npm pack {wanted} took over {FETCH_TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        log = archives / NPM_LOG
        log.write_text(error.stdout + error.stderr, encoding="utf-8")
        lines = error.stderr.strip().splitlines()
        reason = cause(error.stderr) or " ".join(lines[:3])
        raise SourceUnreachable(
            f"npm pack {wanted} failed: {reason} (what it printed: {log})"
        ) from error


def supplied(folder: Path) -> Sources:
    """Find the three packages an operator put under `folder`, packed (.tgz) or unpacked (JSON).

    Raises CorpusNotSupplied when one is absent, CorpusRefused when it is duplicated or not the
    release of its name.
    """
    if not folder.is_dir():
        raise CorpusNotSupplied(f"{folder} is not a folder")
    marks = (CODE_FILE, FICHES_FILE, AGREEMENTS_FILE)
    return Sources(
        *(
            _supplied_one(release, folder, mark)
            for release, mark in zip(RELEASES, marks, strict=True)
        )
    )


def _supplied_one(release: Release, folder: Path, mark: str) -> Archive:
    packed = [p for p in sorted(folder.rglob(f"*{release.stem}-*.tgz")) if p.is_file()]
    if len(packed) > 1:
        names = ", ".join(p.name for p in packed)
        raise CorpusRefused(f"more than one archive of {release.package}: {names}")
    if packed:
        return _checked(packed[0])
    for unpacked in sorted(folder.rglob(mark)):
        if mark != AGREEMENTS_FILE or any(unpacked.parent.glob("KALICONT*.json")):
            return Archive(unpacked.parent, _sha256_of_folder(unpacked))
    raise CorpusNotSupplied(
        f"{folder} holds neither {release.archive_name} nor {mark}; "
        f"bring it with: npm pack {release.package}@{release.version}"
    )


def _checked(path: Path) -> Archive:
    found = sha256_of_files(path)
    for release in RELEASES:
        if path.name == release.archive_name and found != release.sha256:
            raise CorpusRefused(
                f"{path.name} is not the release pinned under that name: SHA-256 {found}"
            )
    return Archive(path, found)


def _sha256_of_folder(mark: Path) -> str:
    agreements = sorted(mark.parent.glob("KALICONT*.json")) if mark.name == AGREEMENTS_FILE else []
    return sha256_of_files(mark, *agreements)


AGREEMENT_ID = re.compile(r"KALICONT\d{12}")
"""The shape of an agreement's id, which is also the name of its file."""
