"""A thousand clients at once, on cached and on extractive answers.

What counts: every answer is a 200 or an honest refusal (429, 503), and p95 stays under a second.
The extractive answers are each to another question, so none of them is cached.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ai_core.law.ingest.sample import build_sample
from tests.load.bench import QUESTION, command_line, load, make_key, redis, serving, show

CLIENTS = 1_000
SECONDS = 10.0
HONEST = {"200", "429", "503"}


@contextmanager
def corpus(data_dir: Path | None) -> Iterator[Path]:
    """Give the corpus to answer from."""
    if data_dir:
        yield data_dir
        return
    with tempfile.TemporaryDirectory() as folder:
        build_sample(Path(folder))
        yield Path(folder)


def main() -> int:
    """Measure and print; the exit status tells whether there was any other outcome."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--data-dir", type=Path, help="the corpus; without it a sample of one")
    arguments = parser.parse_args()
    figures: dict[str, object] = {"clients": CLIENTS}
    dishonest = 0
    with (
        redis() as store,
        corpus(arguments.data_dir) as data_dir,
        serving(store.url, "--data-dir", str(data_dir)) as server,
    ):
        key = make_key(store.url)
        load(server, key, {"prompt": QUESTION}, requests=1, clients=1)
        for kind, question in (("cached", QUESTION), ("extractive", QUESTION + " ({number})")):
            body: dict[str, object] = {"prompt": question}
            report = load(server, key, body, clients=CLIENTS, seconds=SECONDS)
            outcomes = report["outcomes"]
            dishonest += sum(count for name, count in outcomes.items() if name not in HONEST)
            figures |= {
                f"{kind}_outcomes": outcomes,
                f"{kind}_requests_per_s": report["requests_per_s"],
                f"{kind}_p50_ms": report["p50_ms"],
                f"{kind}_p95_ms": report["p95_ms"],
            }
        figures["errors"] = dishonest
        figures["rss_mib"] = round(server.rss_mib(), 1)
    show("clients", figures, as_json=arguments.json)
    return 1 if dishonest else 0


if __name__ == "__main__":
    sys.exit(main())
