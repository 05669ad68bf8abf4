from collections.abc import Sequence

import pytest

from ai_core.engines.gguf.batch import Grouping, RowBudget, RowPlan, Way, most_rows, plan_rows

ATTENTION_135M = 0.000325


def planned(
    unread: dict[int, int],
    *,
    budget: int = 256,
    way: Way = Way.TOGETHER,
    room: Sequence[int] = (100,) * 16,
    held: int = 10,
) -> RowPlan:
    tokens = {index: [1] * count for index, count in unread.items()}
    return plan_rows(
        tokens, [held] * 16, room=room, budget=budget, way=way, attention=ATTENTION_135M
    )


def test_those_who_write_have_their_row_before_a_long_prompt_has_the_rest() -> None:
    plan = planned({3: 1_000, 0: 1, 1: 1})
    assert plan.taken == {3: 256, 0: 1, 1: 1}
    assert [chunk.slot for chunk in plan.rows if chunk.wanted] == [0, 1]


def test_a_step_has_no_more_rows_than_its_budget_but_for_the_rest_of_a_prompt() -> None:
    assert planned(dict.fromkeys(range(16), 40), budget=128).taken == {0: 40, 1: 40, 2: 40}
    assert planned({0: 150, 1: 40}, budget=128).taken == {0: 150}
    assert planned({0: 161, 1: 40}, budget=128).taken == {0: 128}


def test_a_prompt_is_not_cut_into_small_pieces() -> None:
    plan = planned({0: 200, 1: 200})
    assert plan.taken == {0: 200}


def test_short_prompts_are_read_as_one_block() -> None:
    plan = planned({0: 30, 1: 24, 2: 10})
    assert [len(chunk) for chunk in plan.rows] == [30, 30, 10]
    assert plan.keep == {1: 34}
    assert [chunk.wanted for chunk in plan.rows] == [True, True, True]


def test_short_prompts_after_a_long_beginning_have_rows_added_for_the_attention() -> None:
    assert [len(chunk) for chunk in planned({0: 60, 1: 40}, held=1_200).rows] == [64, 64]
    assert [len(chunk) for chunk in planned({0: 60, 1: 1}, held=1_200).rows] == [65, 1]
    assert [len(chunk) for chunk in planned({0: 30}, held=1_200).rows] == [30]
    assert [len(chunk) for chunk in planned({0: 60}, held=1_200, room=(63,) * 16).rows] == [60]


def test_rows_are_added_to_prompts_alone_and_no_more_than_a_step_can_have() -> None:
    assert planned({0: 2, 1: 1}).keep == {}
    many = planned({0: 1, **dict.fromkeys(range(1, 14), 40)}, budget=513, held=1_200)
    assert [len(chunk) for chunk in many.rows].count(65) == 6
    assert sum(len(chunk) for chunk in many.rows) <= most_rows(slots=16)


def test_a_short_gap_between_slots_is_filled_and_a_long_one_is_not() -> None:
    assert planned({0: 1, 2: 1}).keep == {1: 10}
    assert planned({0: 1, 9: 1}).keep == {}
    assert planned({0: 1, 2: 1}, way=Way.APART).keep == {}
    assert planned({0: 1, 2: 1}, room=(0,) * 16).keep == {}


def test_many_rows_are_filled_up_to_what_the_quickest_kernels_take() -> None:
    plan = planned(dict.fromkeys([*range(3), *range(5, 15)], 1), way=Way.FILLED)
    assert sorted(plan.keep) == [3, 4, 15]
    assert [chunk.slot for chunk in plan.rows] == list(range(16))
    assert planned({0: 1, 2: 1}, way=Way.FILLED, room=(0, 1, *[0] * 14)).keep == {1: 10}


def test_the_slots_of_a_step_follow_one_another_unless_they_are_to_stay_apart() -> None:
    assert [chunk.slot for chunk in planned({4: 1, 2: 1, 3: 1}).rows] == [2, 3, 4]
    apart = planned({4: 1, 2: 1, 3: 1}, way=Way.APART)
    assert [chunk.slot for chunk in apart.rows] == [4, 3, 2]


def test_a_slow_machine_reads_fewer_rows_a_step() -> None:
    budget = RowBudget()
    assert budget.rows(runners=0) == 64
    budget.took(400, 1.0)
    assert budget.rows(runners=1) == 97
    assert budget.rows(runners=16) == 81
    assert budget.rows(runners=0) == 192
    for _ in range(40):
        budget.took(64, 0.049)
    assert budget.rows(runners=1) == 321
    assert budget.rows(runners=0) == 512
    for _ in range(40):
        budget.took(64, 10.0)
    assert budget.rows(runners=16) == 65


@pytest.mark.parametrize(
    ("jobs", "took_s", "best"),
    [
        (4, {Way.APART: 0.030, Way.TOGETHER: 0.046}, Way.APART),
        (8, {Way.APART: 0.060, Way.TOGETHER: 0.048, Way.FILLED: 0.056}, Way.TOGETHER),
        (15, {Way.TOGETHER: 0.086, Way.FILLED: 0.062}, Way.FILLED),
    ],
)
def test_the_quickest_way_to_compute_rows_is_found(
    jobs: int, took_s: dict[Way, float], best: Way
) -> None:
    grouping = Grouping(slots=16)
    for _ in range(20):
        way = grouping.way(jobs, 1)
        grouping.took(jobs, 1, way, took_s[way])
    assert grouping.way(jobs, 1) is best


def test_one_job_or_a_whole_tile_of_them_are_computed_together() -> None:
    grouping = Grouping(slots=16)
    assert {grouping.way(jobs, 1) for jobs in (1, 16) for _ in range(9)} == {Way.TOGETHER}


def test_few_slots_are_never_filled_up() -> None:
    grouping = Grouping(slots=8)
    for _ in range(20):
        way = grouping.way(7, 1)
        grouping.took(7, 1, way, 0.03)
        assert way is not Way.FILLED
