"""`./neo lock [--upgrade]`: write the versions installed in this environment, with their hashes.

`--upgrade` first installs the newest versions that pyproject.toml allows; run `./neo test` before
committing what it wrote. The hashes are those the index lists for every file of a version, so that
one file serves each platform and Python.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.locked_packages import CONSTRAINTS, ROOT, UNLOCKED, normalized, requirements

TIMEOUT_S = 1800.0
OURS = "code-du-travail-neo"
BUILD_ONLY = ("scikit-build-core",)  # of llama-cpp-python, which comes as source


def main() -> int:
    """Write constraints.txt."""
    parser = argparse.ArgumentParser(prog="./neo lock", description=__doc__)
    parser.add_argument("extras", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--upgrade", action="store_true", help="to the newest versions first")
    options = parser.parse_args()
    wanted = [*requirements(options.extras), *BUILD_ONLY]
    eager = ("--upgrade", "--upgrade-strategy", "eager") if options.upgrade else ()
    run("-m", "pip", "install", "--quiet", *eager, *wanted)
    pins = pinned(run("-m", "pip", "list", "--format=freeze", "--exclude-editable"))
    CONSTRAINTS.write_text(with_hashes(pins), encoding="utf-8")
    return 0


def pinned(frozen: str) -> list[str]:
    """Return the lines NAME==VERSION of `pip list`, without ours and local versions ("+cpu")."""
    lines = (line.partition("+")[0] for line in frozen.splitlines())
    return [line for line in lines if normalized(line.partition("==")[0]) != OURS]


def with_hashes(pins: list[str]) -> str:
    """Return the pins with the hashes of their files, as a constraints file."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "pins.in"), Path(folder, "pins.txt")
        source.write_text("\n".join(pins), encoding="utf-8")
        run(
            "-m", "uv", "pip", "compile", str(source), "--no-deps", "--generate-hashes",
            "--no-header", "--no-annotate", "--quiet", "--output-file", str(target),
        )  # fmt: skip
        text = target.read_text(encoding="utf-8")
    for name in UNLOCKED:
        text = re.sub(
            rf"^({name}==\S+) \\\n(?:\s+--hash=\S+(?: \\)?\n)+", r"\1\n", text, flags=re.MULTILINE
        )
    return text


def run(*arguments: str) -> str:
    """Run this Python; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
