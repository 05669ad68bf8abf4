"""Installs the project's packages under `.neo/venv`, by the versions and hashes it locks."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

from deploy.local.errors import Stop
from deploy.local.layout import LOGS, PYTHON, ROOT, VENV, shown
from deploy.local.locked_packages import CONSTRAINTS, locked, requirements
from deploy.local.preflight import need_to_install, need_venv_module
from deploy.local.terminal import progress, say, since
from shared.failures import cause

Tell = Callable[[str], None]
TORCH = "torch==2.13.0"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of builds without CUDA: anywhere else, `torch` brings gigabytes of it."""
LOG = LOGS / "install.log"
PROGRAM = "NEO_PROGRAM"
"""Tells our programs by which name they were started, for what they say of themselves."""


def set_up(extras: tuple[str, ...], *, quiet: bool = False) -> None:
    """Install the packages of `extras` in the virtual environment, unless they are installed.

    Raises Stop when the machine lacks something, before anything is made, or when pip fails.
    """
    wanted = fingerprint()
    if installed(extras, wanted):
        return
    need_to_install(extras)
    started = time.monotonic()
    if not PYTHON.exists():
        make_venv()
    LOGS.mkdir(mode=0o700, parents=True, exist_ok=True)
    LOG.unlink(missing_ok=True)
    with progress(f"installing {', '.join(extras)} (versions and hashes of constraints.txt)") as on:
        if "torch" in extras:
            install_torch(on)
        install_locked(extras, on)
    (VENV / f"stamp-{'-'.join(extras)}").write_text(wanted)
    if not quiet:
        say(f"set up in {since(started)}")


def installed(extras: Iterable[str], wanted: str) -> bool:
    """Whether one installation of what `wanted` says brought all of these extras."""
    return any(
        set(extras) <= set(stamp.name.split("-")[1:]) and stamp.read_text() == wanted
        for stamp in VENV.glob("stamp-*")
    )


def make_venv() -> None:
    """Make the virtual environment. Raises Stop."""
    need_venv_module()
    with progress("making the virtual environment .neo/venv"):
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode:
        LOGS.mkdir(mode=0o700, parents=True, exist_ok=True)
        LOG.write_text(made.stdout + made.stderr)
        raise failed("the virtual environment could not be made", made.stdout + made.stderr)


def install_locked(extras: Iterable[str], on: Tell) -> None:
    """Install the packages of `extras` by version and hash, then this project. Raises Stop.

    The locked pip first: the one a virtual environment comes with may not know these options.
    """
    itself = VENV / "pip.txt"
    itself.write_text(locked(["pip"]), encoding="utf-8")
    locks = ("--constraint", str(CONSTRAINTS), "--build-constraint", str(CONSTRAINTS))
    for step in (
        ("--require-hashes", "--requirement", str(itself)),
        ("--require-hashes", *locks, *requirements(extras)),
        ("--no-deps", "--no-build-isolation", "--editable", str(ROOT)),
    ):
        status, said = pip(step, on)
        if status:
            raise failed("pip could not install the packages", said)


def install_torch(on: Tell) -> None:
    """Install PyTorch without CUDA: from a folder of wheels pip knows, or from its own index."""
    for source in (("--no-index",), ("--index-url", TORCH_INDEX)):
        status, said = pip(("--no-deps", *source, TORCH), on)
        if status == 0:
            return
    raise failed(f"{TORCH} for processors only could not be installed", said)


def failed(what: str, said: str) -> Stop:
    """Return the error for an installation that failed: its cause, where that is known."""
    reason = cause(said)
    return Stop(f"{what}{f': {reason}' if reason else ''} (what was printed: {shown(LOG)})")


def pip(arguments: Iterable[str], on: Tell) -> tuple[int, str]:
    """Run `pip install` in the virtual environment; return its exit status and what it printed.

    What it prints goes to LOG, and its last word to `on`.
    """
    quiet = ("--disable-pip-version-check", "--progress-bar", "off", "--no-input")
    said = []
    command = [str(PYTHON), "-m", "pip", "install", *quiet, *arguments]
    with (
        LOG.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            said.append(line)
            on(" ".join(line.split()[:2]))
    return process.returncode, "".join(said[-200:])


def fingerprint() -> str:
    """Return a hash of everything that determines the content of the virtual environment."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    parts += [sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def python(words: Iterable[str], environment: dict[str, str], program: str = "./neo") -> int:
    """Run the environment's Python on `words` in the checkout, with `environment` added.

    `program` is what the program calls itself. Returns its exit status.
    """
    return call([str(PYTHON), *words], {**environment, PROGRAM: program})


def call(command: list[str], environment: dict[str, str]) -> int:
    """Run `command` in the checkout with `environment` added; return its exit status."""
    try:
        return subprocess.run(
            command, cwd=ROOT, env={**environment, **os.environ}, check=False
        ).returncode
    except KeyboardInterrupt:
        return 130
