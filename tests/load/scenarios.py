"""The load scenarios, and what their seconds say: whether each kept what it promises."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tests.load.plan import Step
from tests.load.tally import Second

HELD_S = 60.0
RAMP = (500, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 10_000)
RAMP_STEP_S = 20.0
RECOVERY_S = 40.0
PAUSE_S = 10.0
"""Between two requests of a user. The users of a step come spread over it, so that their requests
are spread evenly."""
BROKEN_SHARE = 0.01
BROKEN_P95_MS = 1_000.0
SOAK_USERS = 100
KILLED = ("ai_core", "redis", "postgres", "model")
KILL_EVERY_S = 120.0


@dataclass(frozen=True)
class Scenario:
    """So many users, and the goal for the 95th percentile."""

    name: str
    users: int
    users_per_s: float
    p95_ms: float

    def steps(self, most_users: int, held_s: float = HELD_S) -> tuple[Step, ...]:
        """Return its one step: the users come, then stay."""
        users = min(self.users, most_users)
        coming_s = users / self.users_per_s
        return (Step(users, self.users_per_s, coming_s + held_s, coming_s),)


HUNDRED = Scenario("100", 100, 10, 500.0)
THOUSAND = Scenario("1000", 1_000, 100, 1_000.0)


def ramp_steps(
    most_users: int = RAMP[-1],
    step_s: float = RAMP_STEP_S,
    recovery_s: float = RECOVERY_S,
    pause_s: float = PAUSE_S,
) -> tuple[Step, ...]:
    """Return the steps up, and the one back to where it began."""
    users = [count for count in RAMP if count <= most_users] or [most_users // 2, most_users]
    up = [
        Step(count, max(1.0, (count - earlier) / pause_s), pause_s + step_s, pause_s)
        for earlier, count in pairwise((0, *users))
    ]
    return (*up, Step(users[0], users[-1] / 2, recovery_s, 0.0))


def soak_kills(
    seconds: float, every_s: float = KILL_EVERY_S, kinds: Sequence[str] = KILLED
) -> list[tuple[float, str]]:
    """Return what is killed when: each kind in turn, none in the last interval."""
    times = range(1, max(1, int(seconds // every_s)))
    return [(number * every_s, kinds[(number - 1) % len(kinds)]) for number in times]


def percentile(values: Iterable[float], part: float) -> float | None:
    """Return the nearest-rank percentile, None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else None


def summary(seconds: Sequence[Second]) -> dict[str, object]:
    """Return counts, latencies and outcomes of some seconds."""
    answered = [ms for second in seconds for ms in second.answered_ms]
    refused = [ms for second in seconds for ms in second.refused_ms]
    failed = sum((second.failed for second in seconds), Counter[str]())
    refusals = sum((second.refusals for second in seconds), Counter[str]())
    waits = [wait for second in seconds for wait in second.retry_after_s]
    return {
        "requests": len(answered) + len(refused) + failed.total(),
        "requests_per_s": round(sum(each.requests for each in seconds) / max(1, len(seconds)), 1),
        "answered": len(answered),
        "p50_ms": percentile(answered, 0.50),
        "p95_ms": percentile(answered, 0.95),
        "p99_ms": percentile(answered, 0.99),
        "refused": dict(refusals),
        "refusal_p95_ms": percentile(refused, 0.95),
        "retry_after_s": [min(waits), max(waits)] if waits else None,
        "failed": dict(failed),
    }


def error_rate(seconds: Sequence[Second]) -> float:
    """Return the share of requests that got neither an answer nor an honest refusal."""
    failed = sum(second.failed.total() for second in seconds)
    return failed / max(1, sum(second.requests for second in seconds))


def availability(seconds: Sequence[Second]) -> float:
    """Return the share of requests that ended without a 5xx or a broken connection.

    As docs/runbooks.md, Objectives: an honest 503 counts against it.
    """
    lost = sum(second.unavailable for second in seconds)
    return 1 - lost / max(1, sum(second.requests for second in seconds))


def by_step(seconds: Sequence[Second], steps: Sequence[Step]) -> list[list[Second]]:
    """Return the seconds of each step after its users have come."""
    ends_s = list(accumulate(step.seconds for step in steps))
    began_s = seconds[0].at_s
    return [
        [each for each in seconds if begin_s + step.coming_s <= each.at_s - began_s < end_s]
        for step, (begin_s, end_s) in zip(steps, pairwise([0.0, *ends_s]), strict=True)
    ]


def holds(seconds: Sequence[Second]) -> bool:
    """Whether these seconds are as they should be: fast, and hardly anybody refused."""
    p95_ms = percentile((ms for second in seconds for ms in second.answered_ms), 0.95)
    lost = sum(second.requests - len(second.answered_ms) for second in seconds)
    share = lost / max(1, sum(second.requests for second in seconds))
    return p95_ms is not None and p95_ms < BROKEN_P95_MS and share <= BROKEN_SHARE


def goodput_per_s(seconds: Sequence[Second]) -> float:
    """Return how many requests are answered a second."""
    return sum(len(second.answered_ms) for second in seconds) / max(1, len(seconds))


def ramp_figures(seconds: Sequence[Second], steps: Sequence[Step]) -> dict[str, object]:
    """Return where it broke, what became of it beyond, and how fast it recovered."""
    *up, back = by_step(seconds, steps)
    held = [step.users for step, told in zip(steps, up, strict=False) if holds(told)]
    beyond = [step.users for step, told in zip(steps, up, strict=False) if not holds(told)]
    best = max(map(goodput_per_s, up))
    return {
        "steps": {
            str(step.users): {
                "answered_per_s": round(goodput_per_s(told), 1),
                **{
                    name: figure
                    for name, figure in summary(told).items()
                    if name in {"requests_per_s", "p50_ms", "p95_ms", "refused", "failed"}
                },
            }
            for step, told in zip(steps, up, strict=False)
        },
        "held_users": max(held, default=0),
        "broke_at_users": min(beyond, default=None),
        "best_answered_per_s": round(best, 1),
        "answered_at_the_top_share_of_best": round(goodput_per_s(up[-1]) / best, 3) if best else 0,
        "beyond": summary([second for told in up for second in told if not holds(told)]),
        "recovered_after_s": recovered_after_s(seconds, steps),
        "after_recovery": summary(back),
    }


def recovered_after_s(seconds: Sequence[Second], steps: Sequence[Step]) -> float | None:
    """Return the seconds from the last step's begin until every later second holds; None: never."""
    back_s = seconds[0].at_s + sum(step.seconds for step in steps[:-1])
    last = [each for each in seconds if each.at_s >= back_s and each.requests]
    unsteady = [each.at_s for each in last if not holds([each])]
    if not last or (unsteady and unsteady[-1] == last[-1].at_s):
        return None
    return round(unsteady[-1] + 1 - back_s, 1) if unsteady else 0.0
