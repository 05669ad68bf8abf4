from ai_core.engines.gguf_rows import Grouping, RowBudget, RowPlan, plan_rows


def planned(
    unread: dict[int, int], *, budget: int = 256, together: bool = True, held: int = 10
) -> RowPlan:
    tokens = {index: [1] * count for index, count in unread.items()}
    return plan_rows(tokens, [held] * 16, context_tokens=100, budget=budget, together=together)


def test_those_who_write_have_their_row_before_a_long_prompt_has_the_rest() -> None:
    plan = planned({3: 1_000, 0: 1, 1: 1})
    assert plan.taken == {3: 254, 0: 1, 1: 1}
    assert [chunk.slot for chunk in plan.rows if chunk.wanted] == [0, 1]


def test_a_step_never_has_more_rows_than_its_budget() -> None:
    plan = planned(dict.fromkeys(range(16), 40), budget=128)
    assert sum(plan.taken.values()) <= 128
    assert min(plan.taken.values()) >= 1


def test_a_prompt_is_not_cut_into_small_pieces() -> None:
    plan = planned({0: 200, 1: 200})
    assert plan.taken == {0: 200}


def test_a_short_gap_between_slots_is_filled_and_a_long_one_is_not() -> None:
    assert planned({0: 1, 2: 1}).filled == [1]
    assert planned({0: 1, 9: 1}).filled == []
    assert planned({0: 1, 2: 1}, together=False).filled == []
    assert planned({0: 1, 2: 1}, held=100).filled == []


def test_the_slots_of_a_step_follow_one_another_unless_they_are_to_stay_apart() -> None:
    assert [chunk.slot for chunk in planned({4: 1, 2: 1, 3: 1}).rows] == [2, 3, 4]
    apart = planned({4: 1, 2: 1, 3: 1}, together=False)
    assert [chunk.slot for chunk in apart.rows] == [4, 3, 2]


def test_a_slow_machine_reads_fewer_rows_a_step() -> None:
    budget = RowBudget()
    budget.took(256, 2.0)
    assert budget.rows == 48
    for _ in range(20):
        budget.took(48, 0.05)
    assert budget.rows == 256


def test_the_quicker_way_to_compute_few_rows_is_found() -> None:
    grouping = Grouping()
    for _ in range(20):
        together = grouping.together(4, 1)
        grouping.took(4, 1, together, 0.046 if together else 0.030)
    assert not grouping.together(4, 1)
    assert grouping.together(16, 1)
    assert grouping.together(1, 1)
