"""What the gateway itself costs: processor time per request, with nothing to generate.

Key, limits, validation, metrics and log are on; the model is a script. One request is answered
from the cache, one is written in a single word, a stream has 100 chunks, each written at once.
Processor time is the process's own (proc(5)): other work on the machine does not count in it.
"""

import sys

from tests.load.app import SCRIPT
from tests.load.bench import (
    QUESTION,
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


def main() -> int:
    """Measure and print."""
    as_json = command_line(__doc__ or "").parse_args().json
    with redis() as store, serving(store.url, "--model", "scripted") as server:
        key = make_key(store.url)

        def cost_ms(body: dict[str, object], count: int) -> float:
            load(server, key, body, requests=count // 10, clients=CLIENTS, seconds=60)
            before_s = server.cpu_s()
            report = load(server, key, body, requests=count, clients=CLIENTS, seconds=60)
            if set(report["outcomes"]) != {"200"}:
                raise SystemExit(f"not every request was answered: {report['outcomes']}")
            return round((server.cpu_s() - before_s) * 1000 / report["requests"], 3)

        figures: dict[str, object] = {
            "chunks_per_stream": len(SCRIPT.split()),
            "cached_request_cpu_ms": cost_ms({"prompt": QUESTION}, REQUESTS),
            "written_request_cpu_ms": cost_ms(
                {"prompt": QUESTION, "temperature": 1, "max_tokens": 1}, STREAMS
            ),
            "stream_cpu_ms": cost_ms(
                {"prompt": QUESTION, "temperature": 1, "stream": True}, STREAMS
            ),
            "rss_mib": round(server.rss_mib(), 1),
        }
    show("gateway", figures, as_json=as_json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
