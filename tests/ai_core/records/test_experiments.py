"""Two sides compared: figures worked out elsewhere, and verdicts in a real Postgres."""

import random
from datetime import timedelta

import pytest
from scipy.stats import chi2

from ai_core.records.database import Records
from ai_core.records.experiments import (
    WARNING,
    Side,
    compare,
    comparisons,
    interval,
    lines,
    needed,
    p_value,
)
from ai_core.records.feedback import Feedback, Verdict
from shared.clock import StoppedClock
from tests.ai_core.records.conftest import NOON

DAYS = timedelta(days=1)


def side(up: int, of: int) -> Side:
    return Side(answers=of, up=up, down=of - up)


def test_the_interval_is_that_of_newcombe_s_table() -> None:
    """Statistics in Medicine 17 (1998), table II, method 10, contrasts a, b and h."""
    assert interval(side(56, 70), side(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert interval(side(9, 10), side(3, 10)) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert interval(side(10, 10), side(0, 10)) == pytest.approx((0.6075, 1.0), abs=5e-5)


def test_p_is_that_of_a_chi_squared_test_without_correction() -> None:
    """By hand: 150 · (56 · 32 − 14 · 48)² / (70 · 80 · 104 · 46) = 7.0234."""
    assert p_value(side(56, 70), side(48, 80)) == pytest.approx(chi2.sf(7.0234, 1), abs=2e-6)
    assert p_value(side(5, 5), side(7, 7)) is None
    assert p_value(side(0, 0), side(7, 9)) is None


def test_a_side_needs_what_the_tables_of_fleiss_say() -> None:
    assert needed(Side(), Side()) == pytest.approx(388, abs=4)
    assert needed(side(80, 100), side(80, 100)) < needed(Side(), Side())
    assert needed(side(100, 100), side(100, 100)) >= 100


@pytest.mark.parametrize(
    ("on", "off", "conclusion"),
    [
        (side(40, 50), side(20, 50), "too early: 50 of 376 verdicts"),
        (side(400, 500), side(300, 500), "on is better"),
        (side(300, 500), side(400, 500), "on is worse"),
        (side(351, 500), side(350, 500), "no difference shown"),
        (side(500, 500), side(0, 0), "too early: 0 of 100 verdicts"),
    ],
)
def test_nothing_is_concluded_before_both_sides_have_their_verdicts(
    on: Side, off: Side, conclusion: str
) -> None:
    assert compare("a", on, off).conclusion.startswith(conclusion)


def test_two_sides_that_are_alike_are_told_apart_in_about_five_of_a_hundred_experiments() -> None:
    chance = random.Random(20)  # noqa: S311 - a simulation
    wrong = 0
    for _ in range(400):
        on, off = (side(sum(chance.random() < 0.7 for _ in range(400)), 400) for _ in range(2))
        wrong += compare("a", on, off).conclusion != "no difference shown"
    assert 8 <= wrong <= 34


async def test_verdicts_are_counted_on_the_side_their_answer_was_on(
    records: Records, clock: StoppedClock
) -> None:
    feedback = Feedback(records, clock)
    answers = (
        ("shorter=on", "other=off"),
        ("shorter=on",),
        ("shorter=off",),
        (),
    )
    async with records.transaction() as db:
        for number, variants in enumerate(answers):
            await db.execute(
                "INSERT INTO events VALUES ($1, $2, 'page', 'fr', null, null, null, 'answered', "
                "null, 'm', false, 1, $3)",
                *(NOON - DAYS, f"answer-{number:09}", list(variants)),
            )
    for number, verdict in enumerate(("up", "down", "up", "up")):
        await feedback.give(Verdict(f"answer-{number:09}", "caller", "page", verdict))  # type: ignore[arg-type]

    found = {one.flag: one for one in await comparisons(records, NOON - 2 * DAYS, NOON)}

    assert found.keys() == {"shorter", "other"}
    assert (found["shorter"].on, found["shorter"].off) == (Side(2, 1, 1), Side(1, 1, 0))
    assert (found["other"].on, found["other"].off) == (Side(), Side(1, 1, 0))
    said = lines(list(found.values()))
    assert said[-1] == WARNING
    assert any("2 answers" in line and "50.0%" in line for line in said)
