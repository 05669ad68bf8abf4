"""What a load test asks: ai_core with its Redis and Postgres, as an operator runs them.

With several replicas nginx stands before them. What dies is started again, as systemd would.
"""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import psutil

from ai_core.access.keys import KeyRing, Scope
from ai_core.access.rate_limits import UNLIMITED
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.postgres_server import PostgresServer
from deploy.local.program import Program
from deploy.local.redis_server import RedisServer
from deploy.local.services import vault_key
from deploy.local.supervisor import Watch
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection
from tests.bench._service import Model, lay_out
from tests.deploy.edge_server import edge, server_line
from tests.load.bench import ROOMY

READY_TIMEOUT_S = 120.0
LOOK_EVERY_S = 0.1
MODEL_PROCESS = "ai_core.engines.process.child"
EDGE = {
    "NGINX_AI_HOST": "localhost",
    "NGINX_AI_RATE": "1000000r/s",
    "NGINX_AI_BURST": "1000000",
    "NGINX_CONNECTIONS": "20000",
    "NGINX_REAL_IP": "loopback",
}
LOOPBACK = '["127.0.0.1/32"]'


class NotStarted(Exception):
    """A part did not start; the message holds the end of its log."""


@dataclass
class Stack:
    """The running parts. `parts` are by name, those of ai_core "ai_core 1", "ai_core 2", …"""

    url: str
    keys: dict[str, str]
    folder: Path
    parts: dict[str, Program]
    edge_pid: int | None = None
    watches: list[Watch] = field(default_factory=list)

    def look(self) -> None:
        """Start again what has ended."""
        for watch in self.watches:
            watch.look(time.monotonic())

    def kill(self, name: str) -> str:
        """Kill -9 a part or the process of a model; return what was killed, for people."""
        if name == "model":
            pids = [each.pid for each in self.processes("ai_core") if _is_model(each)]
            os.kill(random.choice(pids), signal.SIGKILL)  # noqa: S311 - no secret
            return name
        chosen = random.choice([one for one in self.parts if one.startswith(name)])  # noqa: S311
        part = self.parts[chosen]
        part.kill()
        return chosen

    def processes(self, name: str) -> list[psutil.Process]:
        """Return the processes of the parts whose names begin so, with all they started."""
        pids = [part.running_pid for one, part in self.parts.items() if one.startswith(name)]
        if name == "nginx":
            pids = [self.edge_pid]
        found = []
        for pid in filter(None, pids):
            try:
                process = psutil.Process(pid)
                found += [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
        return found


@contextmanager
def stack(
    corpus: Path | None,
    *,
    replicas: int = 1,
    models: Sequence[Model] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Run the parts; `corpus` is an imported one, the sample law without; settings without prefix.

    Raises NotStarted, ServerNotStarted.
    """
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="neo-load-")))
        lay_out(folder, corpus, models)
        redis, postgres = RedisServer(folder / "redis"), PostgresServer(folder / "postgres")
        parts: dict[str, Program] = {"redis": redis, "postgres": postgres}
        ports = [free_port() for _ in range(replicas)]
        for number, port in enumerate(ports, 1):
            parts[f"ai_core {number}"] = ai_core(folder, number, port, redis, postgres, settings)
        running = Stack(f"http://127.0.0.1:{ports[0]}", {}, folder, parts)
        for part in parts.values():
            opened.callback(part.stop)
            part.start()
            running.watches.append(Watch(part, time.monotonic()))
        running.keys = asyncio.run(make_keys(redis.url))
        for number, port in enumerate(ports, 1):
            wait_until_ready(f"http://127.0.0.1:{port}", parts[f"ai_core {number}"])
        if replicas > 1:
            servers = server_line(*(f"127.0.0.1:{port}" for port in ports))
            front = opened.enter_context(edge(NGINX_AI_SERVERS=servers, **EDGE))
            running.url = f"https://localhost:{front.nginx.https_port}"
            running.edge_pid = front.nginx.pid
        yield running


def ai_core(
    folder: Path,
    number: int,
    port: int,
    redis: RedisServer,
    postgres: PostgresServer,
    settings: Mapping[str, str] | None,
) -> Program:
    """Return one replica, with a log of its own."""
    own = {
        "DATA_DIR": str(folder),
        "REDIS__URL": redis.url,
        "POSTGRES__URL": postgres.url(),
        "POSTGRES__KEY_FILE": str(vault_key(folder)),
        "SERVER__PORT": str(port),
        "SERVER__TRUSTED_PROXIES": LOOPBACK,
        **(settings or {}),
    }
    environment = {f"AI_CORE_{name}": value for name, value in own.items()}
    command = [sys.executable, "-m", "ai_core", "serve"]
    return Program(f"ai_core {number}", command, folder / f"ai_core-{number}.log", environment)


def wait_until_ready(url: str, part: Program) -> None:
    """Wait until ai_core can answer. Raises NotStarted."""
    give_up_s = time.monotonic() + READY_TIMEOUT_S
    while not is_ready(url):
        if part.status is not None or time.monotonic() > give_up_s:
            raise NotStarted(f"{part.name} does not start:\n{part.log_tail()}")
        time.sleep(LOOK_EVERY_S)


def is_ready(url: str) -> bool:
    """Whether `/ready` is a 200."""
    try:
        with urlopen(f"{url}/ready", timeout=2) as told:  # noqa: S310 - loopback, ours
            return bool(told.status == 200)
    except OSError:
        return False


async def make_keys(redis_url: str) -> dict[str, str]:
    """Make the page's key and the messengers'."""
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    ring = KeyRing(connection, SystemClock())
    page = await ring.create("page", Scope.PUBLISHABLE, limits=UNLIMITED)
    messenger = await ring.create("messenger", Scope.INFERENCE, limits=ROOMY)
    await connection.close()
    return {"page": page.secret, "messenger": messenger.secret}


def _is_model(process: psutil.Process) -> bool:
    try:
        return MODEL_PROCESS in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
