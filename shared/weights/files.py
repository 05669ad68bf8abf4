"""Files of weights: their hashes, and room for them."""

import hashlib
import shutil
from pathlib import Path

from shared.errors import NoDisk


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
            "or name a folder on a larger disk"
        )
