"""A cached answer against the same route as most services write it.

Ours: one round trip to Redis for limits, answer and keys, over one shared connection. The peer:
key, limit and answer one after the other with redis-py. One worker each, 32 connections, in turns
within one run, so that the machine's other work weighs on both.
"""

import statistics
import sys

from tests.load.bench import QUESTION, command_line, load, make_key, redis, serving, show

TURNS = 5
SECONDS = 4.0
CLIENTS = 32


def main() -> int:
    """Measure and print."""
    as_json = command_line(__doc__ or "").parse_args().json
    body: dict[str, object] = {"prompt": QUESTION}
    with (
        redis() as store,
        serving(store.url) as ours,
        serving(store.url, "--peer") as peer,
    ):
        key = make_key(store.url)
        load(ours, key, body, requests=1, clients=1)  # the answer is written once
        turns = []
        for seconds in (1.0, *[SECONDS] * TURNS):
            mine = load(ours, key, body, clients=CLIENTS, seconds=seconds)
            theirs = load(peer, key, body, clients=CLIENTS, seconds=seconds, path="/peer/generate")
            turns.append((mine, theirs))
        turns = turns[1:]  # the first one warmed up
        figures: dict[str, object] = {
            "ratio": round(
                statistics.median(
                    mine["requests_per_s"] / theirs["requests_per_s"] for mine, theirs in turns
                ),
                2,
            ),
            "requests_per_s": statistics.median(mine["requests_per_s"] for mine, _ in turns),
            "peer_requests_per_s": statistics.median(
                theirs["requests_per_s"] for _, theirs in turns
            ),
            "p99_ms": statistics.median(mine["p99_ms"] for mine, _ in turns),
            "peer_p99_ms": statistics.median(theirs["p99_ms"] for _, theirs in turns),
            "p99_ms_worst_turn": max(mine["p99_ms"] for mine, _ in turns),
            "outcomes": turns[-1][0]["outcomes"],
            "peer_outcomes": turns[-1][1]["outcomes"],
        }
    show("cached", figures, as_json=as_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
