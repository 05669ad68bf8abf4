"""The load scenarios: `./neo bench load [100] [1000] [ramp] [soak]` (docs/load.md).

Locust's users, in a process of their own, ask ai_core with its Redis and Postgres on the same
machine; each measurement tells how much of the processors the users took. `--asking different`:
every question is another one; `mixed`: conversations on the page with sources read and verdicts
given, messengers, questions that many people ask. The pictures go to `--pictures`.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from tests.bench._service import Model
from tests.load.bench import command_line, show
from tests.load.charts import draw_latency, draw_load, draw_memory
from tests.load.plan import Asking, Plan, Step
from tests.load.sampling import Backstage, Memory
from tests.load.scenarios import (
    HELD_S,
    HUNDRED,
    KILL_EVERY_S,
    PAUSE_S,
    RAMP,
    RAMP_STEP_S,
    RECOVERY_S,
    SOAK_USERS,
    THOUSAND,
    Scenario,
    availability,
    by_step,
    error_rate,
    percentile,
    ramp_figures,
    ramp_steps,
    soak_kills,
    summary,
)
from tests.load.stack import Stack, stack
from tests.load.tally import Second
from tests.models.bleuet import bleuet

NAMES = ("100", "1000", "ramp", "soak")
MODEL = "bleuet"
FILES_OF_A_USER, OTHER_FILES = 1, 500
QUESTIONS_OF_A_RUN = 2_000_000
SOAK_MINUTES = 10.0
WARM_UP_SHARE = 0.3
FEWEST_AVAILABLE = 0.999
MOST_ERRORS = 0.01
MOST_GROWTH = 0.05
ALIVE_GROWTH_MIB = 8.0


class Load:
    """The runs of one call: their files, their figures."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._runs = 0
        self.kept = True
        """Whether every goal was kept so far."""

    def scenario(self, running: Stack, scenario: Scenario, asking: Asking) -> None:
        """Put the load of one of the first two scenarios on, and show its figures."""
        steps = scenario.steps(self._options.users, self._options.seconds)
        seconds, behind = self._run(running, steps, asking)
        (held,) = by_step(seconds, steps)
        told = summary(held)
        p95_ms = percentile((ms for each in held for ms in each.answered_ms), 0.95)
        kept = p95_ms is not None and p95_ms < scenario.p95_ms and error_rate(seconds) == 0
        title = f"{scenario.name} users, {asking} questions"
        self._show(title, told | {"goal": f"p95 < {scenario.p95_ms:.0f} ms"}, kept, seconds, behind)
        self._draw(f"{scenario.name}-{asking}", seconds, behind)

    def ramp(self, running: Stack, asking: Asking) -> None:
        """Find the breaking point, and show what becomes of it."""
        options = self._options
        steps = ramp_steps(options.users, options.step, options.recovery, options.pause)
        seconds, behind = self._run(running, steps, asking)
        figures = ramp_figures(seconds, steps)
        kept = figures["recovered_after_s"] is not None and error_rate(seconds) < MOST_ERRORS
        self._show(
            f"ramp to {steps[-2].users:,} users, {asking} questions", figures, kept, seconds, behind
        )
        self._draw(f"ramp-{asking}", seconds, behind)

    def soak(self, running: Stack, minutes: float) -> None:
        """Keep asking while parts are killed."""
        users, pause_s = min(SOAK_USERS, self._options.users), self._options.pause
        steps = (Step(users, users / pause_s, minutes * 60, pause_s),)
        kills = soak_kills(minutes * 60, self._options.kill_every)
        seconds, behind = self._run(running, steps, "mixed", kills, model=MODEL)
        growth = memory_growth(behind.memory)
        figures = summary(seconds) | {
            "error_rate_percent": round(100 * error_rate(seconds), 3),
            "availability_percent": round(100 * availability(seconds), 3),
            "kills": [kill.part for kill in behind.kills],
            "longest_without_an_answer_s": longest_silence_s(seconds),
            "memory_mib": growth,
        }
        kept = (
            error_rate(seconds) < MOST_ERRORS
            and availability(seconds) >= FEWEST_AVAILABLE
            and all(map(is_flat, growth.values()))
        )
        self._show(f"soak of {minutes:g} min with kills", figures, kept, seconds, behind)
        self._draw("soak", seconds, behind)
        draw_memory(behind.memory, self._picture("soak-memory"), behind.kills)

    def _run(
        self,
        running: Stack,
        steps: Sequence[Step],
        asking: Asking,
        kills: Sequence[tuple[float, str]] = (),
        model: str | None = None,
    ) -> tuple[list[Second], Backstage]:
        """Run the clients to their end; return each second, and what the parts did meanwhile."""
        plan = Plan(
            running.url,
            running.keys,
            tuple(steps),
            asking,
            pause_s=self._options.pause,
            model=model,
            first_question=self._runs * QUESTIONS_OF_A_RUN,
        )
        self._runs += 1
        need_files(max(step.users for step in steps))
        behind = Backstage(running, kills)
        with behind.watching():
            seconds = list(self._seconds_of(plan, running.folder))
        return seconds, behind

    def _seconds_of(self, plan: Plan, folder: Path) -> Iterator[Second]:
        """Start the clients; yield what each second brought."""
        file = folder / "plan.json"
        plan.write(file)
        command = [sys.executable, "-m", "tests.load.clients", str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            for line in clients.stdout:
                yield Second.read(line)
        if clients.returncode:
            raise SystemExit(f"the clients ended with status {clients.returncode}")

    def _show(
        self,
        title: str,
        figures: dict[str, object],
        kept: bool,
        seconds: Sequence[Second],
        behind: Backstage,
    ) -> None:
        self.kept = self.kept and kept
        lasted_s = len(seconds)
        processors = {part: round(used / lasted_s, 2) for part, used in behind.cpu_s.items()}
        processors["clients"] = round(sum(each.cpu_s for each in seconds) / lasted_s, 2)
        show(
            f"load: {title}",
            figures | {"processors_used": processors, "kept": kept},
            as_json=self._options.json,
        )
        sys.stdout.flush()

    def _draw(self, name: str, seconds: Sequence[Second], behind: Backstage) -> None:
        draw_load(seconds, self._picture(f"{name}-requests"), behind.kills)
        draw_latency(seconds, self._picture(f"{name}-latency"), behind.kills)

    def _picture(self, name: str) -> Path:
        folder: Path = self._options.pictures
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.svg"


def memory_growth(memory: Sequence[Memory]) -> dict[str, list[float]]:
    """Return what each part held after the warm-up and at the end: medians of a tenth each."""
    tenth = max(1, len(memory) // 10)
    first = int(len(memory) * WARM_UP_SHARE)
    early, late = memory[first : first + tenth], memory[-tenth:]
    names = sorted({name for sample in memory for name in sample.mib})
    return {name: [_median(early, name), _median(late, name)] for name in names}


def is_flat(growth: Sequence[float]) -> bool:
    """Whether memory stayed as it was, within a twentieth or a few MiB."""
    before, after = growth
    return after <= before * (1 + MOST_GROWTH) + ALIVE_GROWTH_MIB


def _median(memory: Sequence[Memory], name: str) -> float:
    return percentile((sample.mib[name] for sample in memory if name in sample.mib), 0.5) or 0.0


def longest_silence_s(seconds: Sequence[Second]) -> int:
    """Return the longest run of seconds in which nothing was answered."""
    longest = now = 0
    for second in seconds:
        now = 0 if second.answered_ms else now + 1
        longest = max(longest, now)
    return longest


def need_files(users: int) -> None:
    """Allow this process and those it starts as many open files as they need."""
    wanted = users * FILES_OF_A_USER + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(
            f"{users:,} users need {wanted:,} open files and {hard:,} are allowed: "
            f"ulimit -Hn {wanted} as root, or --users with fewer"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> int:
    """Run the scenarios named; the exit status tells whether each kept its goal."""
    options = arguments()
    askings: Sequence[Asking] = get_args(Asking) if options.asking == "both" else [options.asking]
    load = Load(options)
    corpus: Path | None = options.data_dir / "corpus" if options.data_dir else None
    need_files(options.users if "ramp" in options.scenarios else 0)
    settings = {"SERVER__WORKERS": str(options.workers)} if options.workers else {}
    if set(options.scenarios) - {"soak"}:
        with stack(corpus, settings=settings) as running:
            for scenario in (HUNDRED, THOUSAND):
                for asking in askings if scenario.name in options.scenarios else ():
                    load.scenario(running, scenario, asking)
            for asking in askings if "ramp" in options.scenarios else ():
                load.ramp(running, asking)
    if "soak" in options.scenarios:
        models = [Model(MODEL, "gguf", bleuet().gguf)]
        minutes = options.hours * 60 if options.hours else options.minutes
        with stack(corpus, replicas=options.replicas, models=models, settings=settings) as running:
            load.soak(running, minutes)
    return 0 if load.kept else 1


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = command_line(__doc__ or "")
    add = parser.add_argument
    add("scenarios", nargs="*", default=NAMES, metavar="SCENARIO", help=f"of {', '.join(NAMES)}")
    add("--data-dir", type=Path, help="its corpus is asked; without it a sample of the law")
    add("--asking", choices=[*get_args(Asking), "both"], default="both")
    add("--seconds", type=float, default=HELD_S, help="how long 100 and 1000 are held")
    add("--users", type=int, default=RAMP[-1], help="the most that any scenario has")
    add("--pause", type=float, default=PAUSE_S, help="seconds between two requests of a user")
    add("--step", type=float, default=RAMP_STEP_S, help="seconds of each step of the ramp")
    add("--recovery", type=float, default=RECOVERY_S, help="seconds of the step back")
    add("--minutes", type=float, default=SOAK_MINUTES, help="of the soak")
    add("--hours", type=float, help="of the soak")
    add("--kill-every", type=float, default=KILL_EVERY_S, help="seconds between two kills")
    add("--replicas", type=int, default=2, help="of ai_core in the soak, behind nginx")
    add("--workers", type=int, help="processes of each ai_core")
    add("--pictures", type=Path, default=Path(".neo/load"), metavar="FOLDER", help="of the charts")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(NAMES)
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}: there are {', '.join(NAMES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
