"""Downloads models from a Hub, resumed where a connection broke and verified by hash.

The Hub's listing gives each file's size and hash: SHA-256 for large files (Git LFS), the Git blob's
SHA-1 for small ones (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects). Files come from
`/OWNER/REPO/resolve/COMMIT/FILE` and are resumed with Range (RFC 9110, section 14).
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import httpx2

from ai_core.errors import HubUnreachable, ModelUnusable, NoDisk

ENDPOINT = "https://huggingface.co"
SOURCE = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[\w./+-]+))?(?:@(?P<revision>[\w./-]+))?", re.ASCII
)
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
ATTEMPTS = 4
CHUNK_BYTES = 1024 * 1024
COMPANIONS = (  # files a folder of weights needs beside them
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
    "chat_template.jinja", "adapter_config.json", "model.safetensors.index.json",
)  # fmt: skip

Progress = Callable[[str, int, int], None]
"""Takes a file's name, the bytes fetched so far and its size in bytes."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository, or one file of it, at a revision."""

    repo: str
    file: str = ""
    revision: str = "main"

    @classmethod
    def parse(cls, source: str) -> "HubSource":
        """Read `hf:OWNER/REPO[/FILE][@REVISION]`. Raises ModelUnusable."""
        match = SOURCE.fullmatch(source)
        if not match or ".." in source:
            raise ModelUnusable(f"{source}: write hf:OWNER/REPO[/FILE.gguf][@REVISION]")
        return cls(match["repo"], match["file"] or "", match["revision"] or "main")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the Hub lists it; the hash is `sha256`, or `blob` (SHA-1 of the Git blob)."""

    name: str
    size_bytes: int
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished download: the file or folder to open, its commit, the licence the Hub names."""

    path: Path
    commit: str
    licence: str


class Hub:
    """Client of a server of model repositories. Every method blocks."""

    def __init__(self, endpoint: str = ENDPOINT, token: str = "") -> None:
        headers = {"Accept-Encoding": "identity"}  # what is counted is what is on the disk
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._endpoint = endpoint.rstrip("/")
        self._client = httpx2.Client(timeout=TIMEOUT, headers=headers, follow_redirects=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch(self, source: HubSource, folder: Path, progress: Progress) -> Fetched:
        """Download a model into `folder`; files that are complete there are not fetched again.

        Raises HubUnreachable, NoDisk before anything is written, ModelUnusable when the repository
        holds no model we know or a file arrives damaged.
        """
        listing = self._listing(source)
        files = choose_files(listing_files(listing), source)
        self._need_disk(files, folder)
        commit = str(listing["sha"])
        for file in files:
            self._fetch_file(source, commit, file, folder, progress)
        licence = str((listing.get("cardData") or {}).get("license") or "")
        path = folder / files[0].name if len(files) == 1 else folder
        return Fetched(path, commit, licence)

    def _listing(self, source: HubSource) -> dict[str, Any]:
        revision = quote(source.revision, safe="")
        url = f"{self._endpoint}/api/models/{source.repo}/revision/{revision}?blobs=true"
        try:
            response = self._client.get(url)
            self._check(response, source)
            listing: dict[str, Any] = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._unreachable(error) from error
        return listing

    def _fetch_file(
        self, source: HubSource, commit: str, file: HubFile, folder: Path, progress: Progress
    ) -> None:
        target = folder / file.name
        if target.exists() and target.stat().st_size == file.size_bytes and is_intact(target, file):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        url = f"{self._endpoint}/{source.repo}/resolve/{commit}/{quote(file.name)}"
        self._download(url, source, file, part, progress)
        if not is_intact(part, file):
            part.unlink()
            raise ModelUnusable(f"{file.name} arrived damaged and was deleted: add it again")
        part.replace(target)

    def _download(
        self, url: str, source: HubSource, file: HubFile, part: Path, progress: Progress
    ) -> None:
        """Download until the file is complete, resuming where the connection broke."""
        last_error: httpx2.HTTPError | None = None
        for _ in range(ATTEMPTS):
            try:
                self._resume(url, source, file, part, progress)
            except httpx2.HTTPError as error:
                last_error = error
            if part.exists() and part.stat().st_size >= file.size_bytes:
                return
        raise self._unreachable(last_error or f"{file.name} ends too soon")

    def _resume(
        self, url: str, source: HubSource, file: HubFile, part: Path, progress: Progress
    ) -> None:
        done = part.stat().st_size if part.exists() else 0
        if done > file.size_bytes:
            part.unlink()
            done = 0
        headers = {"Range": f"bytes={done}-"} if done else {}
        if done == file.size_bytes and done:
            return
        with self._client.stream("GET", url, headers=headers) as response:
            self._check(response, source)
            resumed = response.status_code == httpx2.codes.PARTIAL_CONTENT
            done = done if resumed else 0
            with part.open("ab" if resumed else "wb") as opened:
                for chunk in response.iter_raw():
                    opened.write(chunk)
                    done += len(chunk)
                    progress(file.name, done, file.size_bytes)

    def _need_disk(self, files: list[HubFile], folder: Path) -> None:
        there = sum(
            path.stat().st_size
            for file in files
            for path in (folder / file.name, folder / f"{file.name}.part")
            if path.exists()
        )
        need_disk(sum(file.size_bytes for file in files) - there, folder)

    def _check(self, response: httpx2.Response, source: HubSource) -> None:
        if response.status_code in {401, 403}:
            raise HubUnreachable(
                f"{source.repo} is not open to everybody or does not exist: accept its licence on "
                "its page, and give a token in HF_TOKEN"
            )
        if response.status_code == httpx2.codes.NOT_FOUND:
            raise ModelUnusable(f"{source.repo} at {source.revision} is not on {self._endpoint}")
        response.raise_for_status()

    def _unreachable(self, reason: object) -> HubUnreachable:
        return HubUnreachable(
            f"{self._endpoint} does not answer as it should ({reason}): try again, what came is "
            "kept; or fetch the files yourself and give their path; HF_ENDPOINT names a mirror"
        )


def listing_files(listing: dict[str, Any]) -> list[HubFile]:
    """Read the files of a listing, with their sizes and hashes. Raises HubUnreachable."""
    try:
        return [
            HubFile(
                str(PurePosixPath(file["rfilename"])),
                int(file["size"]),
                str((file.get("lfs") or {}).get("sha256", "")),
                str(file.get("blobId", "")),
            )
            for file in listing["siblings"]
            if ".." not in PurePosixPath(file["rfilename"]).parts
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise HubUnreachable(f"the Hub's listing is not what it was ({error!r})") from error


def choose_files(files: list[HubFile], source: HubSource) -> list[HubFile]:
    """Choose what to fetch: the file named, else the weights and their companions.

    Raises ModelUnusable, naming the GGUF files to choose from when there are several.
    """
    if source.file:
        named = [file for file in files if file.name == source.file]
        if not named:
            raise ModelUnusable(f"{source.repo} has no file {source.file}")
        return named
    gguf = [file for file in files if file.name.endswith(".gguf")]
    weights = [file for file in files if file.name.endswith(".safetensors")] or [
        file for file in files if ".onnx" in PurePosixPath(file.name).name
    ]
    if not weights and len(gguf) == 1:
        return gguf
    if not weights:
        names = ", ".join(file.name for file in gguf) or "none that is a model"
        raise ModelUnusable(f"{source.repo}: name one of its files: {names}")
    return weights + [file for file in files if file.name in COMPANIONS]


def is_intact(path: Path, file: HubFile) -> bool:
    """Return whether a file is what the Hub lists; without a hash there, its size decides."""
    if path.stat().st_size != file.size_bytes:
        return False
    if file.sha256:
        return sha256_of(path) == file.sha256
    if file.blob:
        seen = hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
        with path.open("rb") as opened:
            while chunk := opened.read(CHUNK_BYTES):
                seen.update(chunk)
        return seen.hexdigest() == file.blob
    return True


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def need_disk(wanted_bytes: int, folder: Path) -> None:
    """Raise NoDisk unless that much is free where `folder` is or will be."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if wanted_bytes > free:
        raise NoDisk(
            f"{wanted_bytes:,} bytes are needed in {place} and {free:,} are free: delete something "
            "(model remove) or set AI_CORE_MODELS__FOLDER to a larger disk"
        )
