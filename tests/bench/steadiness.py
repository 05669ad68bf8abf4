"""What traffic, switches, crashes and crowds do to answers under way: `./neo bench steadiness`.

The real service with the test model in GGUF (and its LoRA), every figure over HTTP. `--only` names
the measurements, `--share` makes them smaller: 1 is what docs/performance.md reports.
"""

import asyncio
import json
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from secrets import token_hex

import httpx2

from tests.bench._service import Model, Service, service
from tests.load.bench import command_line, show
from tests.models.bleuet import bleuet

CHAT = "/v1/chat/completions"
COUNT = "Compte jusqu'à soixante."
SHORT = "Que fabrique la poterie Terre-Brune ?"
MODEL, OTHER, LORA = "bleuet", "bleuet-half", "renard"
STREAMS, STREAMS_AT_ONCE = 10_000, 40
MARKED, MARKED_AT_ONCE = 10_000, 30
CYCLES = 200
HANG_UPS = 300
OVERLOAD_S = 300.0
TIMES_CAPACITY = 3.0
CROWD = 50
ALMOST_GREEDY = 1e-5
"""Writes the likeliest token, and no answer comes from the cache."""


@dataclass
class Run:
    """A running service, and how much of each measurement to do."""

    service: Service
    share: float

    def count(self, whole: int) -> int:
        """Return the share of `whole`, at least 10."""
        return max(10, int(whole * self.share))


def body(
    question: str, *, model: str = MODEL, stream: bool = True, **more: object
) -> dict[str, object]:
    """Return a request for a plain model's answer."""
    turns = [{"role": "user", "content": question}]
    return {"model": model, "messages": turns, "stream": stream, "max_tokens": 200, **more}


@dataclass
class Told:
    """One streamed answer: its text, how it ended, and when its first word came."""

    text: str = ""
    end: str = "cut"
    """ "stop", "length", an error's code or status, or "cut"."""
    first_s: float = 0.0
    whole: bool = False

    def hear(self, data: str, now_s: float) -> None:
        """Take one event in."""
        if data == "[DONE]":
            self.whole = True
            return
        event = json.loads(data)
        if "error" in event:
            self.end, self.whole = str(event["error"]["code"]), True
            return
        for choice in event["choices"]:
            if choice["delta"].get("content"):
                self.first_s = self.first_s or now_s
                self.text += choice["delta"]["content"]
            self.end = choice["finish_reason"] or self.end


async def ask(client: httpx2.AsyncClient, request: dict[str, object]) -> Told:
    """Read one stream to its end."""
    started = time.monotonic()
    told = Told()
    try:
        async with client.stream("POST", CHAT, json=request) as response:
            if response.status_code != httpx2.codes.OK:
                await response.aread()
                return Told(end=str(response.status_code), whole=True)
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    told.hear(line.removeprefix("data: "), time.monotonic() - started)
    except httpx2.TransportError:
        pass  # `whole` stays false
    return told


async def crowd(count: int, at_once: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Do `one` for each number below `count`, so many at once."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(worker() for _ in range(at_once)))


async def streams(run: Run) -> dict[str, object]:
    """Overlapping streams: each whole, and the same text as when it is asked alone."""
    async with run.service.client(timeout_s=600) as client:
        alone = {question: (await ask(client, body(question))).text for question in (COUNT, SHORT)}
        ends: Counter[str] = Counter()
        wrong = 0

        async def one(number: int) -> None:
            nonlocal wrong
            question = COUNT if number % 10 == 0 else SHORT
            told = await ask(client, body(question, temperature=ALMOST_GREEDY, seed=number + 1))
            ends[told.end if told.whole else "cut"] += 1
            wrong += told.end == "stop" and told.text != alone[question]

        count = run.count(STREAMS)
        started = time.monotonic()
        await crowd(count, STREAMS_AT_ONCE, one)
    truncated = count - ends["stop"]
    return {
        "streams": count,
        "truncated": truncated,
        "of_another_text": wrong,
        "ends": dict(ends),
        "seconds": round(time.monotonic() - started, 1),
    }


async def markers(run: Run) -> dict[str, object]:
    """Requests with a secret each, under two keys: whose answer holds another one's secret?"""
    secrets = {(key, n): f"{key}{token_hex(8)}" for key in ("one", "two") for n in range(50)}
    crossed = 0
    ends: Counter[str] = Counter()
    async with (
        run.service.client("one", timeout_s=600) as one,
        run.service.client("two", timeout_s=600) as two,
    ):

        async def ask_with_secret(number: int) -> None:
            nonlocal crossed
            key = ("one", "two")[number % 2]
            mine = secrets[key, number % 50]
            client = one if key == "one" else two
            request = body(
                f"{mine} : {SHORT}",
                temperature=(ALMOST_GREEDY, 0.8)[number % 3 == 0],
                seed=number + 1,
                max_tokens=40,
            )
            told = await ask(client, request)
            ends[told.end] += 1
            crossed += any(secret in told.text for secret in secrets.values() if secret != mine)

        count = run.count(MARKED)
        await crowd(count, MARKED_AT_ONCE, ask_with_secret)
    return {"requests": count, "crossed": crossed, "ends": dict(ends)}


async def cycles(run: Run) -> dict[str, object]:
    """Load, switch and unload models under traffic; nothing under way fails, memory comes back."""
    ends: Counter[str] = Counter()
    stop = asyncio.Event()
    count = run.count(CYCLES)
    async with (
        run.service.client(timeout_s=600) as client,
        run.service.client("admin", timeout_s=600) as admin,
    ):

        async def traffic(model: str) -> None:
            while not stop.is_set():
                told = await ask(client, body(SHORT, model=model, temperature=0.5))
                ends[told.end] += 1

        talking = [asyncio.create_task(traffic(name)) for name in (MODEL, MODEL, LORA)]
        for _ in range(count // 10):
            await _cycle(admin, OTHER)
        before_mib = run.service.rss_mib()
        switching = asyncio.create_task(traffic(OTHER))
        seconds = [await _cycle(admin, OTHER) for _ in range(count)]
        stop.set()
        await switching
        await _cycle(admin, OTHER)
        after_mib = run.service.rss_mib()
        await asyncio.gather(*talking)
    failed = sum(ends.values()) - ends["stop"] - ends["length"]
    return {
        "cycles": count,
        "answers_meanwhile": sum(ends.values()),
        "failed": failed,
        "ends": dict(ends),
        "median_cycle_s": round(statistics.median(seconds), 2),
        "rss_drift_percent": round((after_mib / before_mib - 1) * 100, 1),
    }


async def _cycle(admin: httpx2.AsyncClient, name: str) -> float:
    started = time.monotonic()
    for action in ("load", "unload"):
        (await admin.post(f"/api/v1/models/{action}", json={"model": name})).raise_for_status()
    return time.monotonic() - started


async def memory(run: Run) -> dict[str, object]:
    """Load a model, use it, unload it: what comes back; and what loading and switching take."""
    async with run.service.client("admin") as admin:
        await _cycle(admin, OTHER)
        before_mib = run.service.rss_mib()
        loads, first_words, adapters = [], [], []
        for _ in range(10):
            started = time.monotonic()
            (await admin.post("/api/v1/models/load", json={"model": OTHER})).raise_for_status()
            loads.append(time.monotonic() - started)
            told = await ask(admin, body(SHORT, model=OTHER, temperature=0.1))
            first_words.append(told.first_s)
            await admin.post("/api/v1/models/unload", json={"model": OTHER})
        after_mib = run.service.rss_mib()
        for number in range(20):
            plain = await ask(admin, body(SHORT, temperature=0.1, seed=number + 1))
            adapted = await ask(admin, body(SHORT, model=LORA, temperature=0.1, seed=number + 1))
            adapters.append(adapted.first_s - plain.first_s)
    return {
        "load_median_s": round(statistics.median(loads), 3),
        "first_token_after_load_s": round(statistics.median(first_words), 3),
        "lora_switch_median_ms": round(statistics.median(adapters) * 1000, 1),
        "rss_not_returned_percent": round((after_mib / before_mib - 1) * 100, 1),
    }


async def hang_ups(run: Run) -> dict[str, object]:
    """Hang up while a slot is held or waited for; how long until the slots are free again?"""
    waits = []
    async with run.service.client("two") as other:
        for number in range(run.count(HANG_UPS)):
            client = run.service.client("one")
            asking = asyncio.create_task(ask(client, body(COUNT, temperature=0.3, seed=number + 1)))
            await asyncio.sleep(0.15 * (number * 0.618 % 1))
            asking.cancel()
            await asyncio.wait([asking])
            await client.aclose()
            started = time.monotonic()
            await _settled(other, "num_requests_running", 0)
            waits.append(time.monotonic() - started)
    waits.sort()
    return {
        "hang_ups": len(waits),
        "free_after_p50_ms": round(statistics.median(waits) * 1000, 1),
        "free_after_p99_ms": round(waits[int(len(waits) * 0.99)] * 1000, 1),
    }


async def _settled(client: httpx2.AsyncClient, gauge: str, most: float) -> None:
    """Return once the sum of a gauge over all models is no more than `most`."""
    for _ in range(30_000):
        told = (await client.get("/metrics")).text
        values = [line for line in told.splitlines() if line.startswith(f"{gauge}{{")]
        if sum(float(line.rpartition(" ")[2]) for line in values) <= most:
            return
        await asyncio.sleep(0.002)


async def kill(run: Run) -> dict[str, object]:
    """SIGKILL the model's process in the middle of a stream."""
    async with run.service.client() as client:
        asking = asyncio.create_task(ask(client, body(COUNT, temperature=0.2)))
        await asyncio.sleep(0.05)
        for pid in run.service.children():
            os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        unready_s = await _until(client, httpx2.codes.SERVICE_UNAVAILABLE, started)
        told = await asking
        live = (await client.get("/live")).status_code
        back_s = await _until(client, httpx2.codes.OK, started)
        again = await ask(client, body(SHORT))
    return {
        "stream_ended_with": told.end,
        "unready_after_s": round(unready_s, 3),
        "live_meanwhile": live,
        "ready_again_after_s": round(back_s, 2),
        "answer_after": again.end,
    }


async def _until(client: httpx2.AsyncClient, status: int, started: float) -> float:
    for _ in range(12_000):
        if (await client.get("/ready")).status_code == status:
            break
        await asyncio.sleep(0.005)
    return time.monotonic() - started


async def overload(run: Run) -> dict[str, object]:
    """Open loop at three times what the model can do; refusals are quick and tell the truth."""
    async with run.service.client(timeout_s=600) as client:
        capacity = await _capacity(client, seconds=max(5.0, 30.0 * run.share))
        outcomes: Counter[str] = Counter()
        refusals: list[float] = []
        promises: list[float] = []
        late: list[float] = []
        tasks: set[asyncio.Task[None]] = set()
        seconds = max(10.0, OVERLOAD_S * run.share)

        async def one(number: int) -> None:
            started = time.monotonic()
            response = await client.post(
                CHAT, json=body(COUNT, stream=False, temperature=0.5, seed=number)
            )
            took_s = time.monotonic() - started
            outcomes[str(response.status_code)] += 1
            if response.status_code != httpx2.codes.OK:
                refusals.append(took_s)
                promises.append(float(response.headers["retry-after"]))
            else:
                late.append(took_s)

        started, number = time.monotonic(), 0
        while (now := time.monotonic() - started) < seconds:
            while number < now * capacity * TIMES_CAPACITY:
                number += 1
                task = asyncio.create_task(one(number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.005)
        done_in_time = outcomes["200"]
        await asyncio.gather(*tasks)
    return {
        "capacity_per_s": round(capacity, 2),
        "seconds": round(seconds),
        "outcomes": dict(outcomes),
        "goodput_percent": round(done_in_time / seconds / capacity * 100, 1),
        "refusal_p99_ms": round(_percentile(refusals, 99) * 1000, 1),
        "retry_after_median_s": statistics.median(promises) if promises else None,
        "answered_after_median_s": round(statistics.median(late), 2),
    }


async def _capacity(client: httpx2.AsyncClient, seconds: float) -> float:
    """Return the answers a second when as many ask as can be written at once."""
    done, number = 0, 0
    end = time.monotonic() + seconds

    async def worker() -> None:
        nonlocal done, number
        while time.monotonic() < end:
            number += 1
            request = body(COUNT, stream=False, temperature=0.5, seed=1_000_000 + number)
            answer = await client.post(CHAT, json=request)
            done += answer.status_code == httpx2.codes.OK and time.monotonic() < end

    await asyncio.gather(*(worker() for _ in range(24)))
    return done / seconds


async def retry_after(run: Run) -> dict[str, object]:
    """Fill the line, then come back when told: was it time, and not much more than time?"""
    errors = []
    async with (
        run.service.client("one", timeout_s=600) as crowd_client,
        run.service.client("two", timeout_s=600) as client,
    ):
        for trial in range(max(3, int(10 * run.share))):
            crowd_tasks = [
                asyncio.create_task(
                    ask(crowd_client, body(COUNT, temperature=0.6, seed=trial * 1_000 + n + 1))
                )
                for n in range(90)
            ]
            await asyncio.sleep(0.5)
            refused = await crowd_client.post(CHAT, json=body(COUNT, stream=False, temperature=0.6))
            if refused.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                promised = float(refused.headers["retry-after"])
                started = time.monotonic()
                await _settled(client, "num_requests_waiting", 63)
                truth = time.monotonic() - started
                errors.append((promised, round(truth, 2)))
            await asyncio.gather(*crowd_tasks)
    return {"promised_and_true_s": errors}


async def flood(run: Run) -> dict[str, object]:
    """One key asks fifty times as much as the other: what does the other wait for a first word?"""
    async with (
        run.service.client("one", timeout_s=600) as loud,
        run.service.client("two", timeout_s=600) as calm,
    ):

        async def paced(number: int) -> float:
            told = await ask(calm, body(SHORT, temperature=0.4, seed=number + 1))
            await asyncio.sleep(0.2)
            return told.first_s

        count = run.count(100)
        quiet = [await paced(number) for number in range(count)]
        stop = asyncio.Event()

        async def shout(number: int) -> None:
            while not stop.is_set():
                told = await ask(loud, body(SHORT, temperature=0.4, seed=number + 7))
                if told.end.isdigit():
                    await asyncio.sleep(0.05)

        shouting = [asyncio.create_task(shout(number)) for number in range(CROWD)]
        await asyncio.sleep(1.0)
        beside = [await paced(number + count) for number in range(count)]
        stop.set()
        await asyncio.gather(*shouting)
    return {
        "quiet_p95_ms": round(_percentile(quiet, 95) * 1000, 1),
        "beside_a_flood_p95_ms": round(_percentile(beside, 95) * 1000, 1),
        "ratio": round(_percentile(beside, 95) / _percentile(quiet, 95), 2),
    }


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] if values else 0.0


MEASURES: dict[str, Callable[[Run], Coroutine[None, None, dict[str, object]]]] = {
    "memory": memory,
    "kill": kill,
    "hang_ups": hang_ups,
    "flood": flood,
    "retry_after": retry_after,
    "cycles": cycles,
    "markers": markers,
    "streams": streams,
    "overload": overload,
}


def main() -> None:
    """Measure what was asked for and print it."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--only", default=",".join(MEASURES), help=", ".join(MEASURES))
    parser.add_argument("--share", type=float, default=1.0, help="of the full counts (default 1)")
    options = parser.parse_args()
    files = bleuet()
    models = [
        Model(MODEL, "gguf", files.gguf, ("pinned = true",)),
        Model(OTHER, "gguf", files.gguf_half),
        Model(LORA, "lora", files.lora_gguf, (f'base = "{MODEL}"',)),
    ]
    figures: dict[str, object] = {}
    for name in options.only.split(","):
        with service(models, default=MODEL) as running:
            figures[name] = asyncio.run(MEASURES[name](Run(running, options.share)))
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    show("steadiness", figures, as_json=options.json)


if __name__ == "__main__":
    main()
