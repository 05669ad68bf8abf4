"""What traces cost: processor time per cached answer with traces off, on, and on for 1 in 100.

All three serve the same question in turn, in processes of their own; the collector is on loopback
and keeps nothing. Off, nothing is wrapped: that is a test, tests/deploy/test_tracing.py.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median

from ai_core.access.keys import NewKey
from deploy.local.redis_server import RedisServer
from tests.load.bench import QUESTION, command_line, load, make_key, redis, serving, show

ROUNDS = 3
REQUESTS = 3_000
CLIENTS = 8
SETTINGS = ("AI_CORE_TRACING__URL", "AI_CORE_TRACING__SHARE")


class Collector(BaseHTTPRequestHandler):
    """Takes what is sent, and counts its bytes."""

    received_bytes = 0

    def do_POST(self) -> None:
        """Take one batch of spans."""
        Collector.received_bytes += len(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[str]:
    """Run the collector; yield where it takes spans."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces"
        server.shutdown()


def cost_ms(store: RedisServer, key: NewKey, url: str, share: str) -> float:
    """Return the processor time of one cached answer, in milliseconds."""
    os.environ.update(zip(SETTINGS, (url, share), strict=True))
    try:
        with serving(store.url, "--model", "scripted") as server:
            body: dict[str, object] = {"prompt": QUESTION}
            load(server, key, body, requests=REQUESTS // 10, clients=CLIENTS, seconds=60)
            before_s = server.cpu_s()
            report = load(server, key, body, requests=REQUESTS, clients=CLIENTS, seconds=60)
            return (server.cpu_s() - before_s) * 1000 / report["requests"]
    finally:
        for name in SETTINGS:
            del os.environ[name]


def main() -> int:
    """Measure and print."""
    as_json = command_line(__doc__ or "").parse_args().json
    costs: dict[str, list[float]] = {"off": [], "on": [], "on_for_1_percent": []}
    with redis() as store, collecting() as url:
        key = make_key(store.url)
        for _ in range(ROUNDS):
            costs["off"].append(cost_ms(store, key, "", "1"))
            costs["on"].append(cost_ms(store, key, url, "1"))
            costs["on_for_1_percent"].append(cost_ms(store, key, url, "0.01"))
    if not Collector.received_bytes:
        raise SystemExit("the collector was sent nothing")
    middle = {name: median(values) for name, values in costs.items()}
    figures: dict[str, object] = {f"{name}_ms": round(ms, 3) for name, ms in middle.items()}
    for name in ("on", "on_for_1_percent"):
        figures[f"{name}_to_off"] = round(middle[name] / middle["off"], 2)
    show("tracing", figures, as_json=as_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
