"""SafeTensors and ONNX models beside `model.generate`, beside each other, quantized and not.

Random weights with the shape of a real model, prompts of 200 tokens, 64 new ones, greedy, 1, 4 and
8 at once. Each contestant has a process of its own and all of them take turns within one run, so
that the machine's other work weighs on all. A ratio is the median over the turns of what a
contestant wrote per second over what `generate` in bf16 wrote in the same turn. GGUF of the same
shape writes along, for comparison. Who cannot start (torchao is not installed by us) or gives no
answer in LIMIT_S is left out from there on, and said to be.
"""

import argparse
import json
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

from tests.bench._models_contestant import Figures
from tests.bench._shapes import model_file
from tests.models.bleuet import ROOT

FOLDER = ROOT / ".neo" / "bench" / "models"
PEER = "generate bf16"
ADAPTED = "safetensors bf16"
KINDS = ("fp32", "bf16", "int8")
LIMIT_S = 60.0
PAUSE_S = 0.75
"""Ours counts its threads by what others used since it last looked, which was another's turn."""
TOKENS = 200
NEW = 64


class NoAnswer(Exception):
    """A contestant ended, or took too long."""


class Contestant:
    """A process that answers one line with one line."""

    def __init__(self, process: "subprocess.Popen[str]", said: TextIO) -> None:
        self._process = process
        self._said = said
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.open_s = self._heard()["open_s"]

    def ask(self, do: str, **wishes: int | str) -> Figures:
        """Let it do something; returns its figures."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **wishes}) + "\n")
        self._process.stdin.flush()
        return self._heard()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):
                self._lines.put(line)
        self._lines.put("")

    def _heard(self) -> Figures:
        try:
            line = self._lines.get(timeout=LIMIT_S)
        except queue.Empty:
            self._process.kill()
            raise NoAnswer(f"no answer in {LIMIT_S:g} s") from None
        if not line:
            raise NoAnswer(self._last_words())
        figures: Figures = json.loads(line)
        return figures

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().strip().splitlines() or ["ended without a word"]
        return lines[-1]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./neo bench models", description=__doc__)
    parser.add_argument("--shape", default="135M", help="135M (default) or 0.5B")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--at-once", default="1,4,8")
    parser.add_argument("--new", type=int, default=NEW)
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", help="contestants named so, and the peer"
    )
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    folder = FOLDER / wishes.shape
    make = [sys.executable, "-m", "tests.models.shapes", wishes.shape]
    subprocess.run(make, cwd=ROOT, check=True, stdout=sys.stderr)
    figures: dict[str, object] = {"shape": wishes.shape, "turns": wishes.turns}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        contestants: dict[str, Contestant] = {}
        for name, command in _commands(wishes.shape, wishes.only).items():
            try:
                contestants[name] = stack.enter_context(_started(command.split()))
            except NoAnswer as error:
                failed[name] = str(error)
        figures["open_s"] = {name: round(one.open_s, 2) for name, one in contestants.items()}
        for rows in map(int, wishes.at_once.split(",")):
            found = _measured(contestants, failed, rows, wishes.turns, wishes.new)
            figures[f"at_once_{rows}"] = found
            sys.stderr.write(f"{rows} at once: {json.dumps(found)}\n")
        if ADAPTED in contestants:
            adapted = contestants[ADAPTED].ask("adapters", path=str(folder / "lora"))
            figures["adapter"] = {name: round(value, 1) for name, value in adapted.items()}
    figures["failed"] = failed
    print(json.dumps(figures) if wishes.json else _table(figures))
    return 0


def _commands(shape: str, only: list[str] | None) -> dict[str, str]:
    folder = FOLDER / shape
    tensors = f"{folder}/safetensors"
    ours = {f"safetensors {kind}": f"ours safetensors {kind} {tensors}" for kind in KINDS}
    theirs = {
        f"generate {kind}": f"generate {kind} {tensors}"
        for kind in ("fp32", "bf16", "int8", "int4", "torchao-int8")
    }
    found = {
        **theirs,
        **ours,
        "onnx fp32": f"ours onnx fp32 {folder}/onnx",
        "onnx int8": f"ours onnx int8 {folder}/onnx-int8",
        "gguf q8_0": f"ours gguf q8_0 {model_file(shape, 'q8_0')}",
        "continuous bf16": f"continuous bf16 {tensors}",
    }
    return {
        name: command
        for name, command in found.items()
        if only is None or name == PEER or any(word in name for word in only)
    }


@contextmanager
def _started(arguments: list[str]) -> Iterator[Contestant]:
    command = [sys.executable, "-m", "tests.bench._models_contestant", *arguments]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        try:
            yield Contestant(process, said)
        finally:
            process.kill()


def _measured(
    contestants: dict[str, Contestant], failed: dict[str, str], rows: int, turns: int, new: int
) -> dict[str, dict[str, float]]:
    """Let all take turns, each after a word and a pause. Who gives no answer is left out."""
    heard: dict[str, list[Figures]] = {}
    for turn in range(turns):
        for name, one in list(contestants.items()):
            wishes = {"rows": rows, "tokens": TOKENS}
            try:
                if not turn:
                    one.ask("burst", **wishes, new=2, seed=0)
                one.ask("burst", rows=1, tokens=8, new=1, seed=0)
                time.sleep(PAUSE_S)
                figures = one.ask("burst", **wishes, new=new, seed=turn + 1)
            except NoAnswer as error:
                failed[name] = f"{rows} at once: {error}"
                del contestants[name]
                heard.pop(name, None)
            else:
                heard.setdefault(name, []).append(figures)
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
