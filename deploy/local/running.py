"""What `./neo run` keeps running here, as it wrote it down, and how it is stopped."""

import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.errors import Stop
from deploy.local.layout import NEO
from deploy.local.terminal import progress

FILE = NEO / "run.json"
SUPERVISOR = "deploy.local.supervisor"
STOP_TIMEOUT_S = 90.0
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Running:
    """The supervisor's process, since when (seconds, Unix time), and each service's address."""

    process: int
    since: float
    addresses: dict[str, str]


def write(addresses: dict[str, str], file: Path = FILE) -> None:
    """Write down that this process keeps these services running."""
    kept = Running(os.getpid(), time.time(), addresses)
    file.write_text(json.dumps(asdict(kept)), encoding="utf-8")


def running(file: Path | None = None) -> Running | None:
    """Return what runs here, None when nothing does: the file outlives a process that is killed."""
    try:
        found = Running(**json.loads((file or FILE).read_text(encoding="utf-8")))
        command = Path(f"/proc/{found.process}/cmdline").read_bytes()
    except (OSError, ValueError, TypeError):
        return None
    return found if SUPERVISOR in command.decode(errors="replace").split("\0") else None


def need_nothing_running() -> None:
    """Raise Stop when the services run here already."""
    found = running()
    if found:
        address = next(iter(found.addresses.values()), "")
        raise Stop(
            f"the services run here already, at {address} (process {found.process}): "
            "./neo status shows them, ./neo stop ends them"
        )


def end() -> None:
    """End what `./neo run` keeps running, and wait for it. Raises Stop when it does not end."""
    found = running()
    if found is None:
        return
    os.kill(found.process, signal.SIGTERM)
    give_up_s = time.monotonic() + STOP_TIMEOUT_S
    with progress("stopping the services"):
        while running() == found:
            if time.monotonic() > give_up_s:
                raise Stop(f"process {found.process} has not ended after {STOP_TIMEOUT_S:.0f} s")
            time.sleep(LOOK_EVERY_S)
