"""The image with the model libraries: models of each format are added to it, and asked.

The models are the project's own test model, whose answers are known word for word.
"""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.stage.container_engine import StageFailed, call
from tests.stage.operating import AI, AI_STACK, install, new_key
from tests.stage.simulated_host import SimulatedHost
from tests.stage.stack_checks import Figures, answered, until

GIVEN = "/var/lib/ai_core/models/given"
FORMATS = {"safetensors": "safetensors", "onnx": "onnx", "gguf": "gguf/bleuet-f32.gguf"}
"""Format: where the test model has it."""
ASKED = "Bonjour !"
MAKING_TIMEOUT_S = 1_200.0


def small_model(root: Path) -> tuple[Path, str]:
    """Return the folder of the test model, made when it is not there, and its answer to ASKED."""
    program = (
        "from tests.models.bleuet import bleuet; made = bleuet(); "
        f"print(made.folder); print(made.answers[{ASKED!r}])"
    )
    told = call([sys.executable, "-c", program], folder=root, timeout_s=MAKING_TIMEOUT_S)
    folder, answer = told.strip().splitlines()[-2:]
    return Path(folder), answer


def run_full(host: SimulatedHost, root: Path) -> Figures:
    """The law quoted, then each format's answer, word for word; seconds include its loading.

    Raises StageFailed.
    """
    folder, answer = small_model(root)
    figures = Figures("ai full")
    host = install(host, AI_STACK, "full")
    host.type_in("sed -i 's/^AI_VARIANT=.*/AI_VARIANT=full/' .env")
    started = time.monotonic()
    host.type_in("docker compose up -d")
    until(lambda: host.client.ask("ai-api", "/ready")[0] == 200, "the full ai_core ready")
    figures.ready_s = time.monotonic() - started
    key = new_key(host)
    until(lambda: answered(host, key), "the full ai_core at work")
    give(host, folder)
    for name, place in FORMATS.items():
        add = ("model", "add", name, f"{GIVEN}/{place}")
        host.engine.podman("exec", AI, "python", "-m", "ai_core", *add)
        began = time.monotonic()
        until(partial(speaks, host, key, name), f"an answer of {name}")
        figures.models_s[name] = time.monotonic() - began
        if (told := said(host, key, name)) != answer:
            raise StageFailed(f"{name} answers {told!r} and should answer {answer!r}")
    return figures


def give(host: SimulatedHost, folder: Path) -> None:
    """Put the models where the container keeps its own."""
    pack = ["tar", "--create", "--directory", str(folder), "."]
    packed = subprocess.run(pack, capture_output=True, check=True).stdout
    unpack = (
        "import sys, tarfile; "
        "tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall(sys.argv[1])"
    )
    subprocess.run(
        ["podman", "exec", "--interactive", AI, "python", "-c", unpack, GIVEN],
        input=packed,
        env=host.engine.environment,
        check=True,
    )


def speaks(host: SimulatedHost, key: str, model: str) -> bool:
    """Return whether a model answers."""
    return said(host, key, model) != ""


def said(host: SimulatedHost, key: str, model: str) -> str:
    """Ask a model; return what it says, nothing while it is not ready."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": ASKED}],
        "max_tokens": 60,
        "temperature": 0,
    }
    status, told = host.client.ask("ai-api", "/v1/chat/completions", body, {"X-API-Key": key})
    return str(told["choices"][0]["message"]["content"]) if status == 200 else ""
