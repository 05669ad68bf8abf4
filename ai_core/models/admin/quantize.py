"""Makes a smaller variant of a model, and measures its quality loss. A separate program:

    python -m ai_core.models.admin.quantize make    FORMAT SOURCE TARGET PRECISION
    python -m ai_core.models.admin.quantize compare FORMAT ORIGINAL VARIANT PRECISION

It runs in a child process, because the model libraries leak memory and may crash. `compare` prints
JSON: `agreement`, the share of places where both choose the same token after the same text, and for
GGUF `perplexity_ratio`, the variant's perplexity over the original's.
"""

import json
import math
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ai_core.engines.base import Sampling
from ai_core.engines.formats import FORMATS
from ai_core.engines.runner import GenerationJob, LoadOptions, ModelRunner, TokenizedPrompt
from ai_core.errors import ModelUnusable
from shared.errors import AppError

PASSAGES = Path(__file__).parents[2] / "texts" / "quality.toml"
MAX_TOKENS = 192  # of a passage
EVERY_TOKENS = 6  # distance between the places where a runner is asked for one token


def make(format: str, source: Path, target: Path, precision: str) -> None:
    """Write `source` to `target` in a smaller precision. Raises ModelUnusable.

    The libraries are heavy and not installed everywhere, hence imported here.
    """
    if format == "gguf":
        from ai_core.engines.gguf.quantization import quantize

        quantize(source, target, precision)
    elif format == "onnx" and precision == "int8":
        from ai_core.engines.folder.onnx import quantize_int8

        quantize_int8(source, target)
    else:
        raise ModelUnusable(f"{precision} is not made of {format} models")


def compare(format: str, original: Path, variant: Path, precision: str) -> dict[str, float]:
    """Measure a variant's quality loss; see the module. Raises ModelUnusable."""
    texts = quality_passages()
    if format == "gguf":
        return _compare_gguf(original, variant, texts)
    opened_as = precision if variant == original else ""
    first = _choices(format, original, "", texts)
    second = _choices(format, variant, opened_as, texts)
    same = sum(one == other for one, other in zip(first, second, strict=True))
    return {"agreement": same / len(first)}


def quality_passages() -> list[str]:
    """Read the texts that variants are judged and measured on. Blocks on the disk."""
    texts: list[str] = tomllib.loads(PASSAGES.read_text("utf-8"))["passages"]
    return texts


def _compare_gguf(original: Path, variant: Path, texts: list[str]) -> dict[str, float]:
    from ai_core.engines.gguf.quantization import predictions

    before, after = ([*predictions(path, texts, MAX_TOKENS)] for path in (original, variant))
    same = [one.likeliest == other.likeliest for one, other in zip(before, after, strict=True)]
    lost = [one.logprobs - other.logprobs for one, other in zip(before, after, strict=True)]
    return {
        "agreement": float(np.concatenate(same).mean()),
        "perplexity_ratio": math.exp(float(np.concatenate(lost).mean())),
    }


def _choices(format: str, path: Path, precision: str, texts: list[str]) -> list[bytes]:
    """Return the token a runner chooses at sampled positions of the texts, in order."""
    options = LoadOptions(context_tokens=MAX_TOKENS + 8, slots=4, precision=precision)
    runner: ModelRunner = import_module(FORMATS[format].module).open_runner(str(path), options)
    try:
        if not runner.info.capabilities.logprobs:
            raise ModelUnusable(f"a {format} model here does not report which token it chooses")
        return _chosen_tokens(runner, list(_jobs(runner, texts)))
    finally:
        runner.close()


def _jobs(runner: ModelRunner, texts: list[str]) -> Iterator[GenerationJob]:
    number = 0
    for text in texts:
        tokens = runner.tokenize(text)[:MAX_TOKENS]
        for end in range(EVERY_TOKENS, len(tokens), EVERY_TOKENS):
            number += 1
            prompt = TokenizedPrompt(tokens[:end], end)
            yield GenerationJob(number, prompt, Sampling(max_tokens=1, top_logprobs=1))


def _chosen_tokens(runner: ModelRunner, jobs: list[GenerationJob]) -> list[bytes]:
    chosen = {job.id: b"" for job in jobs}
    waiting = list(reversed(jobs))
    while waiting or runner.busy:
        while waiting and runner.admit(waiting[-1]):
            waiting.pop()
        for chunk in runner.step():
            if chunk.finish_reason == "failed":
                reason = chunk.error.detail if chunk.error else "no reason given"
                raise ModelUnusable(f"the model failed while it was judged: {reason}")
            chosen[chunk.job_id] += b"".join(each.token for each in chunk.logprobs)
    return list(chosen.values())


def main(arguments: list[str]) -> int:
    """Run one of the two actions; returns 1 after a line that says what went wrong."""
    action, format, source, target, precision = arguments
    scores: dict[str, Any] = {}
    try:
        if action == "make":
            make(format, Path(source), Path(target), precision)
        else:
            scores = compare(format, Path(source), Path(target), precision)
    except (AppError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(scores) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
