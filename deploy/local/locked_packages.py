"""The Python packages of this project, by exact version and hash (`constraints.txt`).

`python3 -m deploy.local.locked_packages EXTRA…` prints what pip is to install for these extras, and
`--only NAME…` the locked lines of single packages; both for
`pip install --require-hashes --constraint constraints.txt --requirement FILE`.

Standard library only: `./neo` and the Dockerfiles use it before anything is installed. pip takes
hashes from a constraints file since 24.0; an older one is replaced by the locked one first. torch
has no hash: the build without CUDA comes from another index, with other files.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
UNLOCKED = {"torch"}
_LOCKED = re.compile(r"^(?P<name>[\w.-]+)==[^\n\\]+(?:\\\n\s+--hash=\S+ ?)*", re.MULTILINE)


def normalized(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(extras: Iterable[str], pyproject: Path = ROOT / "pyproject.toml") -> list[str]:
    """Return what the project and its `extras` need, and what builds it. Raises KeyError."""
    document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    optional = document["project"]["optional-dependencies"]
    wanted = [*document["build-system"]["requires"], *document["project"]["dependencies"]]
    wanted += [requirement for extra in extras for requirement in optional[extra]]
    return sorted({each for each in wanted if name_of(each) not in UNLOCKED})


def name_of(requirement: str) -> str:
    """Return the name of the package that a requirement (PEP 508) is about."""
    return normalized(re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0])


def locked(names: Iterable[str], constraints: Path = CONSTRAINTS) -> str:
    """Return the lines of constraints.txt for these packages. Raises KeyError."""
    blocks = {
        normalized(found["name"]): found[0].rstrip()
        for found in _LOCKED.finditer(constraints.read_text(encoding="utf-8"))
    }
    return "\n".join(blocks[normalized(name)] for name in names) + "\n"


if __name__ == "__main__":
    arguments = sys.argv[1:]
    only = arguments[:1] == ["--only"]
    sys.stdout.write(locked(arguments[1:]) if only else "\n".join([*requirements(arguments), ""]))
