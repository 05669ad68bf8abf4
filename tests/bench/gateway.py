"""What the gateway itself costs: processor time per request, with nothing to generate.

Key, limits, validation, metrics and log are on; the model is a script. One request is answered
from the cache, one is written in a single word, a stream has 100 chunks, each written at once.
Processor time is the process's own (proc(5)): other work on the machine does not count in it.

With `--peer PATH` another checkout of this project is measured in turns with this one, and the
ratio is the median of the turns' ratios.
"""

import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ai_core.access.keys import NewKey
from tests.load.app import SCRIPT
from tests.load.bench import (
    QUESTION,
    Server,
    command_line,
    load,
    make_key,
    redis,
    serving,
    show,
)

REQUESTS = 5_000
STREAMS = 1_000
CLIENTS = 8
TURNS = 5
OURS = "ours"
Costs = dict[str, float]


def main() -> int:
    """Measure and print."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--peer", type=Path, help="another checkout to compare with")
    options = parser.parse_args()
    with ExitStack() as stack:
        servers = {OURS: _served(stack, None)}
        if options.peer:
            servers["peer"] = _served(stack, options.peer.resolve())
        seen: dict[str, list[Costs]] = {name: [] for name in servers}
        for _ in range(TURNS if options.peer else 1):
            for name, (server, key) in servers.items():
                seen[name].append(_costs(server, key))
        figures: dict[str, object] = {
            "chunks_per_stream": len(SCRIPT.split()),
            **_medians(seen[OURS]),
            "rss_mib": round(servers[OURS][0].rss_mib(), 1),
        }
        if options.peer:
            figures["peer"] = _medians(seen["peer"])
            pairs = zip(seen[OURS], seen["peer"], strict=True)
            figures["ours_by_peer"] = _medians(
                [{name: mine[name] / theirs[name] for name in mine} for mine, theirs in pairs]
            )
    show("gateway", figures, as_json=options.json)
    return 0


def _served(stack: ExitStack, checkout: Path | None) -> tuple[Server, NewKey]:
    store = stack.enter_context(redis())
    server = stack.enter_context(serving(store.url, "--model", "scripted", checkout=checkout))
    return server, make_key(store.url)


def _costs(server: Server, key: NewKey) -> Costs:
    """Return the processor time of each kind of request, in ms."""

    def cost_ms(body: dict[str, object], count: int) -> float:
        load(server, key, body, requests=count // 10, clients=CLIENTS, seconds=60)
        before_s = server.cpu_s()
        report = load(server, key, body, requests=count, clients=CLIENTS, seconds=60)
        if set(report["outcomes"]) != {"200"}:
            raise SystemExit(f"not every request was answered: {report['outcomes']}")
        return float((server.cpu_s() - before_s) * 1000 / report["requests"])

    written = {"prompt": QUESTION, "temperature": 1, "max_tokens": 1}
    return {
        "cached_request_cpu_ms": cost_ms({"prompt": QUESTION}, REQUESTS),
        "written_request_cpu_ms": cost_ms(written, STREAMS),
        "stream_cpu_ms": cost_ms({"prompt": QUESTION, "temperature": 1, "stream": True}, STREAMS),
    }


def _medians(turns: Sequence[Costs]) -> Costs:
    return {name: round(statistics.median(turn[name] for turn in turns), 3) for name in turns[0]}


if __name__ == "__main__":
    sys.exit(main())
