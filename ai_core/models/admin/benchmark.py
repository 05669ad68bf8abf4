"""Benchmarks a model on this machine, and finds the variant with the highest throughput.

Which precision is fastest depends on the processor's instructions and on how many answers are
written at once: a smaller one is not always faster, and the same file is fastest on one host and
not on another. So those that are good enough are measured.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ai_core.engines.base import ChatMessage, Prompt, Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.errors import ModelUnusable
from ai_core.models.admin.quantize import quality_passages
from ai_core.models.admin.selection import VariantMaker, bytes_in, possible_precisions
from ai_core.models.memory import estimate_bytes
from ai_core.models.registry import ModelCard
from ai_core.models.variants import ORIGINAL, Variant

RETRY_SHARE = 0.5
"""Those that wrote this share of what the best one wrote are measured twice, against noise."""
MIN_SPEEDUP = 1.05
"""How much faster a variant must be to be preferred to a better one; less is noise."""
CHARS_PER_TOKEN = 4
"""Of a text that fits for certain, even if every byte is a token and a template surrounds it."""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """New tokens per second of all answers together, memory, and the time to load.

    `decode_per_s` leaves the prefill of prompts out, `whole_per_s` includes it.
    """

    decode_per_s: float
    whole_per_s: float
    memory_bytes: int
    load_s: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant that is good enough (None: the original), and its new tokens per second, prefill
    included.
    """

    variant: Variant | None
    tokens_per_s: float

    @property
    def name(self) -> str:
        """Name of the variant, or of the original."""
        return self.variant.name if self.variant else ORIGINAL


async def benchmark(card: ModelCard, tokens: int, at_once: int) -> BenchmarkResult:
    """Load a model and generate `at_once` answers of at most `tokens` to the quality passages.

    Raises what `ProcessEngine.start` and `ProcessEngine.stream` raise.
    """
    texts = await asyncio.to_thread(quality_passages)
    engine = await ProcessEngine.start(card.id, card.weights, card.format, card.path, card.options)

    async def write(at: int, most: int) -> int:
        text = texts[at % len(texts)][: (engine.context_tokens - tokens) // CHARS_PER_TOKEN]
        prompt = Prompt((ChatMessage("user", text),), text, (), "fr")
        async with aclosing(engine.stream(prompt, Sampling(max_tokens=most))) as chunks:
            return sum([chunk.tokens async for chunk in chunks])

    try:
        await write(0, 1)
        began_s = time.monotonic()
        answers = (write(at, tokens) for at in range(at_once))
        written = sum(await asyncio.gather(*answers))
        whole_per_s = written / (time.monotonic() - began_s)
        memory_bytes = await engine.memory_bytes()
        return BenchmarkResult(engine.throughput.decode, whole_per_s, memory_bytes, engine.load_s)
    finally:
        await engine.close()


def fastest(maker: VariantMaker, budget_bytes: int, *, tokens: int, at_once: int) -> Candidate:
    """Make every variant of a model, and return the one with the highest throughput here.

    Only those that fit in `budget_bytes` and are good enough are measured; the original may be one
    of them. A smaller one is preferred when it is MIN_SPEEDUP faster. The others are deleted,
    unless they were in use before; nothing is selected. Raises ModelUnusable when nothing is left.
    Blocks for minutes.
    """
    original = maker.original
    good: list[Variant | None] = [None] if estimate_bytes(original) <= budget_bytes else []
    for precision in possible_precisions(original):
        if bytes_in(original, precision) > budget_bytes:
            continue
        try:
            good.append(maker.make(precision))
        except ModelUnusable as error:
            maker.report(str(error))
    if not good:
        raise ModelUnusable(
            f"{original.id}: nothing that fits in memory is good enough", model=original.id
        )
    return _fastest(maker, good, tokens, at_once)


def _fastest(
    maker: VariantMaker, good: Sequence[Variant | None], tokens: int, at_once: int
) -> Candidate:
    speeds = [0.0] * len(good)
    for least_share in (0.0, RETRY_SHARE):
        most = max(speeds)
        for at in [at for at, speed in enumerate(speeds) if speed >= least_share * most]:
            result = asyncio.run(benchmark(maker.card_of(good[at]), tokens, at_once))
            speeds[at] = max(speeds[at], result.whole_per_s)
    tried = [Candidate(variant, speeds[at]) for at, variant in enumerate(good)]
    best = tried[0]
    for one in tried:
        score = f", agreement {one.variant.agreement:.1%}" if one.variant else ""
        maker.report(f"{one.name}: {one.tokens_per_s:.1f} tokens/s, {at_once} at once{score}")
        if one.tokens_per_s > MIN_SPEEDUP * best.tokens_per_s:
            best = one
    maker.delete_unused([variant for variant in good if variant and variant is not best.variant])
    return best
