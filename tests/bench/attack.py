"""The API under attack: requests of which half are hostile, while an honest caller's are timed.

The service runs as an operator runs it, with a GGUF model and a remote one whose server answers
badly one time in four. Sixteen callers at once send chats, completions and things that are neither,
under pages' keys and an inference key (`--requests`, in all). What counts: answers of 5xx other
than an honest 503 (one with Retry-After and a body that says why), deaths of processes, and the
honest caller's p99 beside what it was alone and beside as many callers that are all honest.
"""

import asyncio
import itertools
import math
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from statistics import median

import httpx2

from ai_core.access.keys import KeyRing, Permission, Scope
from ai_core.redis_keys import TAG
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection
from tests.bench._hostile_requests import INFERENCE, ORIGIN, Requests, Sent, collected
from tests.bench._service import Model, Service, service
from tests.fuzz.answers import inputs
from tests.load.bench import ROOMY, command_line, show
from tests.models.bleuet import bleuet
from tests.servers.raw_http import RawServer, headed

REQUESTS = 20_000
AT_ONCE = 16
QUIET_S, AMONG_HONEST_S = 20.0, 20.0
PAUSE_S = 0.02
FOR_GOOD = (b'"upstream_refused"', b'"model_unusable"')
"""Errors that no waiting mends: the upstream answered 401 or 404."""
ANSWER_TIMEOUT_S = 120.0
NEAR, FAR = "bleuet", "far"
BAD_ANSWERS, BAD_ONE_IN = 400, 4
QUESTION = {
    "model": NEAR,
    "messages": [{"role": "user", "content": "Que fabrique la poterie Terre-Brune ?"}],
    "max_tokens": 8,
    "temperature": 1,
}
EVENT = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "mot "}, "finish_reason": null}]}\n\n'
)
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
SOUND = [headed("200 OK", "Content-Type: text/event-stream"), EVENT * 8 + END]
NO_ANSWER = "no answer"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Found:
    """What came back: statuses by class of request, and the first faults."""

    statuses: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)
    bad_5xx: int = 0

    def note(self, sent: Sent, status: str, answer: bytes) -> None:
        """Count an answer, and whether it is one that nobody should get."""
        self.statuses[sent.kind][status] += 1
        if not status.startswith("5") or is_honest(status, answer):
            return
        self.bad_5xx += 1
        if len(self.faults) < 10:
            self.faults.append(f"{sent.kind}: {answer[:300]!r} to {sent.data[-300:]!r}")


def is_honest(status: str, answer: bytes) -> bool:
    """Return whether a 5xx is a 503 that says why, and when to come back or that it is for good."""
    head, _, body = answer.partition(b"\r\n\r\n")
    told = b"retry-after:" in head.lower() or any(code in body for code in FOR_GOOD)
    return status == "503" and told and b'"code"' in body


def main() -> int:
    """Measure and print; 1 when something was found."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    bad = collected(inputs(), BAD_ANSWERS, options.seed)
    figures = asyncio.run(measure(bad, options.requests, options.seed))
    show("attack", figures, as_json=options.json)
    return int(bool(figures["bad_5xx"] or figures["deaths"]))


async def measure(bad: list[bytes], requests: int, seed: int) -> dict[str, object]:
    """Return the figures of one run against a service of its own."""
    async with upstream(bad) as url, AsyncExitStack() as stack:
        far = Model(FAR, "remote", options=[f'upstreams = ["{url}/v1"]', 'upstream_model = "m"'])
        options = ["slots = 4", "context_tokens = 1024", "threads = 1"]
        near = Model(NEAR, "gguf", bleuet().gguf, options)
        opened = service([near, far], default=NEAR, keys=("honest", INFERENCE), limits=ROOMY)
        running = await asyncio.to_thread(opened.__enter__)
        stack.push_async_callback(asyncio.to_thread, opened.__exit__, None, None, None)
        sources = {
            INFERENCE: running.keys[INFERENCE],
            "page": await page_key(running),
            "page without limits": await page_key(running, *Permission),
        }
        attack = Requests(running.port, sources, [NEAR, FAR], seed)
        quiet_ms, _ = await honest_while(running, lambda: asyncio.sleep(QUIET_S))
        honest = Found()
        among_ms, _ = await honest_while(
            running, lambda: send_all(running, attack.valid, honest, seconds=AMONG_HONEST_S)
        )
        before, found, began_s = await restarts(running), Found(), time.monotonic()
        attacked_ms, failed = await honest_while(
            running, lambda: send_all(running, attack.next, found, count=requests)
        )
        took_s = time.monotonic() - began_s
        deaths = await restarts(running) - before
        return {
            "requests": sum(map(Counter.total, found.statuses.values())),
            "seconds": round(took_s),
            "bad_5xx": found.bad_5xx,
            "deaths": deaths,
            "bugs_logged": bugs(running),
            "honest_failures": failed,
            "honest_p99_alone_ms": p99(quiet_ms),
            "honest_p99_among_honest_ms": p99(among_ms),
            "honest_p99_under_attack_ms": p99(attacked_ms),
            "honest_p50_alone_among_attacked_ms": [
                round(median(each)) for each in (quiet_ms, among_ms, attacked_ms)
            ],
            "under_attack_by_alone": round(p99(attacked_ms) / p99(quiet_ms), 2),
            "under_attack_by_among_honest": round(p99(attacked_ms) / p99(among_ms), 2),
            "statuses": {kind: dict(found.statuses[kind]) for kind in sorted(found.statuses)},
            "faults": found.faults,
        }


async def page_key(running: Service, *permissions: Permission) -> str:
    """Make the key of a page, whose visitors may name the models."""
    connection = RedisConnection(running.redis_url, TAG)
    await connection.open()
    made = await KeyRing(connection, SystemClock()).create(
        "page",
        Scope.PUBLISHABLE,
        limits=ROOMY,
        allowed_origins=(ORIGIN,),
        permissions=permissions,
        allowed_models=(NEAR, FAR),
    )
    await connection.close()
    return made.secret


async def honest_while(
    running: Service, work: Callable[[], Awaitable[object]]
) -> tuple[list[float], int]:
    """Ask as an honest caller does while `work` goes on.

    Returns the milliseconds of each answer, and how many of them were none.
    """
    took_ms: list[float] = []
    failed, working = 0, asyncio.ensure_future(work())
    async with running.client("honest") as client:
        while not working.done():
            began_s = time.perf_counter()
            answer = await client.post("/v1/chat/completions", json=QUESTION)
            took_ms.append((time.perf_counter() - began_s) * 1_000)
            failed += not answer.is_success
            await asyncio.sleep(PAUSE_S)
    await working
    return took_ms, failed


async def send_all(
    running: Service,
    make: Callable[[], Sent],
    found: Found,
    *,
    count: int = sys.maxsize,
    seconds: float = math.inf,
) -> None:
    """Send requests from AT_ONCE callers until `count` are sent or the time is over."""
    numbers, until_s = iter(range(count)), time.monotonic() + seconds

    async def caller() -> None:
        for _ in numbers:
            if time.monotonic() > until_s:
                return
            sent = make()
            found.note(sent, *await ask(running.port, sent))

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def ask(port: int, sent: Sent) -> tuple[str, bytes]:
    """Send a request over a connection of its own; return its status and all that came."""
    answer = b""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with closing(writer):
                writer.write(sent.data)
                await writer.drain()
                if sent.hangs_up:
                    return "left", b""
                while piece := await reader.read(65_536):
                    answer += piece
    except (OSError, TimeoutError) as error:
        if not answer:
            return type(error).__name__, b""
    match = re.match(rb"HTTP/1\.1 (\d{3})", answer.removeprefix(CONTINUE))
    status = match[1].decode() if match else NO_ANSWER
    if b'"code":"internal' in answer:
        status = "500 in a stream"
    return status, answer


async def restarts(running: Service) -> int:
    """Return how often processes of models began again. Raises when the service is gone."""
    async with httpx2.AsyncClient(base_url=running.url, timeout=60) as client:
        told = (await client.get("/metrics")).text
    return int(
        sum(map(float, re.findall(r"^model_restarts_total\{.*\} (\S+)", told, re.MULTILINE)))
    )


def bugs(running: Service) -> list[str]:
    """Return the first log lines about errors that nobody foresaw."""
    lines = (running.folder / "ai_core.log").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if '"exception"' in line or "Traceback" in line]
    return [f"{line[:300]} … {line[-900:]}" for line in found[:5]]


@asynccontextmanager
async def upstream(bad: list[bytes]) -> AsyncIterator[str]:
    """Serve a model's API that answers soundly, or with the next of `bad`."""
    dice, turn = random.Random(1), itertools.cycle(bad)  # noqa: S311 - no secret

    class Upstream(RawServer):
        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wrong = dice.randrange(BAD_ONE_IN) == 0
            self.answers = {"": [next(turn)] if wrong else SOUND}
            self.asked.clear()
            await super()._serve(reader, writer)

    async with Upstream({}).running() as url:
        yield url


def p99(took_ms: list[float]) -> float:
    """Return the 99th percentile."""
    return round(sorted(took_ms)[math.ceil(0.99 * len(took_ms)) - 1], 1)


if __name__ == "__main__":
    sys.exit(main())
