"""The prefix cache: which slot a job gets, and which prompt tokens need not be computed again.

When a job ends, its slot keeps the operator's tokens (rules, law text) and nothing else. A new job
reuses the longest prefix it shares with them, in place or copied from another slot, or waits for a
job that is computing it: sixteen jobs with the same law text that arrive together compute it once.
What callers wrote is never compared: on both sides the comparison stops where the operator's text
ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

COPY_COST_TOKENS = 64
"""Copying a slot costs about as much as computing this many tokens (20 to 30 ms on two cores)."""


def common_prefix_length(left: Sequence[object], right: Sequence[object]) -> int:
    """Return how many leading tokens (or characters) two sequences share."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(slots=True)
class SequenceSlot:
    """One llama.cpp sequence: the `tokens` whose keys and values it holds.

    The first `cacheable` of them are the operator's. While a job has the slot, `prompt` are the
    job's prompt tokens and the first `prompt_cacheable` of those the operator's; `computing` is
    true until all of them are computed.
    """

    index: int
    tokens: list[int] = field(default_factory=list)
    cacheable: int = 0
    adapter: str | None = None
    in_use: bool = False
    computing: bool = False
    prompt: list[int] = field(default_factory=list)
    prompt_cacheable: int = 0
    freed_at: int = 0

    def shared_prefix(self, tokens: Sequence[int], adapter: str | None) -> int:
        """Return how many leading `tokens` are held here as the operator's."""
        if self.adapter != adapter:
            return 0
        return common_prefix_length(self.tokens[: self.cacheable], tokens)

    def future_shared_prefix(self, tokens: Sequence[int], adapter: str | None) -> int:
        """Return the same for when the prompt that is being computed here is complete."""
        if not self.computing or self.adapter != adapter:
            return 0
        return common_prefix_length(self.prompt[: self.prompt_cacheable], tokens)


@dataclass(frozen=True, slots=True)
class PrefixSource:
    """Where a prompt's prefix comes from: `tokens` of it from `slot`.

    `awaited` is a slot that is computing a longer part of it, worth waiting for.
    """

    slot: SequenceSlot | None
    tokens: int
    awaited: SequenceSlot | None = None


def cacheable_prefix(prompt: Sequence[int], cacheable: int) -> list[int]:
    """Return the part of a prompt that may come from the cache: one token is always computed."""
    return list(prompt[: min(cacheable, len(prompt) - 1)])


def find_prefix(
    slots: Sequence[SequenceSlot], slot: SequenceSlot, prefix: Sequence[int], adapter: str | None
) -> PrefixSource:
    """Return the source of a prefix for the job in `slot`, which itself is preferred if close."""
    best = max(slots, key=lambda other: other.shared_prefix(prefix, adapter))
    found = best.shared_prefix(prefix, adapter)
    coming = max(
        (other for other in slots if other is not slot),
        key=lambda other: other.future_shared_prefix(prefix, adapter),
        default=None,
    )
    gain = coming.future_shared_prefix(prefix, adapter) - found if coming else 0
    if coming and gain >= (1 if best is coming else COPY_COST_TOKENS):
        return PrefixSource(None, 0, awaited=coming)
    own = slot.shared_prefix(prefix, adapter)
    if found < own + COPY_COST_TOKENS:
        return PrefixSource(slot, own)
    return PrefixSource(best, found)


def choose_slot(
    slots: Sequence[SequenceSlot], prefix: Sequence[int], adapter: str | None
) -> SequenceSlot | None:
    """Choose the free slot whose loss costs the cache least; None when all are in use.

    First one that holds the prefix and nothing beyond, then one whose tokens another slot holds
    too, then the least recently used.
    """
    best = max((slot.shared_prefix(prefix, adapter) for slot in slots), default=0)

    def cost(slot: SequenceSlot) -> tuple[int, int, int]:
        if not slot.tokens or _held_elsewhere(slot, slots):
            near = slot.shared_prefix(prefix, adapter) + COPY_COST_TOKENS > best
            return (0 if near else 1, 0, slot.index)
        shared = slot.shared_prefix(prefix, adapter)
        if shared == len(slot.tokens) and shared + COPY_COST_TOKENS > best:
            return (0, 0, slot.index)
        return (2, slot.freed_at, slot.index)

    return min((slot for slot in slots if not slot.in_use), key=cost, default=None)


def _held_elsewhere(slot: SequenceSlot, slots: Sequence[SequenceSlot]) -> bool:
    size = len(slot.tokens)
    return any(
        other is not slot
        and other.cacheable >= size
        and other.adapter == slot.adapter
        and other.tokens[:size] == slot.tokens
        for other in slots
    )
