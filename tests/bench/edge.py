"""What nginx and TLS cost, and what is lost when one of two ai_core dies.

The cached path through nginx over TLS against the same service asked directly, in turns within one
run; then two replicas under load, one killed in the middle, over and over. The generator speaks
TLS itself and shares the machine with everything else, which makes the cost look larger than it is.
"""

import os
import signal
import statistics
import sys
import threading
from collections import Counter
from typing import Any

from tests.deploy.edge_server import NAMES, EdgeServer, edge, server_line
from tests.load.bench import QUESTION, Server, command_line, load, make_key, redis, serving, show

TURNS = 5
SECONDS = 4.0
CLIENTS = 32
KILLS = 5
ROOMY = {
    "NGINX_AI_RATE": "1000000r/s",
    "NGINX_AI_BURST": "1000000",
    "NGINX_CONNECTIONS": "10000",
}


def main() -> int:
    """Measure and print."""
    as_json = command_line(__doc__ or "").parse_args().json
    figures: dict[str, object] = {}
    with redis() as store, serving(store.url) as one:
        key = make_key(store.url)
        with edge(NGINX_AI_SERVERS=server_line(f"127.0.0.1:{one.port}"), **ROOMY) as edge_server:
            figures |= cost(edge_server, one, key)
        figures |= kills(store.url, key)
    show("edge", figures, as_json=as_json)
    return 0


def cost(edge_server: EdgeServer, server: Server, key: Any) -> dict[str, object]:
    """Return the throughput through nginx and directly, and their ratio."""
    body: dict[str, object] = {"prompt": QUESTION}
    load(server, key, body, requests=1, clients=1)  # the answer is written once
    turns = []
    for seconds in (1.0, *[SECONDS] * TURNS):
        direct = load(server, key, body, clients=CLIENTS, seconds=seconds)
        through = load(
            Server(edge_server.nginx.https_port, 0),
            key,
            body,
            clients=CLIENTS,
            seconds=seconds,
            **tls(edge_server),
        )
        turns.append((direct, through))
    turns = turns[1:]  # the first one warmed up
    ratios = [through["requests_per_s"] / direct["requests_per_s"] for direct, through in turns]
    return {
        "cost_percent": round(100 * (1 - statistics.median(ratios)), 1),
        "direct_requests_per_s": statistics.median(t["requests_per_s"] for t, _ in turns),
        "edge_requests_per_s": statistics.median(t["requests_per_s"] for _, t in turns),
        "direct_p99_ms": statistics.median(t["p99_ms"] for t, _ in turns),
        "edge_p99_ms": statistics.median(t["p99_ms"] for _, t in turns),
        "edge_outcomes": turns[-1][1]["outcomes"],
    }


def tls(edge_server: EdgeServer) -> dict[str, object]:
    """Return the generator's options for this nginx."""
    authority = edge_server.nginx.directory / "authority.pem"
    edge_server.authority.cert_pem.write_to_path(str(authority))
    return {"tls-ca": str(authority), "tls-name": NAMES["ai-api"]}


def kills(redis_url: str, key: Any) -> dict[str, object]:
    """Kill one of two replicas under load, `KILLS` times; return what the callers saw."""
    outcomes: Counter[str] = Counter()
    for _ in range(KILLS):
        with serving(redis_url) as one, serving(redis_url) as other:
            servers = server_line(*(f"127.0.0.1:{each.port}" for each in (one, other)))
            with edge(NGINX_AI_SERVERS=servers, **ROOMY) as edge_server:
                killer = threading.Timer(2.0, os.kill, (one.pid, signal.SIGKILL))
                killer.start()
                body: dict[str, object] = {"prompt": QUESTION + " {number}"}
                through = Server(edge_server.nginx.https_port, 0)
                report = load(
                    through,
                    key,
                    body,
                    clients=CLIENTS,
                    seconds=4.0,
                    idempotent="yes",
                    **tls(edge_server),
                )
                killer.join()
                outcomes.update(report["outcomes"])
    asked = sum(outcomes.values())
    return {
        "kills": KILLS,
        "requests_around_kills": asked,
        "failed_idempotent_requests": asked - outcomes["200"],
        "outcomes_around_kills": dict(outcomes),
    }


if __name__ == "__main__":
    sys.exit(main())
