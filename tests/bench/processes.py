"""How many different questions one host answers, by the number of workers that share its port.

The default engine, uncached: every question is another one. Two loads each: 32 clients that never
pause (the most it answers, and what an answer costs), then questions that are due at a rate,
whatever comes back (latency from that moment, refusals). The clients run on the same cores, so
their processor time is told too. `two_by_one` is the median over the rounds of what two workers
answer by what one does in the same round.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench._service import Service, service
from tests.load.bench import ROOMY, Report, Server, command_line, load, show

WORKERS = (1, 2, 4)
CLIENTS = 32
CONNECTIONS = 512
SECONDS = 10.0
RATE = 250.0
WARM_UP = 200
BODY: dict[str, object] = {"prompt": "{question} ({number})"}
EVERYDAY = Path("ai_core/law/data/everyday_questions.tsv")
Figures = dict[str, object]


@contextmanager
def questions(given: Path | None) -> Iterator[Path]:
    """Give a file with a question a line: ours, unless another one was named."""
    if given:
        yield given
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        lines = EVERYDAY.read_text(encoding="utf-8").splitlines()
        file.write("\n".join(line.split("\t")[0] for line in lines if line and line[0] != "#"))
        file.flush()
        yield Path(file.name)


def measured(running: Service, asked: Path, rate: float, seconds: float) -> Figures:
    """Put both loads on a service."""
    server, key = Server(running.port, running.pid), running.keys["one"]
    load(server, key, BODY, questions=asked, requests=WARM_UP, clients=CLIENTS)
    before_s = server.cpu_s()
    most = load(server, key, BODY, questions=asked, seconds=seconds, clients=CLIENTS)
    used_s = server.cpu_s() - before_s
    due = load(server, key, BODY, questions=asked, seconds=seconds, clients=CONNECTIONS, rate=rate)
    return {
        "answers_per_s": round(answered(most) / seconds, 1),
        "p95_ms": most["p95_ms"],
        "cpu_ms_per_answer": round(1_000 * used_s / max(1, answered(most)), 2),
        "cores_used": round(used_s / seconds, 2),
        "cores_of_clients": round(most["cpu_s"] / seconds, 2),
        f"at_{rate:g}_per_s": due["outcomes"],
        f"p50_ms_at_{rate:g}_per_s": due["p50_ms"],
        f"p95_ms_at_{rate:g}_per_s": due["p95_ms"],
        "pss_mib": round(running.rss_mib(), 1),
    }


def answered(report: Report) -> int:
    """Return how many questions were answered."""
    return report["outcomes"].get("200", 0)


def main() -> int:
    """Measure and print; the exit status tells whether anything but 200, 429, 503 came back."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--corpus", type=Path, help="a `corpus` folder; without it a sample of one")
    parser.add_argument("--questions", type=Path, help="a question a line; without it our own")
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS))
    parser.add_argument("--rate", type=float, default=RATE, help="questions/s of the second load")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    rounds: list[dict[int, Figures]] = []
    with questions(options.questions) as asked:
        for _ in range(options.rounds):
            rounds.append({})
            for workers in options.workers:
                with service(
                    [], limits=ROOMY, corpus=options.corpus, SERVER__WORKERS=str(workers)
                ) as running:
                    found = measured(running, asked, options.rate, options.seconds)
                rounds[-1][workers] = found
    figures: Figures = {f"{n}_workers": [one[n] for one in rounds] for n in options.workers}
    if {1, 2} <= set(options.workers):
        figures["two_by_one"] = statistics.median(
            float(str(one[2]["answers_per_s"])) / float(str(one[1]["answers_per_s"]))
            for one in rounds
        )
    show("processes", figures, as_json=options.json)
    outcomes = {
        outcome
        for one in rounds
        for found in one.values()
        for name, told in found.items()
        if name.startswith("at_") and isinstance(told, dict)
        for outcome in told
    }
    return 0 if outcomes <= {"200", "429", "503"} else 1


if __name__ == "__main__":
    sys.exit(main())
