"""A machine on which nothing is installed yet: a copy of the checkout, and programs one by one."""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("deploy", "shared", "ai_core")
NOWHERE = "http://127.0.0.1:9"
"""The port of "discard", where nothing listens."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said, its exit status, and the processor time it took."""

    status: int
    out: str
    err: str
    cpu_s: float
    wall_s: float

    @property
    def sentence(self) -> str:
        """The one line that says what is wrong."""
        [line] = self.err.splitlines()
        return line


class Newcomer:
    """A person who types `./neo …` in `folder`, with these programs on the PATH."""

    def __init__(self, folder: Path, programs: Sequence[str] = ()) -> None:
        self.folder = folder
        self.bin = folder.parent / "bin"
        self.bin.mkdir(exist_ok=True)
        for name in programs:
            self.add(name)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder.parent),
            "LANG": "C.UTF-8",
            "PIP_INDEX_URL": f"{NOWHERE}/simple",
            "PIP_NO_INDEX": "0",
            "npm_config_registry": NOWHERE,
        }

    def add(self, name: str, program: str = "#!/bin/sh\nexit 0\n") -> None:
        """Put a program on the PATH."""
        path = self.bin / name
        path.write_text(program)
        path.chmod(0o755)

    def types(self, *words: str, **environment: str) -> Told:
        """Run `./neo WORDS` with Python alone; nothing of the test's own environment is seen."""
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys._base_executable, "neo", *words],  # type: ignore[attr-defined]
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        wall_s = time.monotonic() - began
        return Told(done.returncode, done.stdout, done.stderr, cpu_s, wall_s)


def checkout(folder: Path) -> Path:
    """Copy what `./neo` needs before it installs anything."""
    folder.mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=_all_but_code)
    for name in ("neo", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "tests" / "bench").mkdir(parents=True)
    return folder


def _all_but_code(folder: str, names: list[str]) -> list[str]:
    kept = {".py", ".json"}
    return [
        name
        for name in names
        if name == "__pycache__"
        or not (Path(folder, name).suffix in kept or Path(folder, name).is_dir())
    ]
