"""One contestant of `./neo bench models`, in a process of its own: its threads disturb no other.

It opens what its arguments name, then answers a line of JSON on its input with a line on its
output. Contestants: `ours FORMAT PRECISION FOLDER` (a FILE for gguf), `generate PRECISION FOLDER`
(transformers' static batches; also torch's own int8 and int4, and torchao's int8), `continuous
PRECISION FOLDER` (transformers' continuous batching).
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import Any

from ai_core.engines.base import Sampling
from ai_core.engines.formats import FORMATS
from ai_core.engines.runner import GenerationJob, LoadOptions, ModelRunner

SWITCHES = 20
GROUP = 32
ANSWER_S = 120.0
Figures = dict[str, float]


def prompts(rows: int, tokens: int, seed: int) -> list[str]:
    """Return texts of `tokens` letters, which are as many tokens."""
    chance = Random(seed)  # noqa: S311 - letters to read
    return ["".join(chance.choices(ascii_lowercase, k=tokens)) for _ in range(rows)]


class Ours:
    """A runner of this project."""

    def __init__(self, format: str, precision: str, folder: str, threads: int) -> None:
        options = LoadOptions(1_024, 16, threads, precision)
        open_runner = import_module(FORMATS[format].module).open_runner
        self._runner: ModelRunner = open_runner(folder, options)
        self._id = 0

    def burst(self, rows: int, tokens: int, new: int, seed: int) -> Figures:
        """Answer `rows` prompts at once; returns seconds."""
        began_s = time.monotonic()
        first_s: dict[int, float] = {}
        written = 0
        for text in prompts(rows, tokens, seed):
            self._admit(text, new, None)
        while self._runner.busy:
            for wrote in self._runner.step():
                first_s.setdefault(wrote.job_id, time.monotonic() - began_s)
                written += wrote.tokens
        total_s = time.monotonic() - began_s
        return {
            "seconds": total_s,
            "first_s": statistics.median(first_s.values()),
            "tokens": written,
        }

    def adapters(self, path: str) -> Figures:
        """Load an adapter; then one word without it, one with it, one with it again, in turns."""
        began_s = time.monotonic()
        self._runner.load_adapter("adapter", path)
        load_s = time.monotonic() - began_s
        self._one("adapter")
        turns = [
            (self._one(None), self._one("adapter"), self._one("adapter")) for _ in range(SWITCHES)
        ]
        plain, _, adapted = (statistics.median(word) for word in zip(*turns, strict=True))
        return {
            "load_ms": 1e3 * load_s,
            "word_ms": 1e3 * plain,
            "word_with_adapter_ms": 1e3 * adapted,
            "switch_ms": 1e3 * statistics.median(first - again for _, first, again in turns),
        }

    def _one(self, adapter: str | None) -> float:
        self._admit("abcdefgh", 1, adapter)
        began_s = time.monotonic()
        while self._runner.busy:
            self._runner.step()
        return time.monotonic() - began_s

    def _admit(self, text: str, new: int, adapter: str | None) -> None:
        self._id += 1
        rendered = self._runner.render((), text)
        if not self._runner.admit(
            GenerationJob(self._id, rendered, Sampling(max_tokens=new), adapter)
        ):
            raise RuntimeError("more rows than slots")


class Transformers:
    """transformers as its manual says: whole batches with `generate`."""

    def __init__(self, precision: str, folder: str, threads: int) -> None:
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(threads)
        dtype = torch.float32 if precision in {"fp32", "int8"} else torch.bfloat16
        self._torch = torch
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        self._model = _QUANTIZERS.get(precision, lambda same: same)(model.eval())
        self._tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))

    def burst(self, rows: int, tokens: int, new: int, seed: int) -> Figures:
        """Answer `rows` prompts at once; the first word is timed in a run of its own."""
        ids = [self._tokenizer.encode(text).ids for text in prompts(rows, tokens, seed)]
        first_s = self._timed(ids, 1)
        return {"seconds": self._timed(ids, new), "first_s": first_s, "tokens": rows * new}

    def _timed(self, ids: list[list[int]], new: int) -> float:
        began_s = time.monotonic()
        self._write(ids, new)
        return time.monotonic() - began_s

    def _write(self, ids: list[list[int]], new: int) -> None:
        batch = self._torch.tensor(ids)
        with self._torch.inference_mode():
            self._model.generate(
                input_ids=batch,
                attention_mask=self._torch.ones_like(batch),
                do_sample=False,
                max_new_tokens=new,
            )


class Continuous(Transformers):
    """transformers' continuous batching: a thread of its own that requests are handed to."""

    def __init__(self, precision: str, folder: str, threads: int) -> None:
        super().__init__(precision, folder, threads)
        from transformers import GenerationConfig

        wishes = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False, eos_token_id=-1
        )
        self._running = self._model.init_continuous_batching(generation_config=wishes)
        self._running.start()

    def _write(self, ids: list[list[int]], new: int) -> None:
        for prompt in ids:
            self._running.add_request(prompt, max_new_tokens=new)
        left = len(ids)
        while left:
            said = self._running.get_result(timeout=ANSWER_S)
            if said is None or said.error:
                raise RuntimeError(said.error if said else "no answer")
            left -= said.is_finished()


def _int8(model: Any) -> Any:
    import torch

    return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
        model, {torch.nn.Linear}, dtype=torch.qint8
    )


def _torchao_int8(model: Any) -> Any:
    quantization = import_module("torchao.quantization")
    quantization.quantize_(model, quantization.Int8DynamicActivationInt8WeightConfig())
    return model


def _int4(model: Any) -> Any:
    """Give the linear layers torch's own four-bit weights, in groups of GROUP with an offset each.

    torchao and every other quantizer for the CPU calls the same operator.
    """
    import torch

    class Four(torch.nn.Module):
        def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
            super().__init__()
            rows, columns = weight.shape
            groups = weight.float().reshape(rows, columns // GROUP, GROUP)
            low = groups.amin(-1, keepdim=True)
            scale = ((groups.amax(-1, keepdim=True) - low) / 15).clamp(min=1e-8)
            numbers = ((groups - low) / scale).round().clamp(0, 15).int().reshape(rows, columns)
            pairs = torch.cat([scale, low + 8 * scale], -1).transpose(0, 1).contiguous()
            self.packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(numbers, 1)
            self.pairs, self.bias, self.rows = pairs.bfloat16(), bias, rows

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            flat = given.reshape(-1, given.shape[-1]).contiguous()
            found = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.packed, GROUP, self.pairs)
            found = found if self.bias is None else found + self.bias
            shaped: torch.Tensor = found.reshape(*given.shape[:-1], self.rows)
            return shaped

    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, Four(module.weight.data, module.bias))
    return model


_QUANTIZERS: dict[str, Callable[[Any], Any]] = {
    "int8": _int8,
    "int4": _int4,
    "torchao-int8": _torchao_int8,
}


def main() -> int:
    """Open the contestant, then do what each line asks."""
    kind, *rest = sys.argv[1:]
    threads = len(os.sched_getaffinity(0))
    began_s = time.monotonic()
    contestant: Ours | Transformers
    if kind == "ours":
        contestant = Ours(rest[0], rest[1], rest[2], threads)
    else:
        opened = {"generate": Transformers, "continuous": Continuous}[kind]
        contestant = opened(rest[0], rest[1], threads)
    answers: dict[str, Callable[..., Figures]] = {"burst": contestant.burst}
    if isinstance(contestant, Ours):
        answers["adapters"] = contestant.adapters
    print(json.dumps({"open_s": time.monotonic() - began_s}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(answers[asked.pop("do")](**asked)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
