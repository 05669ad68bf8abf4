"""The servers that are measured side by side, each started with the same file and threads."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.redis_server import free_port
from tests.bench._writing import Asked
from tests.load.bench import Server

START_TIMEOUT_S = 120.0
OURS = "ours"


@dataclass(frozen=True)
class Setting:
    """What a server is started with; `slots` and `slot_tokens` are for those that take them."""

    model: Path
    threads: int
    slots: int
    slot_tokens: int


Command = Callable[[Setting, int, Path], list[str]]


@dataclass(frozen=True)
class Peer:
    """A server to measure; `apart` tells that it takes the operator's text apart."""

    name: str
    command: Command
    apart: bool = False


def ours(setting: Setting, port: int, _folder: Path) -> list[str]:
    """Start the writer behind a bare server."""
    return [
        *(sys.executable, "-m", "tests.bench._writer_app", "--model", str(setting.model)),
        *("--port", str(port), "--threads", str(setting.threads)),
        *("--context", str(max(2_048, setting.slot_tokens))),
    ]


def llama_server(binary: str) -> Command:
    """Start llama.cpp's own server with a stream per slot, its best setting here."""

    def command(setting: Setting, port: int, _folder: Path) -> list[str]:
        return [
            *(binary, "-m", str(setting.model), "--port", str(port), "-t", str(setting.threads)),
            *("-np", str(setting.slots), "-c", str(setting.slots * setting.slot_tokens)),
            *("--no-kv-unified", "--no-webui"),
        ]

    return command


def llama_cpp_server(setting: Setting, port: int, _folder: Path) -> list[str]:
    """Start llama-cpp-python's packaged server, which answers one at a time."""
    return [
        *(sys.executable, "-m", "llama_cpp.server", "--model", str(setting.model)),
        *("--port", str(port), "--n_threads", str(setting.threads)),
        *("--n_ctx", str(setting.slot_tokens), "--interrupt_requests", "false"),
    ]


def examples_server(script: str) -> Command:
    """Start llama-cpp-python's examples/server/server.py."""

    def command(setting: Setting, port: int, folder: Path) -> list[str]:
        config = folder / f"examples-{port}.json"
        model = {
            "path": str(setting.model),
            "alias": "model",
            "n_ctx": setting.slots * setting.slot_tokens,
            "n_seq_max": setting.slots,
            "threads": setting.threads,
            "threads_batch": setting.threads,
            "kv_unified": False,
        }
        server = {"host": "127.0.0.1", "port": port}
        config.write_text(json.dumps({"server": server, "model": model}), encoding="utf-8")
        return [sys.executable, script, "-C", str(config)]

    return command


def peers_of(given: list[str]) -> list[Peer]:
    """Return ours and the peers named as NAME=PATH, llama_cpp.server by its name alone."""
    kinds: dict[str, Callable[[str], Command]] = {
        "llama-server": llama_server,
        "examples-server": examples_server,
        "llama_cpp.server": lambda _path: llama_cpp_server,
    }
    found = [Peer(OURS, ours, apart=True)]
    for peer in given:
        name, _, path = peer.partition("=")
        found.append(Peer(name, kinds[name](path)))
    return found


@dataclass(frozen=True)
class Running:
    """A peer that answers."""

    name: str
    asked: Asked
    server: Server


@contextmanager
def running(peer: Peer, setting: Setting) -> Iterator[Running]:
    """Run a peer until the measurement is over."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = peer.command(setting, port, Path(folder))
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            try:
                _wait(port, process)
                yield Running(peer.name, Asked(port, peer.apart), Server(port, process.pid))
            finally:
                process.kill()


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the model is loaded: an answer of one token comes."""
    give_up_s = time.monotonic() + START_TIMEOUT_S
    body = json.dumps({"model": "model", "prompt": "a", "max_tokens": 1, "stream": True}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/completions", body, {"content-type": "application/json"}
    )
    while True:
        try:
            urllib.request.urlopen(request, timeout=60).read()  # noqa: S310
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up_s:
                raise
            time.sleep(0.2)
        else:
            return
