"""A model's line under three times what it can write, and under one caller who floods it.

The engine writes one word every 20 ms in each of its slots, whatever else it writes; its capacity
is measured first. What counts: goodput beside capacity, how long a refusal takes, how far its
Retry-After is from the wait of the next one let in, and the others' time to the first word while
one key asks fifty times as much, beside a quiet line.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx2
from prometheus_client import CollectorRegistry

from ai_core.api.routes import AppState
from ai_core.app import assemble, create_app
from ai_core.engines.scripted import ScriptedEngine
from ai_core.settings import ModelSettings, RedisSettings, Settings
from shared.clock import SystemClock
from tests.load.app import StillLibrary
from tests.load.bench import command_line, make_key, redis, show
from tests.servers.loopback import served

SLOTS, WORDS, PAUSE_S = 8, 50, 0.02
OVERLOAD = 3.0
FLOOD = 50.0
OTHERS_PER_S = 0.5


@dataclass
class Told:
    """What the clients saw."""

    outcomes: Counter[int] = field(default_factory=Counter)
    waits_s: list[tuple[float, float]] = field(default_factory=list)
    refusals: list[tuple[float, float, float]] = field(default_factory=list)
    """When, after how long, and how long to wait, in seconds."""


@asynccontextmanager
async def service(redis_url: str) -> AsyncIterator[str]:
    """Serve the real app over an engine of known speed."""

    @asynccontextmanager
    async def open_state(
        settings: Settings, registry: CollectorRegistry
    ) -> AsyncIterator[AppState]:
        engine = ScriptedEngine(" ".join(["mot"] * WORDS), pause_s=PAUSE_S, slots=SLOTS)
        async with AsyncExitStack() as stack:
            library = StillLibrary()
            yield await assemble(settings, registry, stack, library, SystemClock(), (engine,))

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            redis=RedisSettings.model_validate({"url": redis_url}),
            models=ModelSettings(default="scripted"),
        )
        app = await asyncio.to_thread(create_app, settings, open_state)
        async with served(app, lifespan=True) as url:
            yield url


async def ask(client: httpx2.AsyncClient, key: str, number: int, told: Told) -> None:
    """Ask one question nobody asked before, as a stream."""
    body = {
        "messages": [{"role": "user", "content": f"Quel préavis de démission ? ({key} {number})"}],
        "stream": True,
    }
    asked_s = time.monotonic()
    async with client.stream(
        "POST", "/api/v1/chat", json=body, headers={"X-API-Key": key}
    ) as response:
        told.outcomes[response.status_code] += 1
        if response.is_error:
            wait_s = float(response.headers.get("retry-after", "0"))
            told.refusals.append((asked_s, time.monotonic() - asked_s, wait_s))
            return
        begun = False
        async for line in response.aiter_lines():
            if line.startswith('data: {"delta"') and not begun:
                begun = True
                told.waits_s.append((asked_s, time.monotonic() - asked_s))


async def asking(url: str, key: str, per_s: float, seconds: float, told: Told) -> None:
    """Ask at a steady rate, whatever comes back; return once all is answered."""
    limits = httpx2.Limits(max_connections=None)
    async with (
        httpx2.AsyncClient(base_url=url, timeout=120, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        began_s = time.monotonic()
        for number in range(int(per_s * seconds)):
            await asyncio.sleep(max(0.0, began_s + number / per_s - time.monotonic()))
            group.create_task(ask(client, key, number, told))


def percentile_95(values: list[float]) -> float:
    """Return the 95th percentile of two values or more."""
    return quantiles(values, n=20)[-1]


def misses(told: Told) -> list[float]:
    """Return how far each Retry-After was from the wait of the next one let in, as a share."""
    found = []
    for asked_s, _, wait_s in told.refusals:
        later = [wait for at, wait in told.waits_s if at >= asked_s]
        if later:
            found.append(abs(wait_s - later[0]) / later[0])
    return found


async def capacity(url: str, key: str) -> float:
    """Return how many answers a second come when somebody always waits for one."""
    rounds, began_s = 4, time.monotonic()
    async with httpx2.AsyncClient(base_url=url, timeout=120) as client:

        async def ask_again(first: int) -> None:
            for number in range(first, first + rounds):
                await ask(client, key, number, Told())

        async with asyncio.TaskGroup() as group:
            for first in range(0, rounds * SLOTS, rounds):
                group.create_task(ask_again(1_000 + first))
    return rounds * SLOTS / (time.monotonic() - began_s)


async def measure(redis_url: str, keys: list[str], seconds: float) -> dict[str, object]:
    """Return the figures."""
    overloaded, quiet, flooded, flood = Told(), Told(), Told(), Told()
    async with service(redis_url) as url:
        most_per_s = await capacity(url, keys[0])
        began_s = time.monotonic()
        await asking(url, keys[0], most_per_s * OVERLOAD, seconds, overloaded)
        took_s = time.monotonic() - began_s
        await asking(url, keys[1], OTHERS_PER_S, seconds, quiet)
        async with asyncio.TaskGroup() as group:
            group.create_task(asking(url, keys[2], OTHERS_PER_S * FLOOD, seconds, flood))
            group.create_task(asking(url, keys[1], OTHERS_PER_S, seconds, flooded))
    refusal_s = [took for _, took, _ in overloaded.refusals]
    others_s = [[wait for _, wait in told.waits_s] for told in (quiet, flooded)]
    quiet_s, flooded_s = map(percentile_95, others_s)
    return {
        "capacity_per_s": round(most_per_s, 2),
        "overload_outcomes": dict(overloaded.outcomes),
        "goodput_share": round(overloaded.outcomes[200] / took_s / most_per_s, 3),
        "refusal_p50_ms": round(median(refusal_s) * 1000, 1),
        "refusal_p95_ms": round(percentile_95(refusal_s) * 1000, 1),
        "retry_after_miss_p50": round(median(misses(overloaded)), 3),
        "retry_after_miss_p95": round(percentile_95(misses(overloaded)), 3),
        "others_refused": sum(flooded.outcomes.values()) - flooded.outcomes[200],
        "others_first_word_p95_quiet_s": round(quiet_s, 3),
        "others_first_word_p95_flooded_s": round(flooded_s, 3),
        "flood_outcomes": dict(flood.outcomes),
    }


def main() -> int:
    """Measure and print."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    with redis() as store:
        keys = [make_key(store.url).secret for _ in range(3)]
        figures = asyncio.run(measure(store.url, keys, arguments.seconds))
    show("line", figures, as_json=arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
