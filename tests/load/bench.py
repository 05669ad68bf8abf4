"""What every measurement of the gateway starts: a private Redis, servers, keys, a load."""

import argparse
import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ai_core.access.keys import KeyRing, NewKey, Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection

ROOMY = RateLimits(
    requests_per_minute=100_000_000, tokens_per_minute=2_000_000_000, concurrent=100_000
)
"""Limits that are worked out on every request and never reached."""
QUESTION = "Quelle est la durée du préavis en cas de démission ?"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READY_TIMEOUT_S = 20.0


class Report(TypedDict):
    """What tests.load.generator says."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    outcomes: dict[str, int]
    cpu_s: float


@dataclass(frozen=True)
class Server:
    """A running app."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Return the processor time it and all it started have used, those that ended too."""
        return _cpu_s(self.pid)

    def rss_mib(self) -> float:
        """Return the memory it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


def _cpu_s(pid: int) -> float:
    """Add up utime, stime, cutime and cstime (proc(5)) of a process and of its living children."""
    about = Path(f"/proc/{pid}")
    try:
        fields = (about / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        lists = [path.read_text(encoding="ascii") for path in about.glob("task/*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    children = (int(child) for listed in lists for child in listed.split())
    return sum(map(int, fields[11:15])) / TICKS_PER_S + sum(map(_cpu_s, children))


@contextmanager
def redis() -> Iterator[RedisServer]:
    """Run a private Redis."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder) / "redis")
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def serving(redis_url: str, *options: str, checkout: Path | None = None) -> Iterator[Server]:
    """Run the app in a process of its own, its log thrown away after being written.

    `checkout` is another checkout of this project, whose code runs instead of this one's.
    """
    port = free_port()
    command = [sys.executable, "-m", "tests.load.app", "--port", str(port), "--redis", redis_url]
    with subprocess.Popen([*command, *options], cwd=checkout, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_until_open(port)
            yield Server(port, process.pid)
        finally:
            process.terminate()


def _wait_until_open(port: int) -> None:
    give_up_s = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.05)
        else:
            return


def make_key(redis_url: str, limits: RateLimits = ROOMY) -> NewKey:
    """Make an inference key, and the record the peer route reads."""

    async def make() -> NewKey:
        connection = RedisConnection(redis_url, TAG)
        await connection.open()
        made = await KeyRing(connection, SystemClock()).create(
            "bench", Scope.INFERENCE, limits=limits
        )
        record = made.key.model_dump_json()
        await connection.call("SET", f"peer:{made.key.secrets[0].digest}", record)
        await connection.close()
        return made

    return asyncio.run(make())


def load(server: Server, key: NewKey | str, body: dict[str, object], **options: object) -> Report:
    """Put a load on a server, from another process; options are those of tests.load.generator."""
    given: dict[str, object] = {
        "port": server.port,
        "key": key if isinstance(key, str) else key.secret,
        "body": json.dumps(body),
        **options,
    }
    words = [f"--{name}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "tests.load.generator", *words]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    report: Report = json.loads(told)
    return report


def show(title: str, figures: dict[str, object], *, as_json: bool) -> None:
    """Print figures, for people or for programs."""
    if as_json:
        print(json.dumps({"bench": title} | figures))
        return
    print(title)
    for name, figure in figures.items():
        print(f"  {name.replace('_', ' '):<44} {figure}")


def command_line(description: str) -> argparse.ArgumentParser:
    """Return the command line every measurement has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    return parser
