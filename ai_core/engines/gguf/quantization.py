"""Quantizes GGUF files, and computes their predictions on texts to measure the quality loss."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from ai_core.errors import ModelUnusable

LLAMA_TYPES = {  # llama_ftype of llama.h
    "bf16": 32, "q8_0": 7, "q6_k": 18, "q5_k_m": 17, "q4_k_m": 15, "q4_0": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Predictions:
    """A model's predictions at each position of a text but the first.

    `likeliest` are the tokens it finds likeliest, `logprobs` the natural logarithms of the
    probabilities it gives the tokens that stand there.
    """

    likeliest: NDArray[np.int64]
    logprobs: NDArray[np.float64]


def quantize(source: Path, target: Path, precision: str) -> None:
    """Write a GGUF file to `target` in a smaller precision. Raises ModelUnusable."""
    if precision not in LLAMA_TYPES:
        raise ModelUnusable(f"{precision} is not made of gguf models")
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = LLAMA_TYPES[precision]
    parameters.allow_requantize = True
    failed = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(parameters)
    )
    if failed:
        raise ModelUnusable(f"llama.cpp cannot write {source} as {precision}")


def predictions(path: Path, texts: Sequence[str], most_tokens: int) -> Iterator[Predictions]:
    """Yield what a model predicts in the first tokens of each text."""
    context_tokens = most_tokens + 8
    model = llama_cpp.Llama(
        str(path), n_ctx=context_tokens, n_batch=context_tokens, logits_all=True, verbose=False
    )
    for text in texts:
        tokens = model.tokenize(text.encode())[:most_tokens]
        model.reset()  # type: ignore[no-untyped-call]
        model.eval(tokens)
        scores = np.asarray(model.scores[: len(tokens) - 1], dtype=np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        logprobs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        there = logprobs[np.arange(len(tokens) - 1), tokens[1:]]
        yield Predictions(scores.argmax(axis=1), there)
    model.close()
