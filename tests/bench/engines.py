"""Models written with by us and by other servers: same file, same threads, same machine, in turns.

Random-weight models of real shapes, prompts of 200 tokens, 64 new ones, over HTTP. A figure is the
median over the turns; a ratio is the median of the turns' ratios, ours by the peer's. A turn is
done once more when other processes used more than a quarter of a core meanwhile.

`--peer llama-server=PATH` (it builds from the tree inside the llama-cpp-python source package),
`--peer examples-server=PATH` (examples/server/server.py in there), `--peer llama_cpp.server`.
"""

import json
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from ai_core.engines.gguf_threads import busy_s, cores
from tests.bench._peers import OURS, Peer, Running, Setting, peers_of, running
from tests.bench._shapes import SHAPES, model_file
from tests.bench._writing import burst, interrupted, letters
from tests.load.bench import command_line

AT_ONCE = (1, 4, 8, 16, 32, 50)
SHARED_TOKENS, OWN_TOKENS, SHARED_NEW_TOKENS = 1_200, 50, 16
LONG_TOKENS, STREAMS = 1_200, 8
QUIET_CORES = 0.25
_TRIES = 3

Figures = dict[str, float]
Scene = Callable[[Running, object], Figures]


def measured(server: Running, scene: Scene, seed: object) -> Figures:
    """Measure one turn of one server, again when the machine was busy with something else."""
    figures: Figures = {}
    for attempt in range(_TRIES):
        all_s, server_s = busy_s(), server.server.cpu_s()
        began_s, ours_s = time.monotonic(), time.process_time()
        figures = scene(server, (seed, attempt))
        passed_s = time.monotonic() - began_s
        used_s = server.server.cpu_s() - server_s + time.process_time() - ours_s
        figures["outside_cores"] = max(0.0, (busy_s() - all_s - used_s) / passed_s)
        if figures["outside_cores"] <= QUIET_CORES:
            break
    return figures


def in_turns(servers: Sequence[Running], scene: Scene, turns: int, seed: object) -> dict[str, Any]:
    """Measure every server in every turn; returns medians, and ours by each peer's."""
    seen: dict[str, list[Figures]] = {server.name: [] for server in servers}
    for turn in range(turns):
        for server in servers:
            seen[server.name].append(measured(server, scene, (seed, turn)))
    result: dict[str, Any] = {
        name: {key: _rounded([one[key] for one in figures]) for key in figures[0]}
        for name, figures in seen.items()
    }
    result["ours_by"] = {
        name: {
            key: _rounded(
                [mine[key] / one[key] for mine, one in zip(seen[OURS], figures, strict=True)]
            )
            for key in figures[0]
            if key != "outside_cores"
        }
        for name, figures in seen.items()
        if name != OURS
    }
    return result


def _rounded(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)


@contextmanager
def all_running(peers: Sequence[Peer], setting: Setting) -> Iterator[list[Running]]:
    """Run all servers; those that wait use no processor time."""
    with ExitStack() as stack:
        servers = [stack.enter_context(running(peer, setting)) for peer in peers]
        for server in servers:
            burst(server.asked, 2, ("warm", server.name), new_tokens=8)
        yield servers


def speeds(peers: Sequence[Peer], given: Namespace) -> list[dict[str, Any]]:
    """New tokens a second and median latency, by model, precision and requests at once."""
    rows: list[dict[str, Any]] = []
    for model in given.models:
        for precision in given.precisions:
            setting = Setting(model_file(model, precision), given.threads, max(given.at_once), 512)
            with all_running(peers, setting) as servers:
                for at_once in given.at_once:

                    def scene(server: Running, seed: object, at_once: int = at_once) -> Figures:
                        return burst(server.asked, at_once, seed)

                    found = in_turns(servers, scene, given.turns, (model, precision, at_once))
                    rows.append(
                        {"model": model, "precision": precision, "at_once": at_once, **found}
                    )
                    tell(rows[-1], given)
    return rows


def shared_prefix(peers: Sequence[Peer], given: Namespace) -> dict[str, Any]:
    """Sixteen first contacts with one operator's text; then one cold and one warm first token."""

    def scene(server: Running, seed: object) -> Figures:
        law = letters(SHARED_TOKENS, ("law", seed))
        other = letters(SHARED_TOKENS, ("other", seed))
        options = {"prompt_tokens": OWN_TOKENS, "new_tokens": SHARED_NEW_TOKENS}
        first = burst(server.asked, 16, seed, owned=law, **options)
        again = burst(server.asked, 16, (seed, 2), owned=law, **options)
        cold = burst(server.asked, 1, seed, owned=other, **options)
        warm = burst(server.asked, 1, (seed, 2), owned=other, **options)
        return {
            "first_burst_s": first["total_s"],
            "second_burst_s": again["total_s"],
            "cold_first_token_s": cold["first_p50_s"],
            "warm_first_token_s": warm["first_p50_s"],
            "warm_by_cold": warm["first_p50_s"] / cold["first_p50_s"],
        }

    setting = Setting(model_file(given.models[0], "q8_0"), given.threads, 16, 2_048)
    with all_running(peers, setting) as servers:
        return in_turns(servers, scene, given.turns, "shared")


def long_prompt(peers: Sequence[Peer], given: Namespace) -> dict[str, Any]:
    """A long prompt arrives while eight answers are written."""

    def scene(server: Running, seed: object) -> Figures:
        return interrupted(server.asked, STREAMS, LONG_TOKENS, seed)

    setting = Setting(model_file(given.models[0], "q8_0"), given.threads, 16, 2_048)
    with all_running(peers, setting) as servers:
        return in_turns(servers, scene, given.turns, "long")


def core_taken(peers: Sequence[Peer], given: Namespace) -> dict[str, Any]:
    """Eight at once while another process is busy on one core."""

    def scene(server: Running, seed: object) -> Figures:
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
            try:
                time.sleep(0.5)
                return burst(server.asked, STREAMS, seed, prompt_tokens=50, new_tokens=24)
            finally:
                busy.kill()

    setting = Setting(model_file(given.models[0], "q8_0"), given.threads, 16, 2_048)
    with all_running(peers, setting) as servers:
        seen = {
            server.name: [scene(server, turn) for turn in range(given.turns)] for server in servers
        }
    mine = _rounded([one["tokens_per_s"] for one in seen[OURS]])
    speeds_of = {
        name: _rounded([one["tokens_per_s"] for one in all_]) for name, all_ in seen.items()
    }
    ratios = {name: round(mine / speed, 2) for name, speed in speeds_of.items() if name != OURS}
    return {"tokens_per_s": speeds_of, "ours_by": ratios}


SCENES = {
    "speeds": speeds,
    "shared_prefix": shared_prefix,
    "long_prompt": long_prompt,
    "core_taken": core_taken,
}


def tell(row: dict[str, Any], given: Namespace) -> None:
    """Print a row for people as soon as it is known."""
    if not given.json:
        print(json.dumps(row), flush=True)


def main() -> int:
    """Measure and print."""
    options = command_line(__doc__ or "")
    options.add_argument("--peer", action="append", default=[], metavar="NAME=PATH")
    options.add_argument("--scenes", nargs="+", choices=sorted(SCENES), default=list(SCENES))
    options.add_argument("--models", nargs="+", choices=sorted(SHAPES), default=list(SHAPES))
    options.add_argument("--precisions", nargs="+", default=["q8_0", "q4_0"])
    options.add_argument("--at-once", nargs="+", type=int, default=list(AT_ONCE))
    options.add_argument("--threads", type=int, default=cores())
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--quick", action="store_true", help="the small model, one turn")
    given = options.parse_args()
    if given.quick:
        given.models, given.precisions, given.turns = ["135M"], ["q8_0"], 1
        given.at_once = given.at_once[:3]
    figures: dict[str, Any] = {"bench": "engines", "threads": given.threads}
    for name in given.scenes:
        figures[name] = SCENES[name](peers_of(given.peer), given)
        if not given.json and name != "speeds":
            print(name, json.dumps(figures[name], indent=1), flush=True)
    if given.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
