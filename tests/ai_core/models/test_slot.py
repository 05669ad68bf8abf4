"""The state machine of one model: what leads where, and what nothing else may write."""

import ast
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from ai_core.errors import EngineStarting, ModelUnusable
from ai_core.models import slot as slot_module
from ai_core.models.changes import ChangeNotifier
from ai_core.models.eviction import Eviction
from ai_core.models.registry import ModelCard
from ai_core.models.slot import TRANSITIONS, IllegalTransition, ModelSlot, SlotState
from shared.clock import SystemClock
from tests.ai_core.models.fake_engines import FakeEngine, begin_load, in_state, loaded

MODELS = Path(slot_module.__file__).parent

CHANGES: dict[str, Callable[[ModelSlot], object]] = {
    "begin_load": begin_load,
    "finish_load": lambda slot: slot.finish_load(FakeEngine("one", 1), 1, 0.0),
    "fail_load": lambda slot: slot.fail_load(ModelUnusable("no"), 0.0),
    "crash": lambda slot: slot.crash(0.0),
    "unload": lambda slot: slot.unload(),
}
LEGAL = {
    (SlotState.UNLOADED, "begin_load"): SlotState.LOADING,
    (SlotState.FAILED, "begin_load"): SlotState.LOADING,
    (SlotState.RESTARTING, "begin_load"): SlotState.RESTARTING,
    (SlotState.LOADING, "finish_load"): SlotState.LOADED,
    (SlotState.RESTARTING, "finish_load"): SlotState.LOADED,
    (SlotState.LOADING, "fail_load"): SlotState.FAILED,
    (SlotState.RESTARTING, "fail_load"): SlotState.FAILED,
    (SlotState.LOADED, "crash"): SlotState.RESTARTING,
    **{(state, "unload"): SlotState.UNLOADED for state in SlotState},
}


@pytest.mark.parametrize(("before", "change"), [*product(SlotState, CHANGES)])
async def test_a_state_changes_only_along_the_legal_transitions(
    before: SlotState, change: str
) -> None:
    slot = in_state(before)
    after = LEGAL.get((before, change))
    if after:
        CHANGES[change](slot)
        assert slot.state is after
    else:
        with pytest.raises(IllegalTransition):
            CHANGES[change](slot)
        assert slot.state is before


def test_the_table_knows_every_state_and_no_way_out_of_it() -> None:
    assert set(TRANSITIONS) == set(SlotState)
    assert set().union(*TRANSITIONS.values()) == set(SlotState)


async def test_one_load_at_a_time() -> None:
    slot = in_state(SlotState.LOADING)
    with pytest.raises(IllegalTransition):
        begin_load(slot)


async def test_a_model_without_an_engine_takes_no_user() -> None:
    with pytest.raises(IllegalTransition):
        in_state(SlotState.UNLOADED).acquire()


async def test_a_lease_is_given_back_once() -> None:
    slot = loaded("one", users=1)
    slot.release(1.0)
    with pytest.raises(IllegalTransition):
        slot.release(2.0)


async def test_a_draining_model_takes_no_user_until_it_stops() -> None:
    slot = loaded("one")
    slot.drain()
    with pytest.raises(IllegalTransition):
        slot.acquire()
    slot.stop_draining()
    assert slot.acquire()


async def test_memory_reserved_outlives_a_crash_and_no_failed_load() -> None:
    slot = loaded("one", reserved_bytes=60)
    slot.crash(0.0)
    assert slot.reserved_bytes == 60
    begin_load(slot)
    slot.fail_load(ModelUnusable("no"), 0.0)
    assert slot.reserved_bytes is None


async def test_memory_given_back_twice_counts_once() -> None:
    first, second = loaded("first", reserved_bytes=60), loaded("second", reserved_bytes=30)
    slots: dict[tuple[object, ...], ModelSlot] = {(1,): first, (2,): second}
    eviction = Eviction(slots, 100, ChangeNotifier(), SystemClock())
    assert eviction.free_bytes == 10
    first.unload()
    first.unload()
    assert eviction.free_bytes == 70


async def test_memory_is_reserved_once() -> None:
    with pytest.raises(IllegalTransition):
        loaded("one").reserve(1)


async def test_a_model_that_grew_reserves_what_it_takes() -> None:
    slot = loaded("one", reserved_bytes=60)
    slot.measure(80)
    slot.measure(70)
    assert (slot.memory_bytes, slot.reserved_bytes) == (70, 80)


async def test_what_is_not_in_memory_is_not_measured() -> None:
    with pytest.raises(IllegalTransition):
        in_state(SlotState.UNLOADED).measure(1)


async def test_an_unavailable_model_says_why_until_a_retry_is_due() -> None:
    failed, restarting = in_state(SlotState.FAILED), in_state(SlotState.RESTARTING)
    with pytest.raises(ModelUnusable, match="no") as refusal:
        failed.raise_if_unavailable(1.0)
    assert refusal.value.retry_after_s == 4.0
    with pytest.raises(EngineStarting):
        restarting.raise_if_unavailable(0.1)
    failed.raise_if_unavailable(5.0)
    restarting.raise_if_unavailable(0.5)


def test_only_a_pinned_or_crashed_model_is_missed() -> None:
    slot = ModelSlot(ModelCard(id="one", format="gguf", weights="w"))
    slot.keep_if_pinned()
    assert not slot.keep_loaded
    slot.update_card(ModelCard(id="one", format="gguf", weights="w", pinned=True))
    slot.keep_if_pinned()
    assert slot.keep_loaded


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_but_a_slot_writes_a_slots_attributes(path: Path) -> None:
    """Outside slot.py the room assigns to attributes of `self` alone."""
    if path.name == "slot.py":
        return
    fields = set(ModelSlot.__dataclass_fields__)
    tree = ast.parse(path.read_text("utf-8"))
    written = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store | ast.Del)
        and node.attr in fields
        and ast.unparse(node.value) != "self"
    ]
    assert not written
