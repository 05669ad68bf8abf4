"""Whether llama.cpp writes several answers together in so much less time that it is worth it.

On a GPU it always is. On a CPU prompts gain nothing together, and rows that decode as much as the
quantization's kernels give. Answers that share the steps all end when the last one does, in turn
they end one by one.
"""

import time

from ai_core.engines.gguf.context import BatchSegment, Context
from ai_core.engines.gguf.model import take_logged_errors
from ai_core.errors import EngineFailed

TOGETHER = 4
WORTH_IT = 2 * TOGETHER / (TOGETHER + 1)
"""Of four equal answers in turn the mean one ends after 2.5 times the time of one, together all end
after 4 / gain: from a gain of 1.6 on together is sooner."""
PROMPT_TOKENS, NEW_TOKENS = 1_200, 150
"""An answer from the law: what a model reads (`AnswerSettings.passage_tokens`) and writes."""
_FEW_THREADS = 4
"""Up to so many threads one alone is measured: they wait for each other in a loop, so that a
neighbour on one core made two threads gain 2.0 where one gains 1.3 each time. More threads share
the memory's bandwidth, which one alone does not see."""
_PROMPT_ROWS = 64
_STEPS = 2
"""Steps measured, after one that warms up; the quickest counts, as other processes only slow."""
_TOKEN = 0


def measure_batch_gain(context: Context, slots: int, context_tokens: int, threads: int) -> float:
    """Return how many times faster four answers from the law are written together than in turn.

    In processor time. The slots used are empty afterwards, and the context has `threads`. Takes
    nine steps of up to four rows and one of a prompt. Raises EngineFailed.
    """
    context.set_threads(1 if threads <= _FEW_THREADS else threads)
    try:
        return _gain(context, slots, context_tokens)
    finally:
        context.set_threads(threads)


def _gain(context: Context, slots: int, context_tokens: int) -> float:
    sizes = [rows for rows in (2, TOGETHER) if rows <= slots]
    alone_s = _step_s(context, 1)
    row_s = min([alone_s, *(_step_s(context, rows) / rows for rows in sizes)])
    prompt_row_s = _prompt_row_s(context, min(_PROMPT_ROWS, context_tokens))
    return answer_gain(prompt_row_s, alone_s, row_s)


def answer_gain(prompt_row_s: float, alone_s: float, together_s: float) -> float:
    """Return the gain of a whole answer from the seconds of a prompt's row and of a token."""
    prompt_s = PROMPT_TOKENS * prompt_row_s
    return (prompt_s + NEW_TOKENS * alone_s) / (prompt_s + NEW_TOKENS * together_s)


def _step_s(context: Context, rows: int) -> float:
    """Return the processor seconds of a step with one row in each of so many slots."""
    steps = [
        _decode_s(
            context,
            [BatchSegment(slot, (_TOKEN,), at, wants_logits=True) for slot in range(rows)],
        )
        for at in range(_STEPS + 1)
    ]
    _empty(context, rows)
    return min(steps[1:])


def _prompt_row_s(context: Context, rows: int) -> float:
    """Return the processor seconds of a row of a prompt."""
    seconds = _decode_s(context, [BatchSegment(0, (_TOKEN,) * rows, 0, wants_logits=True)])
    _empty(context, 1)
    return seconds / rows


def _decode_s(context: Context, segments: list[BatchSegment]) -> float:
    began_s = time.process_time()
    if context.decode(segments) is None:
        raise EngineFailed(f"llama.cpp could not compute: {take_logged_errors()}")
    return max(time.process_time() - began_s, 1e-9)


def _empty(context: Context, slots: int) -> None:
    for slot in range(slots):
        context.truncate(slot)
