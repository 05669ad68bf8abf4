"""Makes a smaller precision of a model, and measures what it lost. A program of its own:

    python -m ai_core.models.admin.quantize make    FORMAT SOURCE TARGET PRECISION
    python -m ai_core.models.admin.quantize compare FORMAT ORIGINAL MADE PRECISION

It runs in a child process, because the model libraries take memory they do not give back and may
end the process. `compare` prints JSON: `agreement`, the share of places where both choose the same
token after the same text, and for GGUF `perplexity_ratio`, the perplexity made over the original.
"""

import ctypes
import importlib
import json
import math
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_core.engines.base import Sampling
from ai_core.engines.formats import FORMATS
from ai_core.engines.runner import GenerationJob, LoadOptions, ModelRunner, TokenizedPrompt
from ai_core.errors import ModelUnusable
from shared.errors import AppError

PASSAGES = Path(__file__).parents[2] / "texts" / "quality.toml"
LLAMA_TYPES = {  # llama_ftype of llama.h
    "bf16": 32, "q8_0": 7, "q6_k": 18, "q5_k_m": 17, "q4_k_m": 15, "q4_0": 2,
}  # fmt: skip
MOST_TOKENS = 192  # of a passage
EVERY_TOKENS = 6  # how far apart the places are where a runner is asked for one token


def make(format: str, source: Path, target: Path, precision: str) -> None:
    """Write `source` to `target` in a smaller precision. Raises ModelUnusable.

    A GGUF file by llama.cpp's quantizer; a folder of ONNX files by `engines.onnx.quantize_int8`.
    """
    if format == "gguf" and precision in LLAMA_TYPES:
        _make_gguf(source, target, precision)
    elif format == "onnx" and precision == "int8":
        from ai_core.engines.folder.onnx import quantize_int8  # heavy, and not installed everywhere

        quantize_int8(source, target)
    else:
        raise ModelUnusable(f"{precision} is not made of {format} models")


def compare(format: str, original: Path, made: Path, precision: str) -> dict[str, float]:
    """Measure what a precision lost on texts of ours; see the module. Raises ModelUnusable."""
    texts = passages()
    if format == "gguf":
        return _compared(list(_read_gguf(original, texts)), list(_read_gguf(made, texts)))
    opened_as = precision if made == original else ""
    first = _choices(format, original, "", texts)
    second = _choices(format, made, opened_as, texts)
    same = sum(one == other for one, other in zip(first, second, strict=True))
    return {"agreement": same / len(first)}


def passages() -> list[str]:
    """Read the texts of ours that precisions are judged and measured on. Blocks on the disk."""
    texts: list[str] = tomllib.loads(PASSAGES.read_text("utf-8"))["passages"]
    return texts


def _make_gguf(source: Path, target: Path, precision: str) -> None:
    import llama_cpp  # heavy, and not installed everywhere

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = LLAMA_TYPES[precision]
    parameters.allow_requantize = True
    failed = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(parameters)
    )
    if failed:
        raise ModelUnusable(f"llama.cpp cannot write {source} as {precision}")


Reading = tuple[NDArray[np.int64], NDArray[np.float64]]
"""The token a model finds likeliest at each place, and what it gives the token that stands there
(the natural logarithm of its probability)."""


def _read_gguf(path: Path, texts: list[str]) -> Iterator[Reading]:
    import llama_cpp

    model = llama_cpp.Llama(
        str(path), n_ctx=MOST_TOKENS + 8, n_batch=MOST_TOKENS + 8, logits_all=True, verbose=False
    )
    for text in texts:
        tokens = model.tokenize(text.encode())[:MOST_TOKENS]
        model.reset()  # type: ignore[no-untyped-call]
        model.eval(tokens)
        scores = np.asarray(model.scores[: len(tokens) - 1], dtype=np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        given = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        yield scores.argmax(axis=1), given[np.arange(len(tokens) - 1), tokens[1:]]
    model.close()


def _compared(original: list[Reading], made: list[Reading]) -> dict[str, float]:
    first, second = (np.concatenate([each[0] for each in every]) for every in (original, made))
    before, after = (np.concatenate([each[1] for each in every]) for every in (original, made))
    ratio = math.exp(float(before.mean() - after.mean()))
    return {"agreement": float((first == second).mean()), "perplexity_ratio": ratio}


def _choices(format: str, path: Path, precision: str, texts: list[str]) -> list[str]:
    """Return the token a runner chooses at places of the texts, one after the other."""
    options = LoadOptions(context_tokens=MOST_TOKENS + 8, slots=4, precision=precision)
    runner: ModelRunner = importlib.import_module(FORMATS[format].module).open_runner(
        str(path), options
    )
    try:
        if not runner.facts.capabilities.logprobs:
            raise ModelUnusable(f"a {format} model here does not tell which token it chooses")
        return _written(runner, list(_jobs(runner, texts)))
    finally:
        runner.close()


def _jobs(runner: ModelRunner, texts: list[str]) -> Iterator[GenerationJob]:
    number = 0
    for text in texts:
        tokens = runner.tokenize(text)[:MOST_TOKENS]
        for end in range(EVERY_TOKENS, len(tokens), EVERY_TOKENS):
            number += 1
            prompt = TokenizedPrompt(tokens[:end], end)
            yield GenerationJob(number, prompt, Sampling(max_tokens=1, top_logprobs=1))


def _written(runner: ModelRunner, jobs: list[GenerationJob]) -> list[str]:
    chosen = {job.id: "" for job in jobs}
    waiting = list(reversed(jobs))
    while waiting or runner.busy:
        while waiting and runner.admit(waiting[-1]):
            waiting.pop()
        for wrote in runner.step():
            if wrote.finish_reason == "failed":
                raise ModelUnusable(f"the model failed while it was judged: {wrote.error}")
            chosen[wrote.job_id] += "".join(each.token for each in wrote.logprobs)
    return list(chosen.values())


def main(arguments: list[str]) -> int:
    """Do one of the two; returns 1 after a line that says what went wrong."""
    action, format, source, target, precision = arguments
    found: dict[str, Any] = {}
    try:
        if action == "make":
            make(format, Path(source), Path(target), precision)
        else:
            found = compare(format, Path(source), Path(target), precision)
    except (AppError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
