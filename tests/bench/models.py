"""SafeTensors and ONNX models beside `model.generate`, beside each other, quantized and not.

Random weights with the shape of a real model, prompts of 200 tokens, 64 new ones, greedy, 1, 4 and
8 at once. Each contestant has a process of its own and all of them take turns within one run, so
that the machine's other work weighs on all. A ratio is the median over the turns of what a
contestant wrote per second over what `generate` in bf16 wrote in the same turn.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.bench._models_contestant import Figures
from tests.models.bleuet import ROOT

FOLDER = ROOT / ".neo" / "bench" / "models"
PEER = "generate bf16"
TOKENS = 200
NEW = 64


class Contestant:
    """A process that answers one line with one line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.open_s = self._heard()["open_s"]

    def ask(self, do: str, **wishes: int | str) -> Figures:
        """Let it do something; returns its figures."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **wishes}) + "\n")
        self._process.stdin.flush()
        return self._heard()

    def _heard(self) -> Figures:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                figures: Figures = json.loads(line)
                return figures
        raise RuntimeError(f"{self._process.args!r} ended")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./neo bench models", description=__doc__)
    parser.add_argument("--shape", default="135M", help="135M (default) or 0.5B")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--at-once", default="1,4,8")
    parser.add_argument("--new", type=int, default=NEW)
    parser.add_argument(
        "--continuous", action="store_true", help="transformers' continuous batching too (slow)"
    )
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    folder = FOLDER / wishes.shape
    make = [sys.executable, "-m", "tests.models.shapes", wishes.shape]
    subprocess.run(make, cwd=ROOT, check=True, stdout=sys.stderr)
    figures: dict[str, object] = {"shape": wishes.shape, "turns": wishes.turns}
    with ExitStack() as stack:
        contestants = {
            name: stack.enter_context(_started(command.split()))
            for name, command in _commands(str(folder)).items()
            if wishes.continuous or not name.startswith("continuous")
        }
        figures["open_s"] = {name: round(one.open_s, 2) for name, one in contestants.items()}
        for rows in map(int, wishes.at_once.split(",")):
            figures[f"at_once_{rows}"] = _measured(contestants, rows, wishes.turns, wishes.new)
        adapted = contestants["safetensors bf16"].ask("adapters", path=str(folder / "lora"))
        figures["adapter"] = {name: round(value, 1) for name, value in adapted.items()}
    print(json.dumps(figures) if wishes.json else _table(figures))
    return 0


def _commands(folder: str) -> dict[str, str]:
    tensors = f"{folder}/safetensors"
    ours = {
        f"safetensors {kind}": f"ours safetensors {kind} {tensors}"
        for kind in ("fp32", "bf16", "int8")
    }
    return {
        "generate fp32": f"generate fp32 {tensors}",
        PEER: f"generate bf16 {tensors}",
        "continuous bf16": f"continuous bf16 {tensors}",
        **ours,
        "onnx fp32": f"ours onnx fp32 {folder}/onnx",
        "onnx int8": f"ours onnx int8 {folder}/onnx-int8",
    }


@contextmanager
def _started(arguments: list[str]) -> Iterator[Contestant]:
    command = [sys.executable, "-m", "tests.bench._models_contestant", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Contestant(process)
        if process.stdin:
            process.stdin.close()


def _measured(
    contestants: dict[str, Contestant], rows: int, turns: int, new: int
) -> dict[str, dict[str, float]]:
    """Let all take turns; the first turn warms up."""
    heard: dict[str, list[Figures]] = {name: [] for name in contestants}
    for turn in range(turns + 1):
        for name, one in contestants.items():
            figures = one.ask("burst", rows=rows, tokens=TOKENS, new=new, seed=turn)
            if turn:
                heard[name].append(figures)
    speeds = {name: [one["tokens"] / one["seconds"] for one in all] for name, all in heard.items()}
    return {
        name: {
            "tokens_per_s": round(statistics.median(speeds[name]), 1),
            "first_token_s": round(statistics.median(one["first_s"] for one in all), 3),
            "ratio": round(
                statistics.median(
                    ours / theirs for ours, theirs in zip(speeds[name], speeds[PEER], strict=True)
                ),
                2,
            ),
        }
        for name, all in heard.items()
    }


def _table(figures: dict[str, object]) -> str:
    lines = [f"{figures['shape']}, {figures['turns']} turns; ratio to {PEER}"]
    for title, cells in figures.items():
        if isinstance(cells, dict):
            lines.append(f"\n{title}")
            lines += [f"  {name:18} {_cell(value)}" for name, value in cells.items()]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    return (
        f"{value['tokens_per_s']:7.1f} tokens/s   first {value['first_token_s']:6.3f} s   "
        f"x{value['ratio']}"
    )


if __name__ == "__main__":
    sys.exit(main())
