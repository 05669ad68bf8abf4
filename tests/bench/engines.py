"""Models written with by us and by other servers: same file, same threads, same machine, in turns.

Random-weight models of real shapes, prompts of 200 tokens, 64 new ones, over HTTP; ours is the
whole service, each caller with a key. A figure is the median over the turns; a ratio is the median
of the turns' ratios, ours by the peer's. `speeds` takes further turns until half a minute has
passed: the machine is uneven, and a single answer short. A turn is done once more when other
processes used more than a quarter of a core meanwhile. Slow peers have fewer turns, and `speeds`
alone.

`--peer llama-server=PATH` (it builds from the tree inside the llama-cpp-python source package),
`--peer examples-server=PATH` (examples/server/server.py in there), `--peer llama_cpp.server`,
`--peer checkout=PATH` (this project at another commit).
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import httpx2

from ai_core.engines.decoding.threads import available_cores, total_cpu_s
from ai_core.engines.runner import LoadOptions
from ai_core.models.admin.benchmark import fastest
from ai_core.models.admin.selection import Thresholds, VariantMaker
from ai_core.models.files import read_metadata
from ai_core.models.registry import ModelCard
from tests.bench._peers import OURS, SLOW, Peer, Running, Setting, ours, peers_of
from tests.bench._shapes import MODELS, SHAPES, model_file
from tests.bench._writing import (
    NEW_TOKENS,
    PROMPT_TOKENS,
    Call,
    ask,
    burst,
    completion,
    interrupted,
    letters,
    together,
)
from tests.load.bench import command_line

AT_ONCE = (1, 4, 8, 16, 32, 50)
QUESTION = "Préavis de démission"
OWN_LETTERS = 8
OWN_TOKENS = len(f"{QUESTION} {'a' * OWN_LETTERS}\n</question>\n\nassistant:".encode())
"""What follows the law in our prompts: a token a byte."""
SHARED_NEW_TOKENS = 16
LONG_TOKENS, STREAMS = 1_200, 8
PLENTY_BYTES = 1 << 50
QUIET_CORES = 0.25
LEAST_S = 30.0
_TRIES = 3

Figures = dict[str, float]
Row = dict[str, Any]
Peers = Mapping[str, Peer]
Scene = Callable[[Running, object], Figures]


@dataclass(frozen=True)
class Turns:
    """How often a server is measured, and one that is slow."""

    most: int
    slow: int = 0

    def of(self, server: Running) -> int:
        """Return the turns of a server."""
        return min(self.most, self.slow) if server.name in SLOW else self.most


def measured(server: Running, scene: Scene, seed: object) -> Figures:
    """Measure one turn of one server, again when the machine was busy with something else."""
    figures: Figures = {}
    for attempt in range(_TRIES):
        all_s, server_s = total_cpu_s(), server.server.cpu_s()
        began_s, ours_s = time.monotonic(), time.process_time()
        figures = scene(server, (seed, attempt))
        passed_s = time.monotonic() - began_s
        used_s = server.server.cpu_s() - server_s + time.process_time() - ours_s
        figures["outside_cores"] = max(0.0, (total_cpu_s() - all_s - used_s) / passed_s)
        if figures["outside_cores"] <= QUIET_CORES:
            break
    return figures


def in_turns(
    servers: Sequence[Running],
    scene: Scene,
    turns: Turns,
    seed: object,
    *,
    least_s: float = 0.0,
) -> Row:
    """Measure every server in every turn of its own; returns medians, and ours by each peer's.

    A ratio is of the turns that both had. There are more than `turns` while `least_s` have not
    passed, but not of a slow one.
    """
    seen: dict[str, list[Figures]] = {server.name: [] for server in servers}
    began_s = time.monotonic()
    for turn in count():
        if turn >= turns.most and time.monotonic() - began_s >= least_s:
            break
        for server in servers:
            if server.name not in SLOW or turn < turns.of(server):
                seen[server.name].append(measured(server, scene, (seed, turn)))
    result: Row = {name: _medians(figures) for name, figures in seen.items() if figures}
    result["ours_by"] = {
        name: _medians([_by(mine, one) for mine, one in zip(seen[OURS], figures, strict=False)])
        for name, figures in seen.items()
        if name != OURS and figures
    }
    return result


def _medians(figures: Sequence[Figures]) -> Figures:
    return {key: round(statistics.median(one[key] for one in figures), 3) for key in figures[0]}


def _by(mine: Figures, other: Figures) -> Figures:
    return {key: mine[key] / other[key] for key in mine if key != "outside_cores"}


@contextmanager
def all_running(peers: Peers, setting: Setting, *, slow: bool = False) -> Iterator[list[Running]]:
    """Run all servers, the slow ones only where they are measured; who waits takes no processor."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(peer(setting))
            for name, peer in peers.items()
            if slow or name not in SLOW
        ]
        for server in servers:
            burst(server.asked, 2, ("warm", server.name), new_tokens=8)
        yield servers


def speeds(peers: Peers, given: Namespace) -> list[Row]:
    """New tokens a second and median latency, by model, precision and requests at once."""
    rows: list[Row] = []
    for model in given.models:
        for precision in given.precisions:
            setting = Setting(model_file(model, precision), given.threads, max(given.at_once), 512)
            with all_running(peers, setting, slow=True) as servers:
                for at_once in given.at_once:

                    def scene(server: Running, seed: object, at_once: int = at_once) -> Figures:
                        return burst(server.asked, at_once, seed)

                    turns = Turns(given.turns, given.slow_turns * (at_once in given.slow_at_once))
                    seed = model, precision, at_once
                    found = in_turns(servers, scene, turns, seed, least_s=LEAST_S)
                    rows.append(
                        {"model": model, "precision": precision, "at_once": at_once, **found}
                    )
                    tell(rows[-1], given)
    return rows


def shared_prefix(peers: Peers, given: Namespace) -> Row:
    """Sixteen first contacts with one operator's text; then one cold and one warm first token.

    Ours are asked as the assistant, whose rules and law text the operator owns, the model loaded
    afresh before what is to be cold. The others get as many letters, the first of them shared.
    """
    shared_tokens = 0

    def call(server: Running, law: object, own: object, new_tokens: int) -> Call:
        if server.service:
            return assistant(letters(OWN_LETTERS, own), new_tokens)
        return completion(letters(shared_tokens, law) + letters(OWN_TOKENS, own), new_tokens)

    def scene(server: Running, seed: object) -> Figures:
        def of_law(law: object, turn: int, at_once: int, new_tokens: int) -> Figures:
            calls = [call(server, law, (law, turn, at), new_tokens) for at in range(at_once)]
            return together(server.asked, calls)

        afresh(server)
        first = of_law((seed, "law"), 1, 16, SHARED_NEW_TOKENS)
        again = of_law((seed, "law"), 2, 16, SHARED_NEW_TOKENS)
        afresh(server)
        cold, warm = (of_law((seed, "other"), turn, 1, 1) for turn in (3, 4))
        return {
            "first_burst_s": first["total_s"],
            "second_burst_s": again["total_s"],
            "cold_first_token_s": cold["total_s"],
            "warm_first_token_s": warm["total_s"],
            "warm_by_cold": warm["total_s"] / cold["total_s"],
        }

    setting = Setting(model_file(given.models[0], "q8_0"), given.threads, 16, 2_048)
    with all_running(peers, setting) as servers:
        whole = prompt_tokens(servers[0], assistant(letters(OWN_LETTERS, ""), 1))
        shared_tokens = whole - OWN_TOKENS
        found = in_turns(servers, scene, Turns(given.turns), "shared")
        return {"shared_tokens": shared_tokens, **reuse(servers[0], shared_tokens), **found}


def reuse(server: Running, shared_tokens: int) -> Figures:
    """Return the share of the operator's text that fifteen late comers of sixteen compute again.

    Also how many tokens of a text are taken from memory when a second caller sends the same.
    """
    afresh(server)
    before = reused_tokens(server)
    together(server.asked, [assistant(letters(OWN_LETTERS, at), 1) for at in range(16)])
    shared = reused_tokens(server) - before
    private = completion(letters(shared_tokens, "private"), 1)
    for caller in (0, 1):
        asyncio.run(ask(server.asked, private, caller))
    return {
        "computed_again": round(1 - shared / (15 * shared_tokens), 4),
        "private_tokens_reused": reused_tokens(server) - before - shared,
    }


def reused_tokens(server: Running) -> float:
    """Return how many tokens of prompts were in memory already since a server of ours started."""
    assert server.service
    headers = {"X-API-Key": server.service.keys["admin"]}
    said = httpx2.get(f"{server.service.url}/metrics", headers=headers, timeout=60).text
    lines = [line for line in said.splitlines() if line.startswith("prompt_tokens_reused_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def assistant(own: str, new_tokens: int) -> Call:
    """Ask the assistant, whose rules and law come before what a caller wrote."""
    turns = [{"role": "user", "content": f"{QUESTION} {own}"}]
    asked = {"model": "cdt-assistant", "messages": turns}
    return Call("/v1/chat/completions", asked, new_tokens)


def prompt_tokens(server: Running, call: Call) -> int:
    """Return how long a prompt of ours is."""
    assert server.service
    headers = {"X-API-Key": server.asked.keys[0]}
    body = {**call.asked, "max_tokens": 1, "temperature": 0}
    said = httpx2.post(f"{server.service.url}{call.path}", json=body, headers=headers, timeout=60)
    tokens = int(said.raise_for_status().json()["usage"]["prompt_tokens"])
    if not tokens:
        raise RuntimeError("answered without the model")
    return tokens


def afresh(server: Running) -> None:
    """Bring a model of ours to memory again, so that nothing of it was read yet.

    The others never saw the letters to come.
    """
    if server.service is None:
        return
    headers = {"X-API-Key": server.service.keys["admin"]}
    with httpx2.Client(base_url=server.service.url, headers=headers, timeout=60) as admin:
        for action in ("unload", "load"):
            admin.post(f"/api/v1/models/{action}", json={"model": "model"}).raise_for_status()


def long_prompt(peers: Peers, given: Namespace) -> Row:
    """A long prompt arrives while eight answers are written."""

    def scene(server: Running, seed: object) -> Figures:
        return interrupted(server.asked, STREAMS, LONG_TOKENS, seed)

    setting = Setting(model_file(given.models[0], "q8_0"), given.threads, 16, 2_048)
    with all_running(peers, setting) as servers:
        return in_turns(servers, scene, Turns(given.turns), "long")


def core_taken(peers: Peers, given: Namespace) -> Row:
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
    speeds_of = {name: _medians(all_)["tokens_per_s"] for name, all_ in seen.items()}
    mine = speeds_of[OURS]
    ratios = {name: round(mine / speed, 2) for name, speed in speeds_of.items() if name != OURS}
    return {"tokens_per_s": speeds_of, "ours_by": ratios}


def calibrated(_peers: Peers, given: Namespace) -> Row:
    """Ours in the precision that `model quantize NAME fastest` takes here, beside ours in Q8_0."""
    at_once = max(given.at_once)
    original = given.original or model_file(given.models[0], "f16")
    metadata, folder = read_metadata(original, "gguf"), MODELS / "calibrated"
    card = ModelCard(
        id=original.stem,
        format="gguf",
        weights=f"{original} {original.stat().st_mtime_ns}",
        path=str(original),
        size_bytes=metadata.size_bytes,
        precision=metadata.precision,
        metadata=metadata,
        options=LoadOptions(context_tokens=512, slots=16, threads=given.threads),
    )
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        sys.stderr.write(f"{line}\n")

    how = {"tokens": NEW_TOKENS, "at_once": min(16, at_once)}
    maker = VariantMaker(card, card.weights, folder, Thresholds(), say)
    best = fastest(maker, PLENTY_BYTES, **how)
    fixed = replace(maker, thresholds=Thresholds(0.0, inf)).make("q8_0")
    chosen, plain = (maker.card_of(variant).path for variant in (best.variant, fixed))

    def scene(server: Running, seed: object) -> Figures:
        prompts = (letters(PROMPT_TOKENS, (seed, at)) for at in range(at_once))
        return together(server.asked, [completion(prompt, usage=True) for prompt in prompts])

    with ExitStack() as stack:
        servers = [
            replace(stack.enter_context(ours(setting)), name=name)
            for name, setting in (
                (OURS, Setting(Path(chosen), given.threads, at_once, 512)),
                ("q8_0", Setting(Path(plain), given.threads, at_once, 512)),
            )
        ]
        found = in_turns(servers, scene, Turns(given.turns), "calibrated")
    return {"chosen": best.name, "at_once": at_once, "said": said, **found}


SCENES = {
    "speeds": speeds,
    "shared_prefix": shared_prefix,
    "long_prompt": long_prompt,
    "core_taken": core_taken,
    "calibrated": calibrated,
}


def tell(row: Row, given: Namespace) -> None:
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
    options.add_argument("--threads", type=int, default=available_cores())
    options.add_argument("--turns", type=int, default=3)
    options.add_argument(
        "--slow-at-once", nargs="+", type=int, default=[1, 16], help=f"of {', '.join(sorted(SLOW))}"
    )
    options.add_argument("--slow-turns", type=int, default=1)
    options.add_argument("--original", type=Path, metavar="FILE.gguf", help="for calibrated")
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
