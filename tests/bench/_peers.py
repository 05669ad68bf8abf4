"""The servers that are measured side by side, each started with the same file and threads."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.local.ports import free_port
from tests.bench._service import Model, Service, service
from tests.bench._writing import Asked, completion
from tests.load.bench import ROOMY, Server

START_TIMEOUT_S = 120.0
OURS = "ours"
SLOTS = 16
SLOW = {"llama_cpp.server", "examples-server"}
"""One answers one at a time, the other took up to twice our time: each has fewer turns."""
LAW_TOKENS = 400
"""Of law text in a prompt of ours; the rules before it have 900."""
ANSWER_WAIT_S = 900.0


@dataclass(frozen=True)
class Setting:
    """What a server is started with; `slots` and `slot_tokens` are for those that take them."""

    model: Path
    threads: int
    slots: int
    slot_tokens: int


@dataclass(frozen=True)
class Running:
    """A server that answers; `service` when it is ours."""

    name: str
    asked: Asked
    server: Server
    service: Service | None = None


Peer = Callable[[Setting], AbstractContextManager[Running]]


@contextmanager
def ours(setting: Setting, *, name: str = OURS, checkout: Path | None = None) -> Iterator[Running]:
    """Run the service, of this or another checkout; every caller has a key of its own."""
    options = (
        f"context_tokens = {max(2_048, setting.slot_tokens)}",
        f"slots = {SLOTS}",
        f"threads = {setting.threads}",
        'quantization = "none"',
        "pinned = true",
    )
    callers = [f"caller{at}" for at in range(setting.slots + 1)]
    settings = {
        "ANSWERS__LONGEST_WAIT_S": str(ANSWER_WAIT_S),
        "ANSWERS__PASSAGE_TOKENS": str(LAW_TOKENS),
    }
    model = Model("model", "gguf", setting.model, options)
    with service(
        [model],
        default="model",
        keys=callers,
        limits=ROOMY,
        checkout=checkout,
        corpus=None,
        **settings,
    ) as running:
        asked = Asked(running.port, tuple(running.keys[caller] for caller in callers))
        wait_until_it_answers(asked)
        yield Running(name, asked, Server(running.port, running.pid), running)


Command = Callable[[Setting, int, Path], list[str]]


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


def peers_of(given: list[str]) -> dict[str, Peer]:
    """Return ours and the peers named as NAME=PATH, llama_cpp.server by its name alone.

    `checkout=PATH` is this project at another commit.
    """
    kinds: dict[str, Callable[[str], Command]] = {
        "llama-server": llama_server,
        "examples-server": examples_server,
        "llama_cpp.server": lambda _path: llama_cpp_server,
    }
    found: dict[str, Peer] = {OURS: ours}
    for peer in given:
        name, _, path = peer.partition("=")
        if name == "checkout":
            found[name] = partial(ours, name=name, checkout=Path(path))
            continue
        found[name] = partial(_foreign, name, kinds[name](path))
    return found


@contextmanager
def _foreign(name: str, command: Command, setting: Setting) -> Iterator[Running]:
    port = free_port()
    asked = Asked(port)
    with tempfile.TemporaryDirectory() as folder:
        words, quiet = command(setting, port, Path(folder)), subprocess.DEVNULL
        with subprocess.Popen(words, stdout=quiet, stderr=quiet) as process:
            try:
                wait_until_it_answers(asked, process)
                yield Running(name, asked, Server(port, process.pid))
            finally:
                process.kill()


def wait_until_it_answers(asked: Asked, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait until the model is loaded: an answer of one token comes."""
    give_up_s = time.monotonic() + START_TIMEOUT_S
    call = completion("a", 1)
    headers = {"content-type": "application/json"}
    headers |= {"x-api-key": asked.keys[0]} if asked.keys else {}
    request = urllib.request.Request(
        f"http://127.0.0.1:{asked.port}{call.path}", call.body, headers
    )
    while True:
        try:
            urllib.request.urlopen(request, timeout=60).read()  # noqa: S310
        except OSError:
            if (process and process.poll() is not None) or time.monotonic() > give_up_s:
                raise
            time.sleep(0.2)
        else:
            return
