"""`./neo smoke URL`: does a deployed ai_core serve, and answer from the law?

Only the standard library: the pipeline and a host run it before anything is installed.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KEY = "NEO_SMOKE_KEY"
QUESTIONS = (
    ("Que dit l’article L3121-27 du Code du travail ?", "L3121-27"),
    ("Que dit l’article L1221-19 du Code du travail ?", "L1221-19"),
    ("Que dit l’article L3141-3 du Code du travail ?", "L3141-3"),
)
"""Questions that every edition of the law answers, and the article that each answer must cite."""


class SmokeFailed(Exception):
    """What was expected of the service, and what came."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A service at `url`; `key` is one of its keys with the scope `inference`."""

    url: str
    key: str
    timeout_s: float

    def call(
        self, path: str, body: dict[str, object] | None = None, key: str | None = None
    ) -> tuple[int, Any]:
        """Return the status and the JSON of a GET, or of a POST of `body`. Raises SmokeFailed."""
        request = urllib.request.Request(  # noqa: S310  the scheme is checked by `main`
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "X-API-Key": self.key if key is None else key,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:  # noqa: S310
                status, text = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        except OSError as error:
            raise SmokeFailed(f"{path}: no reply ({error})") from error
        try:
            return status, json.loads(text)
        except ValueError as error:
            raise SmokeFailed(f"{path}: {status} with a body that is not JSON") from error


def main(arguments: list[str] | None = None) -> int:
    """Run the checks; return 1 when one of them fails."""
    parser = argparse.ArgumentParser(prog="./neo smoke", description=__doc__)
    parser.add_argument("url", help="such as https://ai-api.example.org")
    parser.add_argument("--key-file", type=Path, help=f"instead of the variable {KEY}")
    parser.add_argument("--rounds", type=int, default=1, help="how often each check is made")
    parser.add_argument("--timeout-s", type=float, default=30.0, help="of each request")
    options = parser.parse_args(arguments)
    key = (
        options.key_file.read_text(encoding="utf-8").strip()
        if options.key_file
        else os.environ.get(KEY, "")
    )
    if urlsplit(options.url).scheme not in {"http", "https"} or not key:
        sys.stderr.write(f"neo: smoke takes an http(s) address, and a key: {KEY} or --key-file\n")
        return 2
    service = Deployed(options.url.rstrip("/"), key, options.timeout_s)
    results = [passed(check, service) for _ in range(options.rounds) for check in CHECKS]
    return int(not all(results))


def passed(check: Callable[[Deployed], None], service: Deployed) -> bool:
    """Run one check and print how it went."""
    started = time.monotonic()
    try:
        check(service)
    except SmokeFailed as failure:
        sys.stdout.write(f"FAILED  {check.__name__}: {failure}\n")
        return False
    sys.stdout.write(f"ok      {check.__name__} ({time.monotonic() - started:.2f} s)\n")
    return True


def health(service: Deployed) -> None:
    """Process and stores: `/live` and `/ready` answer 200. Raises SmokeFailed."""
    for path in ("/live", "/ready"):
        status, _ = service.call(path)
        if status != 200:
            raise SmokeFailed(f"{path}: {status}, not 200")


def closed(service: Deployed) -> None:
    """A key that is none opens nothing: 401. Raises SmokeFailed."""
    status, _ = service.call("/api/v1/generate", {"prompt": QUESTIONS[0][0]}, key="not-a-key")
    if status != 401:
        raise SmokeFailed(f"/api/v1/generate without a key: {status}, not 401")


def answers(service: Deployed) -> None:
    """Each question is answered, and the answer cites its article. Raises SmokeFailed."""
    for question, article in QUESTIONS:
        status, reply = service.call("/api/v1/generate", {"prompt": question})
        if status != 200:
            raise SmokeFailed(f"{article}: {status}, not 200")
        cited = {citation.get("number") for citation in reply.get("citations") or ()}
        if not reply.get("response", "").strip() or article not in cited:
            raise SmokeFailed(f"{article}: the answer cites {sorted(map(str, cited)) or 'nothing'}")


CHECKS = (health, closed, answers)

if __name__ == "__main__":
    sys.exit(main())
