"""`./neo logs`: the ends of the logs of what runs here, or all that is written from now on."""

import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from deploy.local.command_line import Parser, meant
from deploy.local.errors import Stop
from deploy.local.layout import LOGS, NEO, shown

LOOK_EVERY_S = 0.3
SERVICES = {"ai": "ai_core", "telegram": "telegram_service-*", "mail": "mail_service-*"}
"""The logs of a service, as patterns of names without `.log`; other words are names themselves."""


def logs(rest: list[str]) -> int:
    """Show the ends of logs: of a service (ai, telegram, mail) or of all; the newest lines last."""
    parser = Parser(prog="./neo logs", description=logs.__doc__)
    parser.add_argument("service", nargs="*", help="ai, telegram, mail, corpus, install …")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=20, help="of each log (default 20)")
    options = parser.parse_args(rest)
    files = chosen(options.service)
    places = {file: show_end(file, options.lines, files) for file in files}
    if options.follow:
        follow(places)
    return 0


def chosen(services: Sequence[str]) -> list[Path]:
    """Return the logs of these services, of all without one. Raises Stop."""
    every = sorted([*LOGS.glob("*.log"), *NEO.glob("**/redis.log"), *NEO.glob("**/postgres.log")])
    if not every:
        raise Stop("there are no logs yet: ./neo run writes them")
    if not services:
        return [file for file in every if file.parent == LOGS]
    found = []
    for service in services:
        pattern = f"{SERVICES.get(service, service)}.log"
        files = [file for file in every if file.match(pattern)]
        if not files:
            known = [*SERVICES, *dict.fromkeys(file.stem for file in every)]
            near = meant(service, known) or f": there are {', '.join(known)}"
            raise Stop(f"there is no log of {service!r}{near}")
        found += files
    return found


def show_end(file: Path, lines: int, files: Sequence[Path]) -> int:
    """Show the last lines of a file; return the place up to which it was read, in bytes."""
    with file.open("rb") as opened:
        for line in deque(opened, maxlen=max(lines, 0)):
            show(file, line.decode(errors="replace"), files)
        return opened.tell()


def follow(places: dict[Path, int]) -> None:
    """Show what is added to files after these places until SIGINT; one that is cut begins anew."""
    files = list(places)
    while True:
        for file in files:
            size = file.stat().st_size if file.exists() else 0
            if size < places[file]:
                places[file] = 0
            if size > places[file]:
                with file.open("rb") as opened:
                    opened.seek(places[file])
                    added = opened.read()
                whole = added[: added.rfind(b"\n") + 1]
                places[file] += len(whole)
                for line in whole.decode(errors="replace").splitlines():
                    show(file, line, files)
        time.sleep(LOOK_EVERY_S)


def show(file: Path, line: str, files: Sequence[Path]) -> None:
    """Print a line, after the name of its log where there are several."""
    name = f"{shown(file).removeprefix('.neo/').removeprefix('logs/')}: " if len(files) > 1 else ""
    sys.stdout.write(f"{name}{line.rstrip()}\n")
    sys.stdout.flush()
