"""The weights of the model that transcribes: a folder in CTranslate2's format, checked by hashes.

`SHA256SUMS` in the folder names each file's SHA-256, in the form that `sha256sum --check` reads
(GNU coreutils); the hash of that list stands in the settings, and so pins them all.
"""

import hashlib
import re
from pathlib import Path

from shared.settings import WrongSettings

SUMS = "SHA256SUMS"
NEEDED = ("model.bin", "config.json", "tokenizer.json")
COMPANIONS = ("vocabulary.json", "vocabulary.txt", "preprocessor_config.json")
LINE = re.compile(r"([0-9a-f]{64}) [ *]([\w.-]+)")


def check_weights(folder: Path, sha256: str = "") -> None:
    """Raise WrongSettings unless the folder holds exactly what its list names.

    `sha256` is the hash that the list must have; empty: any. It reads every file.
    """
    remedy = f"run ./neo telegram voice-model {folder}"
    try:
        content = (folder / SUMS).read_bytes()
    except OSError as error:
        raise WrongSettings(f"TELEGRAM_VOICE__MODEL: no {SUMS} in {folder}; {remedy}") from error
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise WrongSettings(f"TELEGRAM_VOICE__SHA256 is not the hash of {folder / SUMS}")
    listed = dict(_parse(content.decode("utf-8", "replace")))
    missing = [name for name in (*NEEDED, *_companions(folder)) if name not in listed]
    if missing:
        raise WrongSettings(f"{folder / SUMS} does not name {', '.join(missing)}; {remedy}")
    for name, expected in listed.items():
        if _sha256(folder / name) != expected:
            raise WrongSettings(f"{folder / name} is not what {SUMS} names: fetch it again")


def write_sums(folder: Path) -> str:
    """Write the list of a folder's files; return its hash. Raises WrongSettings."""
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise WrongSettings(f"no {', '.join(missing)} in {folder}: it holds no Whisper model")
    names = sorted((*NEEDED, *_companions(folder)))
    lines = "".join(f"{_sha256(folder / name)}  {name}\n" for name in names)
    (folder / SUMS).write_text(lines)
    return hashlib.sha256(lines.encode()).hexdigest()


def _companions(folder: Path) -> list[str]:
    return [name for name in COMPANIONS if (folder / name).is_file()]


def _parse(text: str) -> list[tuple[str, str]]:
    matches = [LINE.fullmatch(line) for line in text.splitlines()]
    return [(match[2], match[1]) for match in matches if match]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
