"""How fast a model writes on this machine, and which of its precisions writes most.

Which format is fastest depends on the processor's instructions and on how many answers are written
at once: a smaller one is not always faster, and the same file is fastest on one host and not on
another. So it is tried, with those that are good enough.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from ai_core.engines.base import ChatMessage, Prompt, Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.errors import ModelUnusable
from ai_core.models.admin.quantize import quality_passages
from ai_core.models.admin.selection import Bar, bytes_in, delete_unused, judged, makeable
from ai_core.models.memory import estimate_bytes
from ai_core.models.registry import ModelCard
from ai_core.models.variants import ORIGINAL, Precision

WORTH_ANOTHER_TRY = 0.5
"""Those that wrote so much of what the best one wrote are tried twice, for noise."""
LEAST_GAIN = 1.05
"""How much faster a precision must be to be taken instead of a better one; less is noise."""


CHARS_FOR_A_TOKEN = 4
"""Of a text that fits for certain, be every byte a token and a template around it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model took: `writing_per_s` while no prompt was read, `whole_per_s` reading included.

    Both are new tokens a second, of all answers together.
    """

    writing_per_s: float
    whole_per_s: float
    memory_bytes: int
    load_s: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A precision that is good enough (None: the original), and the new tokens a second it writes,
    its prompts' reading included.
    """

    made: Precision | None
    tokens_per_s: float

    @property
    def name(self) -> str:
        """What it is called."""
        return self.made.name if self.made else ORIGINAL


async def measure(card: ModelCard, tokens: int, at_once: int) -> Measured:
    """Load a model and let it write `at_once` answers of at most `tokens` to the passages of ours.

    Raises what `ProcessEngine.start` and `ProcessEngine.stream` raise.
    """
    texts = await asyncio.to_thread(quality_passages)
    engine = await ProcessEngine.start(card.id, card.weights, card.format, card.path, card.options)

    async def write(at: int, most: int) -> int:
        text = texts[at % len(texts)][: (engine.context_tokens - tokens) // CHARS_FOR_A_TOKEN]
        prompt = Prompt((ChatMessage("user", text),), text, (), "fr")
        async with aclosing(engine.stream(prompt, Sampling(max_tokens=most))) as pieces:
            return sum([piece.tokens async for piece in pieces])

    try:
        await write(0, 1)
        began_s = time.monotonic()
        asked = (write(at, tokens) for at in range(at_once))
        written = sum(await asyncio.gather(*asked))
        whole_per_s = written / (time.monotonic() - began_s)
        memory_bytes = await engine.memory_bytes()
        return Measured(engine.throughput.decode, whole_per_s, memory_bytes, engine.load_s)
    finally:
        await engine.close()


def fastest(
    original: ModelCard,
    weights: str,
    folder: Path,
    bar: Bar,
    room_bytes: int,
    *,
    tokens: int,
    at_once: int,
    say: Callable[[str], None],
) -> Candidate:
    """Make every precision of a model, and return the one that writes most at once on this machine.

    Only those that fit in `room_bytes` and are good enough are tried; the original may be one of
    them. A smaller one is taken for its speed when it is LEAST_GAIN faster. What is not taken is
    deleted, unless it was in use before; nothing is put in use. Other arguments as for `judged`.
    Raises ModelUnusable when nothing is left. Blocks for minutes.
    """
    good: list[Precision | None] = [None] if estimate_bytes(original) <= room_bytes else []
    for name in makeable(original):
        if bytes_in(original, name) > room_bytes:
            continue
        try:
            good.append(judged(original, weights, name, folder, bar, say))
        except ModelUnusable as error:
            say(str(error))
    if not good:
        raise ModelUnusable(
            f"{original.id}: nothing that fits in memory is good enough", model=original.id
        )
    return _fastest(original, good, folder, tokens, at_once, say)


def _fastest(
    original: ModelCard,
    good: Sequence[Precision | None],
    folder: Path,
    tokens: int,
    at_once: int,
    say: Callable[[str], None],
) -> Candidate:
    speeds = [0.0] * len(good)
    for least in (0.0, WORTH_ANOTHER_TRY):
        most = max(speeds)
        for at in [at for at, speed in enumerate(speeds) if speed >= least * most]:
            card = opened_as(original, good[at], folder)
            found = asyncio.run(measure(card, tokens, at_once))
            speeds[at] = max(speeds[at], found.whole_per_s)
    tried = [Candidate(made, speeds[at]) for at, made in enumerate(good)]
    best = tried[0]
    for one in tried:
        score = f", agreement {one.made.agreement:.1%}" if one.made else ""
        say(f"{one.name}: {one.tokens_per_s:.1f} tokens/s, {at_once} at once{score}")
        if one.tokens_per_s > LEAST_GAIN * best.tokens_per_s:
            best = one
    delete_unused(folder, [made for made in good if made and made is not best.made])
    return best


def opened_as(original: ModelCard, made: Precision | None, folder: Path) -> ModelCard:
    """Return a model's card in a precision made of it."""
    if made is None:
        return original
    if made.path:
        return replace(original, path=str(folder.parent / made.path), precision=made.name)
    options = replace(original.options, precision=made.name)
    return replace(original, options=options, precision=made.name)
