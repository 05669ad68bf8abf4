from hypothesis import given
from hypothesis import strategies as st

from ai_core.engines.gguf.slots import Slot, choose_slot, common, find_head, shareable

LAW = list(range(1_000, 1_300))
RULES = list(range(500, 700))


def kept(index: int, tokens: list[int], *, freed_at: int = 0, adapter: str | None = None) -> Slot:
    return Slot(index, list(tokens), len(tokens), adapter, freed_at=freed_at)


def computing(index: int, prompt: list[int], owned: int, done: int) -> Slot:
    slot = Slot(index, prompt[:done], min(done, owned), taken=True, computing=True)
    slot.wanted, slot.wanted_owned = prompt, owned
    return slot


@given(left=st.lists(st.integers(0, 2)), right=st.lists(st.integers(0, 2)))
def test_the_common_beginning_is_as_long_as_it_can_be(left: list[int], right: list[int]) -> None:
    shared = common(left, right)
    assert left[:shared] == right[:shared]
    longer = shared + 1
    assert longer > min(len(left), len(right)) or left[:longer] != right[:longer]


def test_at_least_one_token_of_a_prompt_is_computed() -> None:
    assert shareable([1, 2, 3], 3) == [1, 2]
    assert shareable([1, 2, 3], 1) == [1]


def test_a_caller_s_tokens_are_never_looked_at() -> None:
    private = [7, 7, 7]
    slot = Slot(0, [*LAW, *private], owned=len(LAW))
    head = find_head([slot, Slot(1)], Slot(1), [*LAW, *private], None)
    assert head.tokens == len(LAW)


def test_a_job_takes_the_free_slot_that_holds_its_beginning() -> None:
    slots = [kept(0, RULES), kept(1, LAW), Slot(2)]
    assert choose_slot(slots, [*LAW, 1], None) is slots[1]
    assert find_head(slots, slots[1], [*LAW, 1], None).source is slots[1]


def test_what_is_longer_elsewhere_is_copied_into_an_empty_slot() -> None:
    busy = Slot(0, [*LAW, 9], owned=len(LAW), taken=True)
    slots = [busy, kept(1, RULES), Slot(2)]
    chosen = choose_slot(slots, [*LAW, 1], None)
    assert chosen is slots[2]
    head = find_head(slots, slots[2], [*LAW, 1], None)
    assert (head.source, head.tokens) == (busy, len(LAW))


def test_a_job_waits_for_the_one_that_computes_its_beginning() -> None:
    reader = computing(0, [*LAW, 1], len(LAW), done=20)
    head = find_head([reader, Slot(1)], Slot(1), [*LAW, 2], None)
    assert head.awaited is reader
    reader.tokens, reader.owned = [*LAW, 1], len(LAW)
    assert find_head([reader, Slot(1)], Slot(1), [*LAW, 2], None).tokens == len(LAW)


def test_what_an_adapter_computed_is_of_no_use_without_it() -> None:
    slots = [kept(0, LAW, adapter="tone"), Slot(1)]
    assert find_head(slots, slots[1], LAW, None).tokens == 0
    assert find_head(slots, slots[1], LAW, "tone").tokens == len(LAW)


def test_the_slot_left_first_is_lost_first() -> None:
    slots = [kept(0, RULES, freed_at=5), kept(1, LAW, freed_at=2), kept(2, [3] * 99, freed_at=9)]
    assert choose_slot(slots, [8, 9], None) is slots[1]


def test_what_another_slot_holds_too_is_lost_before_that() -> None:
    slots = [kept(0, RULES, freed_at=1), kept(1, LAW[:90], freed_at=9), kept(2, LAW, freed_at=5)]
    assert choose_slot(slots, [8, 9], None) is slots[1]


def test_no_slot_is_free_when_all_are_taken() -> None:
    assert choose_slot([Slot(0, taken=True)], [1], None) is None
