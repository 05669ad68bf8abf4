from collections.abc import Sequence

import pytest

from ai_core.engines.gguf.batch import (
    BatchLayout,
    BatchPlan,
    LayoutTuner,
    RowBudget,
    max_batch_rows,
    plan_batch,
)

ATTENTION_135M = 0.000325


def plan(
    pending: dict[int, int],
    *,
    budget: int = 256,
    layout: BatchLayout = BatchLayout.CONTIGUOUS,
    free: Sequence[int] = (100,) * 16,
    length: int = 10,
) -> BatchPlan:
    tokens = {slot: [1] * count for slot, count in pending.items()}
    return plan_batch(
        tokens, [length] * 16, free=free, budget=budget, layout=layout, attention=ATTENTION_135M
    )


def test_decoding_jobs_get_their_row_before_a_long_prompt_gets_the_rest() -> None:
    planned = plan({3: 1_000, 0: 1, 1: 1})
    assert planned.allotted == {3: 256, 0: 1, 1: 1}
    assert [segment.slot for segment in planned.segments if segment.wants_logits] == [0, 1]


def test_a_step_has_no_more_rows_than_its_budget_but_for_the_rest_of_a_prompt() -> None:
    assert plan(dict.fromkeys(range(16), 40), budget=128).allotted == {0: 40, 1: 40, 2: 40}
    assert plan({0: 150, 1: 40}, budget=128).allotted == {0: 150}
    assert plan({0: 161, 1: 40}, budget=128).allotted == {0: 128}


def test_a_prompt_is_not_cut_into_small_pieces() -> None:
    planned = plan({0: 200, 1: 200})
    assert planned.allotted == {0: 200}


def test_short_prompts_are_read_as_one_block() -> None:
    planned = plan({0: 30, 1: 24, 2: 10})
    assert [len(segment) for segment in planned.segments] == [30, 30, 10]
    assert planned.keep == {1: 34}
    assert [segment.wants_logits for segment in planned.segments] == [True, True, True]


def test_short_prompts_after_a_long_beginning_have_rows_added_for_the_attention() -> None:
    assert [len(segment) for segment in plan({0: 60, 1: 40}, length=1_200).segments] == [64, 64]
    assert [len(segment) for segment in plan({0: 60, 1: 1}, length=1_200).segments] == [65, 1]
    assert [len(segment) for segment in plan({0: 30}, length=1_200).segments] == [30]
    assert [len(segment) for segment in plan({0: 60}, length=1_200, free=(63,) * 16).segments] == [
        60
    ]


def test_rows_are_added_to_prompts_alone_and_no_more_than_a_step_can_have() -> None:
    assert plan({0: 2, 1: 1}).keep == {}
    many = plan({0: 1, **dict.fromkeys(range(1, 14), 40)}, budget=513, length=1_200)
    assert [len(segment) for segment in many.segments].count(65) == 6
    assert sum(len(segment) for segment in many.segments) <= max_batch_rows(slots=16)


def test_a_short_gap_between_slots_is_filled_and_a_long_one_is_not() -> None:
    assert plan({0: 1, 2: 1}).keep == {1: 10}
    assert plan({0: 1, 9: 1}).keep == {}
    assert plan({0: 1, 2: 1}, layout=BatchLayout.SEPARATE).keep == {}
    assert plan({0: 1, 2: 1}, free=(0,) * 16).keep == {}


def test_many_rows_are_padded_to_whole_tiles() -> None:
    planned = plan(dict.fromkeys([*range(3), *range(5, 15)], 1), layout=BatchLayout.PADDED)
    assert sorted(planned.keep) == [3, 4, 15]
    assert [segment.slot for segment in planned.segments] == list(range(16))
    assert plan({0: 1, 2: 1}, layout=BatchLayout.PADDED, free=(0, 1, *[0] * 14)).keep == {1: 10}


def test_the_slots_of_a_step_are_contiguous_unless_they_are_separate() -> None:
    assert [segment.slot for segment in plan({4: 1, 2: 1, 3: 1}).segments] == [2, 3, 4]
    apart = plan({4: 1, 2: 1, 3: 1}, layout=BatchLayout.SEPARATE)
    assert [segment.slot for segment in apart.segments] == [4, 3, 2]


def test_a_slow_machine_prefills_fewer_rows_per_step() -> None:
    budget = RowBudget()
    assert budget.prompt_rows(decoding=0) == 64
    budget.record(400, 1.0)
    assert budget.prompt_rows(decoding=1) == 97
    assert budget.prompt_rows(decoding=16) == 81
    assert budget.prompt_rows(decoding=0) == 192
    for _ in range(40):
        budget.record(64, 0.049)
    assert budget.prompt_rows(decoding=1) == 321
    assert budget.prompt_rows(decoding=0) == 512
    for _ in range(40):
        budget.record(64, 10.0)
    assert budget.prompt_rows(decoding=16) == 65


@pytest.mark.parametrize(
    ("jobs", "cpu_s", "fastest"),
    [
        (4, {BatchLayout.SEPARATE: 0.030, BatchLayout.CONTIGUOUS: 0.046}, BatchLayout.SEPARATE),
        (
            8,
            {BatchLayout.SEPARATE: 0.060, BatchLayout.CONTIGUOUS: 0.048, BatchLayout.PADDED: 0.056},
            BatchLayout.CONTIGUOUS,
        ),
        (15, {BatchLayout.CONTIGUOUS: 0.086, BatchLayout.PADDED: 0.062}, BatchLayout.PADDED),
    ],
)
def test_the_fastest_layout_is_found(
    jobs: int, cpu_s: dict[BatchLayout, float], fastest: BatchLayout
) -> None:
    tuner = LayoutTuner(slots=16)
    for _ in range(20):
        layout = tuner.choose(jobs, 1)
        tuner.record(jobs, 1, layout, cpu_s[layout])
    assert tuner.choose(jobs, 1) is fastest


def test_one_job_or_a_whole_tile_of_them_are_computed_together() -> None:
    tuner = LayoutTuner(slots=16)
    assert {tuner.choose(jobs, 1) for jobs in (1, 16) for _ in range(9)} == {BatchLayout.CONTIGUOUS}


def test_few_slots_are_never_padded_to_a_tile() -> None:
    tuner = LayoutTuner(slots=8)
    for _ in range(20):
        layout = tuner.choose(7, 1)
        tuner.record(7, 1, layout, 0.03)
        assert layout is not BatchLayout.PADDED
