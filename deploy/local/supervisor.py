"""Process supervisor of `./neo run`: starts the services on one machine and restarts them.

Parts start in order and stop in reverse; one that exits is restarted after a growing pause.
Not for production, where each service runs on its own host.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from deploy.local import running
from deploy.local.greeting import greet
from deploy.local.layout import NEO, shown
from deploy.local.listening import LOOPBACK, address, host_names
from deploy.local.ports import PORTS, in_use
from deploy.local.postgres_server import PostgresServer
from deploy.local.private_files import secret, write_private
from deploy.local.program import Program
from deploy.local.redis_server import RedisServer
from deploy.local.server import ServerNotStarted
from deploy.local.services import Home, Part, desk_environment, mail, telegram, vault_key
from deploy.local.terminal import progress
from shared.failures import cause, cause_of_error

RESTART_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 60.0
"""A part that ran this long is healthy: its next restart begins with the short pause."""
START_TIMEOUT_S = 30.0
CORPUS_TIMEOUT_S = 1_800.0
LOOK_EVERY_S = 0.2
RATE_LIMITS = ("--requests-per-minute", "60", "--tokens-per-minute", "60000", "--concurrent", "8")


class CannotRun(Exception):
    """The services cannot run here; the message is one sentence."""


@dataclass
class Watch:
    """A part, and its recent number of exits."""

    part: Part
    started_s: float
    deaths: int = 0
    start_at_s: float | None = None

    def look(self, now_s: float) -> None:
        """Restart the part, after a pause, when it has exited."""
        if self.start_at_s is not None:
            if now_s >= self.start_at_s:
                self.part.start()
                self.started_s, self.start_at_s = now_s, None
            return
        status = self.part.status
        if status is None:
            return
        self.deaths = 0 if now_s - self.started_s > STEADY_S else self.deaths
        pause_s = RESTART_PAUSES_S[min(self.deaths, len(RESTART_PAUSES_S) - 1)]
        self.deaths += 1
        self.start_at_s = now_s + pause_s
        told = because(self.part.log, self.part.log_tail())
        print_line(
            f"{self.part.name} ended with status {status}{told}; starting it again in {pause_s} s"
        )


def main(arguments: list[str]) -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    options = parser().parse_args(arguments)
    ports = {"ai": options.port, "telegram": options.telegram_port, "mail": options.mail_port}
    chosen = options.only.split(",") if options.only else with_free_ports(ports)
    if not set(chosen) <= set(PORTS):
        parser().error(f"--only takes {', '.join(PORTS)}")
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        keep_running(chosen, ports, options)
    except KeyboardInterrupt:
        print_line("stopped")
        return 0
    except CannotRun as reason:
        print_line(str(reason))
    except ServerNotStarted as reason:
        told, _, log = str(reason).partition(":\n")
        print_line(told + because(None, log))
    except OSError as error:
        print_line(cause_of_error(error))
    return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="./neo run", description="Run the services here.")
    made.add_argument("--only", metavar="SERVICE,…", help=f"of {', '.join(PORTS)} (default: all)")
    made.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="where ai_core listens: this machine alone unless told, 0.0.0.0 for every network",
    )
    for option, of in (
        ("--port", "of ai_core"),
        ("--telegram-port", "of the bot, on loopback"),
        ("--mail-port", "of the mailbox, on loopback"),
    ):
        port = PORTS[option.strip("-").removesuffix("port").strip("-") or "ai"]
        made.add_argument(option, type=int, default=port, help=f"{of} (default {port})")
    made.add_argument(
        "--rate-limits", action="store_true", help="give the inference key everyday limits"
    )
    made.add_argument(
        "--model",
        type=Path,
        metavar="PATH",
        help="answer with this model: a .gguf file, or a folder",
    )
    return made


def keep_running(
    chosen: Sequence[str], ports: Mapping[str, int], options: argparse.Namespace
) -> None:
    """Start the services and look after them until SIGINT. Raises CannotRun, ServerNotStarted."""
    addresses = {
        name: address(options.host if name == "ai" else "", ports[name]) for name in chosen
    }
    with ExitStack() as stack:
        running.write(addresses)
        stack.callback(running.FILE.unlink, missing_ok=True)
        watches = start_all(stack, addresses, ports, options)
        while True:
            for watch in watches:
                watch.look(time.monotonic())
            time.sleep(LOOK_EVERY_S)


def start_all(
    stack: ExitStack,
    addresses: Mapping[str, str],
    ports: Mapping[str, int],
    options: argparse.Namespace,
) -> list[Watch]:
    """Start every part of the services chosen, in order; `addresses` names them."""
    (NEO / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
    (NEO / "keys").mkdir(mode=0o700, exist_ok=True)
    url = address(options.host, ports["ai"])
    watches = []
    if "ai" in addresses:
        watches += start_ai(stack, url, options, ports, [*addresses])
    key = NEO / "keys" / "inference"
    home = Home(NEO, url, key.read_text() if key.exists() else "", ports)
    for name, parts in (("telegram", telegram), ("mail", mail)):
        if name in addresses:
            need_port(ports[name])
            watches += [begin(stack, part) for part in parts(home)]
            print_line(f"{name}: {addresses[name]}/health, log .neo/logs/{name}_service-*.log")
    return watches


def start_ai(
    stack: ExitStack,
    url: str,
    options: argparse.Namespace,
    ports: Mapping[str, int],
    chosen: Sequence[str],
) -> list[Watch]:
    """Start ai_core and its stores, create the keys, wait until it is ready.

    Its desk is connected to the other services chosen.
    """
    need_port(options.port)
    redis = RedisServer(NEO / "redis", password=secret(NEO / "redis-password"))
    postgres = PostgresServer(NEO / "postgres", password=secret(NEO / "postgres-password"))
    environment = ai_core_environment(redis, postgres, options.host, ports, chosen)
    watches = [begin(stack, redis), begin(stack, postgres)]
    made = make_keys(environment, rate_limits=options.rate_limits)
    if options.model:
        add_model(environment, options.model)
    log = NEO / "logs" / "ai_core.log"
    ai_core = Program("ai_core", ai_core_command("serve"), log, environment)
    watches.append(begin(stack, ai_core))
    wait(lambda: answers(f"{url}/live"), ai_core, "ai_core does not start", START_TIMEOUT_S)
    await_law(url, begin_update(stack, environment))
    greet(url, options.host, made)
    return watches


def await_law(url: str, update: Program) -> None:
    """Wait until the law is in service and its indexes are complete. Raises CannotRun."""
    if not answers(f"{url}/ready"):
        with progress(f"fetching and indexing the law ({shown(update.log)})") as on:
            ready = lambda: answers(f"{url}/ready")  # noqa: E731
            wait(ready, update, "the law is not there", CORPUS_TIMEOUT_S, on)
    if update.status is None:  # until they are there, knowledge entries answer nothing
        title = "completing the indexes (two minutes the first time, one where entries changed)"
        with progress(title) as on:
            wait(lambda: update.status is not None, update, "no index", CORPUS_TIMEOUT_S, on)
    elif update.status:
        raise CannotRun(f"no index{because(update.log, update.log_tail())}")


def with_free_ports(services: Mapping[str, int]) -> list[str]:
    """Return ai, whose port can be chosen, and the other services with a free port."""
    chosen = []
    for name, port in services.items():
        if name == "ai" or not in_use(port):
            chosen.append(name)
        else:
            print_line(f"port {port} is in use: {name} is left out")
    return chosen


def need_port(port: int) -> None:
    """Raise CannotRun when something listens on a loopback port already."""
    if in_use(port):
        raise CannotRun(f"port {port} is in use; stop what uses it, or see ./neo run --help")


def begin(stack: ExitStack, part: Part) -> Watch:
    """Start `part`, to be stopped when `stack` unwinds."""
    stack.callback(part.stop)
    part.start()
    print_line(f"{part.name} started")
    return Watch(part, time.monotonic())


def begin_update(stack: ExitStack, environment: Mapping[str, str]) -> Program:
    """Fetch, import and index the law in the background, or build missing indexes."""
    there = (Path(environment["AI_CORE_DATA_DIR"]) / "corpus" / "current").exists()
    command = ai_core_command("corpus", "index" if there else "update")
    update = Program("corpus", command, NEO / "logs" / "corpus.log", environment)
    stack.callback(update.stop)
    update.start()
    return update


def ai_core_command(*arguments: str) -> list[str]:
    """Return the command line of ai_core."""
    return [sys.executable, "-m", "ai_core", *arguments]


def ai_core_environment(
    redis: RedisServer,
    postgres: PostgresServer,
    host: str,
    ports: Mapping[str, int],
    chosen: Sequence[str],
) -> dict[str, str]:
    """Return ai_core's settings, kept in a file so that `./neo keys` and the others find them."""
    environment = {
        "AI_CORE_DATA_DIR": str(NEO / "ai_core"),
        "AI_CORE_REDIS__URL": redis.url,
        "AI_CORE_POSTGRES__URL": postgres.url(),
        "AI_CORE_POSTGRES__KEY_FILE": str(vault_key(NEO)),
        "AI_CORE_SERVER__HOST": host,
        "AI_CORE_SERVER__PORT": str(ports["ai"]),
        "AI_CORE_PAGE__KEY_FILE": str(NEO / "keys" / "page"),
        "AI_CORE_CONSOLE__OPEN": "true",
        **desk_environment(NEO / "keys", chosen, ports),
    }
    if names := host_names(host):
        environment["AI_CORE_PAGE__HOSTS"] = json.dumps(names)
    write_private(NEO / "environment.json", json.dumps(environment, indent=2))
    return environment


def add_model(environment: Mapping[str, str], path: Path) -> None:
    """Make the model at `path` the default, under its file's name. Raises CannotRun."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if path.is_file() else path.name).strip("-.")
    for arguments in (("add", name, str(path), "--pinned", "--replace"), ("default", name)):
        command = ai_core_command("model", *arguments)
        if subprocess.run(command, env={**os.environ, **environment}, check=False).returncode:
            raise CannotRun(f"the model {path} could not be added")


def make_keys(environment: Mapping[str, str], *, rate_limits: bool) -> list[str]:
    """Create the keys that are missing here or in ai_core's Redis; return their names.

    Raises CannotRun.
    """
    wanted = {
        "admin": ("--scope", "admin"),
        "inference": ("--scope", "inference", *(RATE_LIMITS if rate_limits else ())),
        "page": ("--scope", "publishable"),
    }
    listed = json.loads(keys_command(environment, "list", "--json"))
    known = {key["name"]: key["id"] for key in listed if key["state"] == "active"}
    made = []
    for name, options in wanted.items():
        file = NEO / "keys" / name
        if file.exists() and name in known:
            continue
        # A key whose file was lost gets a new secret: names are unique.
        words = ["rotate", known[name], "--overlap", "0"] if name in known else ["create"]
        words += [] if name in known else ["--name", name, *options]
        keys_command(environment, *words, "--write", str(file))
        made.append(name)
    return made


def keys_command(environment: Mapping[str, str], *words: str) -> str:
    """Run `ai_core keys …`; return what it prints. Raises CannotRun."""
    done = subprocess.run(
        ai_core_command("keys", *words),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotRun(f"keys {words[0]} failed{because(None, done.stderr)}")
    return done.stdout


def answers(url: str) -> bool:
    """Whether a GET of `url` returns 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - loopback, ours
            return bool(response.status == HTTPStatus.OK)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def wait(
    ready: Callable[[], bool],
    on: Program,
    otherwise: str,
    timeout_s: float,
    tell: Callable[[str], None] = lambda _line: None,
) -> None:
    """Wait until `ready`, and `tell` the last line of `on`'s log meanwhile.

    Raises CannotRun when `on` fails first or time is up.
    """
    give_up_s = time.monotonic() + timeout_s
    while not ready():
        if on.status or time.monotonic() > give_up_s:
            late = "" if on.status else f" after {timeout_s:.0f} s"
            raise CannotRun(f"{otherwise}{late}{because(on.log, on.log_tail())}")
        tell(last_line(on.log_tail()))
        time.sleep(LOOK_EVERY_S)


def because(log: Path | None, tail: str) -> str:
    """Return why something ended, for a sentence: its cause or last words, and its log."""
    reason = cause(tail) or last_line(tail)[:200]
    where = f" (more in {shown(log)})" if log else ""
    return f": {reason}{where}" if reason else where


def last_line(tail: str) -> str:
    """Return the last line of a log that says something."""
    return next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "")


def print_line(line: str) -> None:
    """Show progress."""
    sys.stderr.write(f"neo: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
