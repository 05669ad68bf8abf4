"""The image with the model libraries: models of each format are added to it, and asked.

The models are the project's own test model, whose answers are known word for word.
"""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from tests.stage.engine import StageFailed, call
from tests.stage.house import House
from tests.stage.operating import AI, AI_STACK, install, new_key
from tests.stage.stacks import Figures, answered, until

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


def run_full(house: House, root: Path) -> Figures:
    """The law quoted, then each format's answer, word for word; seconds include its loading.

    Raises StageFailed.
    """
    folder, answer = small_model(root)
    figures = Figures("ai full")
    house = install(house, AI_STACK, "full")
    house.type_in("sed -i 's/^AI_VARIANT=.*/AI_VARIANT=full/' .env")
    started = time.monotonic()
    house.type_in("docker compose up -d")
    until(lambda: house.visitor.ask("ai-api", "/ready")[0] == 200, "the full ai_core ready")
    figures.ready_s = time.monotonic() - started
    key = new_key(house)
    until(lambda: answered(house, key), "the full ai_core at work")
    give(house, folder)
    for name, place in FORMATS.items():
        add = ("model", "add", name, f"{GIVEN}/{place}")
        house.engine.podman("exec", AI, "python", "-m", "ai_core", *add)
        began = time.monotonic()
        until(partial(speaks, house, key, name), f"an answer of {name}")
        figures.models_s[name] = time.monotonic() - began
        if (told := said(house, key, name)) != answer:
            raise StageFailed(f"{name} answers {told!r} and should answer {answer!r}")
    return figures


def give(house: House, folder: Path) -> None:
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
        env=house.engine.environment,
        check=True,
    )


def speaks(house: House, key: str, model: str) -> bool:
    """Tell whether a model answers."""
    return said(house, key, model) != ""


def said(house: House, key: str, model: str) -> str:
    """Ask a model; return what it says, nothing while it is not ready."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": ASKED}],
        "max_tokens": 60,
        "temperature": 0,
    }
    status, told = house.visitor.ask("ai-api", "/v1/chat/completions", body, {"X-API-Key": key})
    return str(told["choices"][0]["message"]["content"]) if status == 200 else ""
