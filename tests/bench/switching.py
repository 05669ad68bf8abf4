"""Models that come and go under load: what the manager costs, and whether it breaks an answer.

Cycles: two models of which the budget holds one, clients that write with both, and an operator who
loads and unloads them all the while; counted are answers, failures, and the memory of this process
and its children before and after. Switching: the manager lets one model go and brings the other to
memory, by turns with a bare `llama_cpp.Llama` in a process of its own; once with the project's own
test model (`--model` names another GGUF file), where starting a process is nearly all, and once
with a 135 M shape. LoRAs: one token with the adapter after one without it, less one with it after
one with it, on the 135 M shape in GGUF and in SafeTensors.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ai_core.engines.base import Prompt, Sampling
from ai_core.models.memory import estimate_bytes
from ai_core.models.opening import open_engine
from ai_core.models.pool import ModelPool, open_pool
from ai_core.models.registry import CATALOGUE, Registry
from ai_core.settings import ModelSettings
from shared.clock import SystemClock
from shared.errors import AppError
from tests.bench._shapes import MODELS, SHAPES, model_file, write_adapter
from tests.load.bench import command_line, show
from tests.models.bleuet import ROOT, bleuet

CLIENTS = 4
TOKENS = 16
ROUNDS = 7
SWITCHES = 30
SHAPE = "135M"
PLENTY_BYTES = 1 << 50
BARE = """
import sys, time
began = time.monotonic()
from llama_cpp import Llama
Llama(sys.argv[1], n_ctx=1024, verbose=False)
print(time.monotonic() - began)
"""


@dataclass(slots=True)
class Cycles:
    """What came of the cycles."""

    cycles: int = 0
    answers: int = 0
    failures: int = 0
    before_bytes: int = 0
    after_bytes: int = 0

    @property
    def drift(self) -> float:
        """Memory after over memory before, less one."""
        return self.after_bytes / self.before_bytes - 1


def resident_bytes() -> int:
    """Return the resident memory of this process and of all it started."""
    lists = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [str(os.getpid())] + [pid for listed in lists for pid in listed.read_text().split()]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def catalogue(folder: Path, model: Path) -> None:
    """Describe one file as two models."""
    entries = [
        f'[[model]]\nname = "{name}"\nformat = "gguf"\nsource = "{model}"\n'
        "context_tokens = 256\nslots = 4\n"
        for name in ("one", "two")
    ]
    (folder / CATALOGUE).write_text("".join(entries))


async def write(pool: ModelPool, name: str, told: Cycles) -> None:
    """Write an answer; whatever goes wrong once a model was given is a failure."""
    try:
        async with pool.lease(pool.card(name)) as engine:
            prompt = Prompt((), "?", (), "fr", raw="Le contrat de travail ")
            async with aclosing(engine.stream(prompt, Sampling(max_tokens=TOKENS))) as pieces:
                async for _ in pieces:
                    pass
        told.answers += 1
    except AppError as error:
        told.failures += 1
        sys.stderr.write(f"{name}: {error!r} {error}\n")


async def cycle(folder: Path, cycles: int) -> Cycles:
    """Load and unload two models that fit only one at a time, while clients use both."""
    told = Cycles(cycles)
    need = await asyncio.to_thread(budget_for_one, folder)
    settings = ModelSettings(default="one", folder=folder, memory_bytes=need, wait_s=600)
    async with open_pool(settings, folder, (), open_engine, SystemClock()) as pool:
        over = asyncio.Event()

        async def client(number: int) -> None:
            while not over.is_set():
                await write(pool, ("one", "two")[number % 2], told)

        await write(pool, "one", told)
        await pool.unload("one")
        told.before_bytes = await asyncio.to_thread(resident_bytes)
        clients = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
        for number in range(cycles):
            name = ("one", "two")[number % 2]
            await pool.load(name)
            await pool.unload(name)
        over.set()
        await asyncio.gather(*clients)
        for name in ("one", "two"):
            await pool.unload(name)
        told.after_bytes = await asyncio.to_thread(resident_bytes)
    return told


def budget_for_one(folder: Path) -> int:
    """Return a budget that holds one of the two models and not both, before they are measured."""
    return int(estimate_bytes(Registry.read(folder, (), "one").card("one")) * 1.5)


async def switching(folder: Path, model: Path) -> tuple[float, float]:
    """Return the seconds to bring a model to memory in another's place, and to load it bare."""
    ours, bare = [], []
    settings = ModelSettings(default="one", folder=folder, memory_bytes=PLENTY_BYTES)
    async with open_pool(settings, folder, (), open_engine, SystemClock()) as pool:
        await pool.load("two")
        for number in range(ROUNDS):
            names = ("one", "two") if number % 2 else ("two", "one")
            began_s = time.monotonic()
            await pool.unload(names[0])
            await pool.load(names[1])
            ours.append(time.monotonic() - began_s)
            began_s = time.monotonic()
            await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", BARE, str(model)],
                check=True,
                capture_output=True,
            )
            bare.append(time.monotonic() - began_s)
    return median(ours), median(bare)


async def adapting(folder: Path, format: str, base: Path, adapter: Path) -> dict[str, float]:
    """Return the milliseconds an adapter takes to load with its first token, and to switch to."""
    entry = '[[model]]\nname = "{}"\nformat = "{}"\nsource = "{}"\n'
    (folder / CATALOGUE).write_text(
        entry.format("plain", format, base)
        + "context_tokens = 256\nslots = 4\n"
        + entry.format("adapted", "lora", adapter)
        + 'base = "plain"\n'
    )
    settings = ModelSettings(default="plain", folder=folder, memory_bytes=PLENTY_BYTES)
    async with open_pool(settings, folder, (), open_engine, SystemClock()) as pool:
        await word_s(pool, "plain")
        first_s = await word_s(pool, "adapted")
        switches = []
        for _ in range(SWITCHES):
            await word_s(pool, "plain")
            switched_s = await word_s(pool, "adapted")
            switches.append(switched_s - await word_s(pool, "adapted"))
    return {
        f"{format}_adapter_load_ms": round(1e3 * first_s, 1),
        f"{format}_adapter_switch_ms": round(1e3 * median(switches), 1),
    }


async def word_s(pool: ModelPool, name: str) -> float:
    """Return how long a model takes for one token."""
    began_s = time.monotonic()
    async with pool.lease(pool.card(name)) as engine:
        prompt = Prompt((), "?", (), "fr", raw="abcdefgh")
        async with aclosing(engine.stream(prompt, Sampling(max_tokens=1))) as pieces:
            async for _ in pieces:
                pass
    return time.monotonic() - began_s


async def measure(model: Path, cycles: int) -> dict[str, object]:
    """Run all parts."""
    shape = await asyncio.to_thread(model_file, SHAPE, "q8_0")
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if cycles:
            await asyncio.to_thread(catalogue, folder, model)
            told = await cycle(folder, cycles)
            figures |= {
                "cycles": told.cycles,
                "answers": told.answers,
                "failures": told.failures,
                "memory_drift": round(told.drift, 4),
            }
        for name, file in (("test_model", model), (SHAPE, shape)):
            await asyncio.to_thread(catalogue, folder, file)
            ours_s, bare_s = await switching(folder, file)
            figures[f"{name}_switch_s"] = round(ours_s, 3)
            figures[f"{name}_bare_load_s"] = round(bare_s, 3)
            figures[f"{name}_switch_by_bare_load"] = round(ours_s / bare_s, 3)
        figures |= await adapting(folder, "gguf", shape, await asyncio.to_thread(gguf_adapter))
        tensors = await asyncio.to_thread(tensors_folder)
        figures |= await adapting(folder, "safetensors", tensors / "safetensors", tensors / "lora")
    return figures


def gguf_adapter() -> Path:
    """Return an adapter of the shape, made when it is not there yet."""
    path = MODELS / SHAPE / "lora.gguf"
    if not path.exists():
        write_adapter(path, SHAPES[SHAPE], 0.02)
    return path


def tensors_folder() -> Path:
    """Return the shape's folder, with SafeTensors and a peft LoRA in it."""
    command = [sys.executable, "-m", "tests.models.shapes", SHAPE]
    subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return MODELS / SHAPE


def main() -> int:
    """Print what was measured."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--model", type=Path, metavar="FILE.gguf")
    parser.add_argument("--cycles", type=int, default=200, help="0 leaves them out")
    options = parser.parse_args()
    model = (options.model or bleuet().gguf).absolute()
    figures = asyncio.run(measure(model, options.cycles))
    show("switching", figures, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
