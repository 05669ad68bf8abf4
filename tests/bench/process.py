"""What it costs that a model lives in a process of its own, and how soon it lets a place go.

Cost: the same runner does the same work in this process, step after step, then in a child behind
an engine, by turns; both write 16 answers at once. It is the scripted runner, whose steps cost
next to nothing, or the GGUF model of `--model`. Places: a model with one place writes for somebody
who leaves while a second one waits. How long that place took to be free is the time from the
leaving to the second one's first piece, less what a first piece takes when nobody is there.
"""

import asyncio
import importlib
import json
import math
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ai_core.engines.base import ChatMessage, Prompt, Sampling, TextChunk
from ai_core.engines.formats import FORMATS
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import GenerationJob, LoadOptions, ModelRunner
from tests.load.bench import command_line, show

ANSWERS = 16
TOKENS = {"scripted": 2_000, "gguf": 64}
CONTEXT_TOKENS = 4_096
QUESTION = "abc" * TOKENS["scripted"]
STEP_S = 0.02
LEAVES_AFTER_STEPS = 3.5
LEAVINGS = {"scripted": 200, "gguf": 50}
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Load:
    """What is written: by which model, how much."""

    format: str
    path: str

    @property
    def tokens(self) -> int:
        """Tokens of each answer."""
        return TOKENS[self.format]

    @property
    def sampling(self) -> Sampling:
        """How they are chosen."""
        return Sampling(max_tokens=self.tokens)

    @property
    def options(self) -> LoadOptions:
        """How the model is opened, in both places."""
        return LoadOptions(context_tokens=CONTEXT_TOKENS, slots=ANSWERS)

    def question(self, number: int) -> str:
        """What is asked for each answer."""
        if self.format == "scripted":
            return QUESTION
        return f"Tell me all you know about the number {number}, at length."


@dataclass(slots=True)
class Cost:
    """What one run took, in this process or behind an engine."""

    load_s: float
    whole_s: float = 0.0
    cpu_s: float = 0.0
    close_s: float = 0.0
    tokens: int = 0
    pieces: int = 0

    @property
    def tokens_per_s(self) -> float:
        """Tokens written, by seconds."""
        return self.tokens / self.whole_s


def main() -> int:
    """Measure and print."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--model", help="a GGUF file to write with, instead of the script")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), arguments.model))
    show("process", figures, as_json=arguments.json)
    return 0


async def measure(folder: Path, model: str | None) -> dict[str, object]:
    """Return the figures."""
    script = _script(folder, "fast", slots=ANSWERS, context_tokens=CONTEXT_TOKENS)
    load = Load("gguf", model) if model else Load("scripted", script)
    alone, behind = [], []
    for _ in range(ROUNDS):
        alone.append(await asyncio.to_thread(write_alone, load))
        behind.append(await write_behind(load))
    slow = _script(folder, "slow", slots=1, context_tokens=CONTEXT_TOKENS, step_s=STEP_S)
    places = await measure_places(load if model else Load("scripted", slow))
    return costs(load, alone, behind) | places


async def measure_places(load: Load) -> dict[str, object]:
    """Return how soon a place is free once its owner has left."""
    options = LoadOptions(context_tokens=CONTEXT_TOKENS, slots=1)
    engine = await ProcessEngine.start("bench", "1", load.format, load.path, options)
    alone_s, gaps_s, free_s = [], [], []
    for _ in range(LEAVINGS[load.format]):
        began_s = time.perf_counter()
        alone_s.append(await _first_s(engine) - began_s)
        waited_s, gap_s = await leave(engine, load)
        free_s.append(waited_s - median(alone_s))
        gaps_s.append(gap_s)
    await engine.close()
    free_s.sort()
    return {
        "step_ms": _ms(median(gaps_s)),
        "first_piece_alone_ms": _ms(median(alone_s)),
        "place_free_p50_ms": _ms(median(free_s)),
        "place_free_p99_ms": _ms(free_s[math.ceil(0.99 * len(free_s)) - 1]),
        "place_free_max_ms": _ms(free_s[-1]),
    }


def costs(load: Load, alone: list[Cost], behind: list[Cost]) -> dict[str, object]:
    """Return what the process costs, beside the same work without one."""
    speed = median(cost.tokens_per_s for cost in alone)
    pieces = median(cost.pieces for cost in behind)
    return {
        "answers_at_once": ANSWERS,
        "tokens_per_answer": load.tokens,
        "tokens_per_s_alone": round(speed),
        "speed_of_alone": round(median(cost.tokens_per_s for cost in behind) / speed, 3),
        "parent_cpu_per_piece_us": _us(median(cost.cpu_s for cost in behind) / pieces),
        "load_alone_ms": _ms(median(cost.load_s for cost in alone)),
        "load_behind_ms": _ms(median(cost.load_s for cost in behind)),
        "close_to_memory_back_ms": _ms(median(cost.close_s for cost in behind)),
    }


def write_alone(load: Load) -> Cost:
    """Write every answer in this process; returns what it took, imports not counted."""
    module = importlib.import_module(FORMATS[load.format].module)
    began_s = time.perf_counter()
    runner: ModelRunner = module.open_runner(load.path, load.options)
    cost = Cost(time.perf_counter() - began_s)
    began_s = time.perf_counter()
    for id in range(ANSWERS):
        prompt = runner.render(_prompt(load.question(id)).messages, None)
        runner.admit(GenerationJob(id, prompt, load.sampling))
    while runner.busy:
        cost.tokens += sum(wrote.tokens for wrote in runner.step())
    cost.whole_s = time.perf_counter() - began_s
    runner.close()
    return cost


async def write_behind(load: Load) -> Cost:
    """Write every answer in a child; returns what it took."""
    engine = await ProcessEngine.start("bench", "1", load.format, load.path, load.options)
    cost = Cost(engine.load_s)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    asked = map(load.question, range(ANSWERS))
    answers = await asyncio.gather(*(_pieces(engine, one, load.sampling) for one in asked))
    cost.whole_s = time.perf_counter() - began_s
    cost.cpu_s = time.process_time() - began_cpu_s
    cost.pieces = sum(map(len, answers))
    cost.tokens = sum(piece.tokens for pieces in answers for piece in pieces)
    began_s = time.perf_counter()
    await engine.close()
    cost.close_s = time.perf_counter() - began_s
    return cost


async def leave(engine: ProcessEngine, load: Load) -> tuple[float, float]:
    """Leave an answer in the middle while another waits.

    Returns seconds: until that one began, and between two pieces before.
    """
    async with aclosing(engine.stream(_prompt(load.question(0)), load.sampling)) as first:
        await anext(first)
        began_s = time.perf_counter()
        await anext(first)
        gap_s = time.perf_counter() - began_s
        second = asyncio.create_task(_first_s(engine))
        await asyncio.sleep(LEAVES_AFTER_STEPS * gap_s)
        left_s = time.perf_counter()
    return await second - left_s, gap_s


async def _first_s(engine: ProcessEngine) -> float:
    async with aclosing(engine.stream(_prompt("abc"), Sampling(max_tokens=1))) as pieces:
        await anext(pieces)
        return time.perf_counter()


async def _pieces(engine: ProcessEngine, asked: str, sampling: Sampling) -> list[TextChunk]:
    return [piece async for piece in engine.stream(_prompt(asked), sampling)]


def _prompt(said: str) -> Prompt:
    return Prompt((ChatMessage("user", said),), said, (), "fr")


def _script(folder: Path, name: str, **script: float) -> str:
    path = folder / name
    path.write_text(json.dumps(script))
    return str(path)


def _us(seconds: float) -> float:
    return round(seconds * 1_000_000, 1)


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)


if __name__ == "__main__":
    sys.exit(main())
