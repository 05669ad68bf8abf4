"""Files that only their owner may read."""

import secrets
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write `text` to a file of mode 0600."""
    path.touch(mode=0o600)
    path.chmod(0o600)  # one that was there may have been open to others
    path.write_text(text, encoding="utf-8")


def secret(path: Path) -> str:
    """Return the secret in `path`, generated when there is none."""
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text(encoding="utf-8")
