"""The real service over the sample law or an imported corpus, with models of its own, for
measurements: processes of ai_core, Redis and each model, as an operator runs them.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from ai_core.access.keys import KeyRing, Scope
from ai_core.access.rate_limits import UNLIMITED, RateLimits
from ai_core.law.ingest.sample import build_sample
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Model:
    """One entry of models.toml; `options` are its other keys as TOML; `source` may be none."""

    name: str
    format: str
    source: Path | None = None
    options: Sequence[str] = ()

    def entry(self) -> str:
        """Return it as TOML."""
        lines = [f'name = "{self.name}"', f'format = "{self.format}"']
        if self.source:
            lines.append(f'source = "{self.source}"')
        return "\n".join(["[[model]]", *lines, *self.options, ""])


@dataclass(frozen=True)
class Service:
    """A running service: its address, its process, and keys by name ("admin", "one", "two"…)."""

    url: str
    pid: int
    keys: dict[str, str]
    folder: Path
    redis_url: str

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.url.rpartition(":")[2])

    def client(self, key: str = "one", *, timeout_s: float = 300.0) -> httpx2.AsyncClient:
        """Return a client that bears a key."""
        return httpx2.AsyncClient(
            base_url=self.url,
            headers={"X-API-Key": self.keys[key]},
            timeout=timeout_s,
            limits=httpx2.Limits(max_connections=None),
        )

    def children(self) -> list[int]:
        """Return the processes of the models."""
        folder = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(word) for word in folder.read_text(encoding="ascii").split()]

    def rss_mib(self) -> float:
        """Return the memory of the service and of its models, shared pages counted once (PSS)."""
        return sum(_pss_mib(pid) for pid in (self.pid, *self.children()))


def _pss_mib(pid: int) -> float:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^Pss:\s+(\d+) kB", told, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def service(
    models: Sequence[Model],
    *,
    default: str = "",
    keys: Sequence[str] = ("one", "two"),
    limits: RateLimits = UNLIMITED,
    checkout: Path | None = None,
    corpus: Path | None = None,
    **more: str,
) -> Iterator[Service]:
    """Run the service with `models`; `limits` are of each key, `more` settings without prefix.

    `checkout` is another checkout of this project, whose code runs instead of this one's. `corpus`
    is the `corpus` folder of a data directory, to serve instead of the sample law, with the index
    of knowledge entries beside it.
    """
    with tempfile.TemporaryDirectory(prefix="neo-bench-") as named:
        folder = Path(named)
        lay_out(folder, corpus, models, default)
        redis = RedisServer(folder / "redis")
        redis.start()
        try:
            with _running(folder, redis.url, more, checkout) as (url, pid):
                made = asyncio.run(_make_keys(redis.url, keys, limits))
                yield Service(url, pid, made, folder, redis.url)
        finally:
            redis.stop()


def lay_out(
    folder: Path, corpus: Path | None, models: Sequence[Model] = (), default: str = ""
) -> None:
    """Fill a data folder: links to an imported corpus, or the sample law; and models.toml."""
    if corpus:
        for name in ("corpus", "knowledge"):
            there = corpus.parent.resolve() / name
            if there.exists():
                (folder / name).symlink_to(there, target_is_directory=True)
    else:
        build_sample(folder)
    (folder / "models").mkdir()
    written = "".join(f"{model.entry()}\n" for model in models)
    head = f'default = "{default}"\n' if default else ""
    (folder / "models" / "models.toml").write_text(head + written, encoding="utf-8")


@contextmanager
def _running(
    folder: Path, redis_url: str, more: dict[str, str], checkout: Path | None
) -> Iterator[tuple[str, int]]:
    port = free_port()
    settings = {
        "AI_CORE_DATA_DIR": str(folder),
        "AI_CORE_REDIS__URL": redis_url,
        "AI_CORE_SERVER__PORT": str(port),
        **{f"AI_CORE_{name}": value for name, value in more.items()},
    }
    url = f"http://127.0.0.1:{port}"
    log = folder / "ai_core.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ai_core", "serve"],
            cwd=checkout,
            env={**os.environ, **settings},
            stdout=said,
            stderr=said,
        )
    try:
        _wait_until_ready(url, process, log)
        yield url, process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up_s = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            if httpx2.get(f"{url}/ready", timeout=2).is_success:
                return
        except httpx2.TransportError:
            pass
        if process.poll() is not None or time.monotonic() > give_up_s:
            raise SystemExit(f"ai_core does not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
        time.sleep(0.05)


async def _make_keys(redis_url: str, names: Sequence[str], limits: RateLimits) -> dict[str, str]:
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    ring = KeyRing(connection, SystemClock())
    scopes = {"admin": Scope.ADMIN, **dict.fromkeys(names, Scope.INFERENCE)}
    made = {
        name: (await ring.create(name, scope, limits=limits)).secret
        for name, scope in scopes.items()
    }
    await connection.close()
    return made
