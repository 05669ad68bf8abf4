"""Downloads models from a Hub with huggingface_hub, and verifies each file by its hash.

The library lists, authenticates and retries; what it leaves out is here (docs/decisions/0120): a
download resumed by the next run where it broke (Range, RFC 9110, section 14), and the hash of the
listing compared with the bytes that came: SHA-256 for large files (Git LFS), the Git blob's SHA-1
for small ones (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

from shared.errors import HubRefused, HubUnreachable
from shared.weights.files import need_disk, sha256_of

ENDPOINT = "https://huggingface.co"
SOURCE = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[\w./+-]+))?(?:@(?P<revision>[\w./-]+))?", re.ASCII
)
TIMEOUT_S = 30.0
ATTEMPTS = 4
RETRIES = 3  # of one attempt, while the Hub is busy or out of reach: 1, 2 and 4 s
CHUNK_BYTES = 1024 * 1024
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
        """Read `hf:OWNER/REPO[/FILE][@REVISION]`. Raises HubRefused."""
        match = SOURCE.fullmatch(source)
        if not match or ".." in source:
            raise HubRefused(f"{source}: write hf:OWNER/REPO[/FILE.gguf][@REVISION]")
        return cls(match["repo"], match["file"] or "", match["revision"] or "main")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the Hub lists it; the hash is `sha256`, or `blob` (SHA-1 of the Git blob)."""

    name: str
    size_bytes: int
    sha256: str = ""
    blob: str = ""


Choose = Callable[[list[HubFile]], list[HubFile]]
"""Takes what a repository lists, and returns what to fetch of it; it may raise an AppError."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A finished download: the names of its files, its commit, the licence the Hub names."""

    names: tuple[str, ...]
    commit: str
    licence: str


class Hub:
    """Client of a server of model repositories. Every method blocks."""

    def __init__(self, endpoint: str = ENDPOINT, token: str = "") -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token or None  # None: the token of `hf auth login`, if any
        self._api = HfApi(endpoint=self._endpoint, token=self._token)

    def fetch(self, source: HubSource, folder: Path, progress: Progress, choose: Choose) -> Fetched:
        """Download files into `folder`; those that are complete there are not fetched again.

        Raises HubUnreachable, NoDisk before anything is written, HubRefused when the repository
        does not exist or a file arrives damaged, and what `choose` raises.
        """
        with self._errors(source):
            info = self._api.model_info(
                source.repo, revision=source.revision, files_metadata=True, timeout=TIMEOUT_S
            )
        files = choose(listed_files(info))
        _need_disk(files, folder)
        commit = str(info.sha)
        for file in files:
            self._fetch_file(source, commit, file, folder, progress)
        licence = str(info.card_data.license or "") if info.card_data else ""
        return Fetched(tuple(file.name for file in files), commit, licence)

    def _fetch_file(
        self, source: HubSource, commit: str, file: HubFile, folder: Path, progress: Progress
    ) -> None:
        target = folder / file.name
        if target.exists() and is_intact(target, file):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        url = hf_hub_url(source.repo, file.name, revision=commit, endpoint=self._endpoint)
        with self._errors(source):
            self._download(url, file, part, progress)
        if not is_intact(part, file):
            part.unlink()
            raise HubRefused(f"{file.name} arrived damaged and was deleted: add it again")
        part.replace(target)

    def _download(self, url: str, file: HubFile, part: Path, progress: Progress) -> None:
        """Download until the file is complete, resuming where the connection broke."""
        broken: httpx2.HTTPError | None = None
        for _ in range(ATTEMPTS):
            done_bytes = part.stat().st_size if part.exists() else 0
            if done_bytes >= file.size_bytes > 0:
                return
            broken = self._resume(url, file, part, done_bytes, progress)
            if part.stat().st_size >= file.size_bytes:
                return
        raise broken or httpx2.RemoteProtocolError(f"{file.name} ends too soon")

    def _resume(
        self, url: str, file: HubFile, part: Path, done_bytes: int, progress: Progress
    ) -> httpx2.HTTPError | None:
        """Append what comes to `part`; returns what broke the connection, if anything did."""
        headers = build_hf_headers(token=self._token) | {"Accept-Encoding": "identity"}
        if done_bytes:
            headers["Range"] = f"bytes={done_bytes}-"
        with http_stream_backoff(
            "GET", url, headers=headers, timeout=TIMEOUT_S, max_retries=RETRIES
        ) as response:
            hf_raise_for_status(response)
            if response.status_code != httpx2.codes.PARTIAL_CONTENT:
                done_bytes = 0
            with part.open("ab" if done_bytes else "wb") as opened:
                try:  # inside the block: the library would ask again, from the same byte
                    for chunk in response.iter_raw():
                        opened.write(chunk)
                        done_bytes += len(chunk)
                        progress(file.name, done_bytes, file.size_bytes)
                except httpx2.HTTPError as error:
                    return error
        return None

    @contextmanager
    def _errors(self, source: HubSource) -> Iterator[None]:
        """Turn the library's errors into ours, with what the operator can do."""
        try:
            yield
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
            if status in {401, 403}:
                raise HubUnreachable(
                    f"{source.repo} is not open to everybody or does not exist: accept its licence "
                    "on its page, and give a token in HF_TOKEN"
                ) from error
            if status == httpx2.codes.NOT_FOUND:
                raise HubRefused(
                    f"{source.repo} at {source.revision} is not on {self._endpoint}"
                ) from error
            raise HubUnreachable(
                f"{self._endpoint} does not answer as it should ({error!r}): try again, what came "
                "is kept; or fetch the files yourself and give their path; HF_ENDPOINT names a "
                "mirror"
            ) from error


def listed_files(info: ModelInfo) -> list[HubFile]:
    """Read the files of a listing, with their sizes and hashes.

    Raises HubUnreachable for a file without its size; names that lead outside the folder are left
    out.
    """
    files = []
    for file in info.siblings or []:
        if file.size is None:
            raise HubUnreachable(f"the Hub's listing names no size for {file.rfilename}")
        if ".." not in PurePosixPath(file.rfilename).parts and file.rfilename[:1] != "/":
            sha256 = file.lfs.sha256 if file.lfs else ""
            files.append(HubFile(file.rfilename, file.size, sha256, file.blob_id or ""))
    return files


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


def _need_disk(files: list[HubFile], folder: Path) -> None:
    there_bytes = sum(
        path.stat().st_size
        for file in files
        for path in (folder / file.name, folder / f"{file.name}.part")
        if path.exists()
    )
    need_disk(sum(file.size_bytes for file in files) - there_bytes, folder)
