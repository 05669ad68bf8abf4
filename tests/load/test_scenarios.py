"""What the seconds of a load test say."""

from collections import Counter
from pathlib import Path

from tests.load.charts import draw_latency, draw_load, draw_memory
from tests.load.plan import Plan, Step
from tests.load.sampling import Kill, Memory
from tests.load.scenarios import (
    availability,
    error_rate,
    ramp_figures,
    ramp_steps,
    recovered_after_s,
    soak_kills,
)
from tests.load.tally import Second

STEPS = (Step(10, 10, 3, 1), Step(20, 10, 3, 1), Step(10, 10, 4, 0))


def second(
    at_s: float, answered: int, *, ms: float = 50.0, refused: int = 0, failed: int = 0
) -> Second:
    return Second(
        at_s,
        users=answered,
        answered_ms=[ms] * answered,
        refused_ms=[5.0] * refused,
        retry_after_s=[2] * refused,
        refusals=Counter({"503 queue_full": refused} if refused else {}),
        failed=Counter({"ConnectionError": failed} if failed else {}),
    )


def test_the_ramp_breaks_at_the_first_step_that_refuses_and_recovers_when_all_are_answered() -> (
    None
):
    seconds = [second(at_s, 10) for at_s in range(3)]
    seconds += [second(at_s, 8, refused=12) for at_s in range(3, 6)]
    seconds += [second(6, 8, refused=2), *(second(at_s, 10) for at_s in range(7, 10))]

    figures = ramp_figures(seconds, STEPS)

    assert figures["held_users"] == 10
    assert figures["broke_at_users"] == 20
    assert figures["best_answered_per_s"] == 10
    assert figures["answered_at_the_top_share_of_best"] == 0.8
    assert figures["recovered_after_s"] == 1.0


def test_slow_answers_break_the_ramp_too() -> None:
    seconds = [second(at_s, 10, ms=1_500.0 if 3 <= at_s < 6 else 50.0) for at_s in range(10)]

    assert ramp_figures(seconds, STEPS)["broke_at_users"] == 20


def test_a_ramp_that_never_holds_again_did_not_recover() -> None:
    seconds = [second(at_s, 10, refused=5) for at_s in range(10)]

    assert recovered_after_s(seconds, STEPS) is None


def test_an_honest_503_counts_against_availability_and_is_no_error() -> None:
    seconds = [second(0, 98, refused=1, failed=1)]

    assert error_rate(seconds) == 0.01
    assert round(availability(seconds), 4) == 0.98


def test_the_users_of_the_ramp_come_within_the_pause_between_two_requests() -> None:
    *up, back = ramp_steps(10_000)

    assert [step.users for step in up][-1] == 10_000
    assert all(step.users_per_s * step.coming_s <= 2_000 for step in up)
    assert back.users == up[0].users


def test_a_soak_kills_each_part_in_turn_and_leaves_time_after_the_last() -> None:
    kills = soak_kills(600, every_s=120)

    assert kills == [(120, "ai_core"), (240, "redis"), (360, "postgres"), (480, "model")]


def test_a_plan_and_a_second_survive_the_way_between_processes(tmp_path: Path) -> None:
    plan = Plan("http://127.0.0.1:1", {"page": "a", "messenger": "b"}, STEPS, "mixed")
    told = second(1.5, 2, refused=1, failed=1)
    plan.write(tmp_path / "plan.json")

    assert Plan.read(tmp_path / "plan.json") == plan
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0
    assert Second.read(told.line()) == told


def test_the_pictures_name_what_was_killed_and_what_came_back(tmp_path: Path) -> None:
    seconds = [second(at_s, 10, refused=at_s % 2) for at_s in range(400)]
    kills = [Kill(120.0, "redis")]
    memory = [Memory(float(at_s), {"ai_core": 200.0 + at_s}) for at_s in range(0, 400, 5)]

    draw_load(seconds, tmp_path / "load.svg", kills)
    draw_latency(seconds, tmp_path / "latency.svg", kills)
    draw_memory(memory, tmp_path / "memory.svg", kills)

    drawn = {file.stem: file.read_text() for file in tmp_path.glob("*.svg")}
    assert all("kill of redis" in svg for svg in drawn.values())
    assert "refused honestly" in drawn["load"]
    assert "ai_core" in drawn["memory"]
    assert all(len(svg) < 60_000 for svg in drawn.values())
