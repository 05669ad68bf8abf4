from hypothesis import given
from hypothesis import strategies as st

from ai_core.engines.gguf.prefix_cache import (
    SequenceSlot,
    cacheable_prefix,
    choose_slot,
    common_prefix_length,
    find_prefix,
)

LAW = list(range(1_000, 1_300))
RULES = list(range(500, 700))


def kept(
    index: int, tokens: list[int], *, freed_at: int = 0, adapter: str | None = None
) -> SequenceSlot:
    return SequenceSlot(index, list(tokens), len(tokens), adapter, freed_at=freed_at)


def computing(index: int, prompt: list[int], cacheable: int, done: int) -> SequenceSlot:
    slot = SequenceSlot(index, prompt[:done], min(done, cacheable), in_use=True, computing=True)
    slot.prompt, slot.prompt_cacheable = prompt, cacheable
    return slot


@given(left=st.lists(st.integers(0, 2)), right=st.lists(st.integers(0, 2)))
def test_the_common_beginning_is_as_long_as_it_can_be(left: list[int], right: list[int]) -> None:
    shared = common_prefix_length(left, right)
    assert left[:shared] == right[:shared]
    longer = shared + 1
    assert longer > min(len(left), len(right)) or left[:longer] != right[:longer]


def test_at_least_one_token_of_a_prompt_is_computed() -> None:
    assert cacheable_prefix([1, 2, 3], 3) == [1, 2]
    assert cacheable_prefix([1, 2, 3], 1) == [1]


def test_a_caller_s_tokens_are_never_compared() -> None:
    private = [7, 7, 7]
    slot = SequenceSlot(0, [*LAW, *private], cacheable=len(LAW))
    source = find_prefix([slot, SequenceSlot(1)], SequenceSlot(1), [*LAW, *private], None)
    assert source.tokens == len(LAW)


def test_a_job_takes_the_free_slot_that_holds_its_beginning() -> None:
    slots = [kept(0, RULES), kept(1, LAW), SequenceSlot(2)]
    assert choose_slot(slots, [*LAW, 1], None) is slots[1]
    assert find_prefix(slots, slots[1], [*LAW, 1], None).slot is slots[1]


def test_what_is_longer_elsewhere_is_copied_into_an_empty_slot() -> None:
    busy = SequenceSlot(0, [*LAW, 9], cacheable=len(LAW), in_use=True)
    slots = [busy, kept(1, RULES), SequenceSlot(2)]
    chosen = choose_slot(slots, [*LAW, 1], None)
    assert chosen is slots[2]
    source = find_prefix(slots, slots[2], [*LAW, 1], None)
    assert (source.slot, source.tokens) == (busy, len(LAW))


def test_a_job_waits_for_the_one_that_computes_its_beginning() -> None:
    reader = computing(0, [*LAW, 1], len(LAW), done=20)
    source = find_prefix([reader, SequenceSlot(1)], SequenceSlot(1), [*LAW, 2], None)
    assert source.awaited is reader
    reader.tokens, reader.cacheable = [*LAW, 1], len(LAW)
    assert find_prefix([reader, SequenceSlot(1)], SequenceSlot(1), [*LAW, 2], None).tokens == len(
        LAW
    )


def test_what_an_adapter_computed_is_of_no_use_without_it() -> None:
    slots = [kept(0, LAW, adapter="tone"), SequenceSlot(1)]
    assert find_prefix(slots, slots[1], LAW, None).tokens == 0
    assert find_prefix(slots, slots[1], LAW, "tone").tokens == len(LAW)


def test_the_least_recently_used_slot_is_lost_first() -> None:
    slots = [kept(0, RULES, freed_at=5), kept(1, LAW, freed_at=2), kept(2, [3] * 99, freed_at=9)]
    assert choose_slot(slots, [8, 9], None) is slots[1]


def test_what_another_slot_holds_too_is_lost_before_that() -> None:
    slots = [kept(0, RULES, freed_at=1), kept(1, LAW[:90], freed_at=9), kept(2, LAW, freed_at=5)]
    assert choose_slot(slots, [8, 9], None) is slots[1]


def test_no_slot_is_chosen_when_all_are_in_use() -> None:
    assert choose_slot([SequenceSlot(0, in_use=True)], [1], None) is None
