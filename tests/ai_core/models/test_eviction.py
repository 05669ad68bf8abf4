"""Which models go when another one needs memory: a function of the slots alone."""

from ai_core.models.eviction import choose_victims
from ai_core.models.slot import ModelSlot, SlotState
from tests.ai_core.models.fake_engines import MIB, in_state, loaded


def names(victims: list[ModelSlot] | None) -> list[str] | None:
    return None if victims is None else [slot.card.id for slot in victims]


async def test_nothing_goes_when_nothing_is_missing() -> None:
    assert choose_victims([loaded("one")], 0) == []
    assert choose_victims([loaded("one")], -1) == []


async def test_the_least_recently_used_goes_first() -> None:
    slots = [loaded("late", used_s=3), loaded("early", used_s=1), loaded("middle", used_s=2)]
    assert names(choose_victims(slots, 100 * MIB)) == ["early"]


async def test_a_pinned_model_never_goes() -> None:
    slots = [loaded("pinned", used_s=1, pinned=True), loaded("other", used_s=2)]
    assert names(choose_victims(slots, 1)) == ["other"]
    assert choose_victims(slots, 101 * MIB, with_busy=True) is None


async def test_a_model_in_use_goes_only_where_busy_ones_may_be_drained() -> None:
    slots = [loaded("busy", users=1)]
    assert choose_victims(slots, 1) is None
    assert names(choose_victims(slots, 1, with_busy=True)) == ["busy"]


async def test_an_idle_model_goes_before_a_busy_one_used_longer_ago() -> None:
    slots = [loaded("busy", used_s=1, users=1), loaded("idle", used_s=9)]
    assert names(choose_victims(slots, 1, with_busy=True)) == ["idle"]
    assert names(choose_victims(slots, 101 * MIB, with_busy=True)) == ["idle", "busy"]


async def test_a_model_with_waiting_callers_is_never_evicted() -> None:
    slot = loaded("awaited")
    with slot.awaited():
        assert choose_victims([slot], 1, with_busy=True) is None
    assert names(choose_victims([slot], 1)) == ["awaited"]


async def test_a_draining_model_goes_once_its_last_user_left() -> None:
    slot = loaded("draining", users=1)
    slot.drain()
    assert choose_victims([slot], 1) is None
    slot.release(1.0)
    assert names(choose_victims([slot], 1)) == ["draining"]


async def test_several_small_models_go_where_one_is_too_little() -> None:
    slots = [
        loaded("large", used_s=9, reserved_bytes=300),
        *(loaded(f"small{at}", used_s=at, reserved_bytes=100) for at in range(3)),
    ]
    assert names(choose_victims(slots, 200)) == ["small0", "small1"]
    assert names(choose_victims(slots, 301)) == ["small0", "small1", "small2", "large"]


async def test_no_model_is_evicted_in_vain() -> None:
    assert choose_victims([loaded("one"), loaded("two")], 201 * MIB) is None


async def test_only_what_is_in_memory_goes() -> None:
    absent = [in_state(state) for state in SlotState if state is not SlotState.LOADED]
    assert choose_victims(absent, 1, with_busy=True) is None
