"""Several workers of ai_core on one port: real processes, a real Redis, the sample corpus."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest

from ai_core.access.keys import KeyRing, Scope
from ai_core.access.rate_limits import UNLIMITED, RateLimits
from ai_core.law.ingest.sample import build_sample
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection
from shared.worker_metrics import children_of
from tests.ai_core.tiny_models import write_gguf

pytestmark = pytest.mark.slow(40)

WORKERS = 2
TIMEOUT_S = 180.0
QUESTION = "Quelle est la durée du préavis de démission ?"
ROOT = Path(__file__).parents[2]


class Service:
    """A parent and its workers."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, redis_url: str) -> None:
        self.process = process
        self.url = url
        self.redis_url = redis_url

    def pids(self) -> set[int]:
        return set(children_of(self.process.pid))

    async def workers(self) -> set[int]:
        return await asyncio.to_thread(self.pids)

    async def models(self) -> list[int]:
        """Return the processes that have a model in memory."""
        return await asyncio.to_thread(self.model_pids)

    def model_pids(self) -> list[int]:
        return [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if b"ai_core.engines.process.child" in command_of(folder)
            and self.process.pid in ancestors(int(folder.name))
        ]

    async def complete(self, key: str, prompt: str) -> httpx2.Response:
        """Have the model complete a text, on a connection of its own."""
        body = {"model": "tiny", "prompt": prompt, "max_tokens": 5}
        async with httpx2.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            return await client.post("/v1/completions", json=body, headers={"X-API-Key": key})

    async def key(self, scope: Scope = Scope.INFERENCE, limits: RateLimits = UNLIMITED) -> str:
        connection = RedisConnection(self.redis_url, TAG, timeout_s=30)
        await connection.open()
        try:
            return (
                await KeyRing(connection, SystemClock()).create("t", scope, limits=limits)
            ).secret
        finally:
            await connection.close()

    async def ask(self, key: str, question: str) -> httpx2.Response:
        """Ask on a connection of its own, which any worker may take."""
        async with httpx2.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            body = {"prompt": question}
            return await client.post("/api/v1/generate", json=body, headers={"X-API-Key": key})

    async def metrics(self, key: str) -> str:
        async with httpx2.AsyncClient(base_url=self.url, timeout=TIMEOUT_S) as client:
            reply = await client.get("/metrics", headers={"X-API-Key": key})
        assert reply.status_code == 200
        return reply.text


@pytest.fixture(scope="module")
def service(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data_dir = tmp_path_factory.mktemp("data")
    build_sample(data_dir)
    (data_dir / "models").mkdir()
    weights = write_gguf(data_dir / "models" / "tiny.gguf")
    (data_dir / "models" / "models.toml").write_text(
        f'[[model]]\nname = "tiny"\nformat = "gguf"\nsource = "{weights}"\n'
        "context_tokens = 128\nslots = 2\nthreads = 1\n",
        encoding="utf-8",
    )
    running = start(data_dir, redis.url)
    try:
        yield running
    finally:
        stop(running)


def start(data_dir: Path, redis_url: str) -> Service:
    port = free_port()
    settings = {
        "AI_CORE_DATA_DIR": str(data_dir),
        "AI_CORE_REDIS__URL": redis_url,
        "AI_CORE_SERVER__PORT": str(port),
        "AI_CORE_SERVER__WORKERS": str(WORKERS),
    }
    with (data_dir / "ai_core.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ai_core", "serve"],
            env=os.environ | settings,
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    service = Service(process, f"http://127.0.0.1:{port}", redis_url)
    try:
        until(lambda: is_ready(service) and len(service.pids()) == WORKERS)
    except BaseException:
        stop(service)
        raise
    return service


def stop(service: Service) -> None:
    service.process.terminate()
    try:
        service.process.wait(TIMEOUT_S)
    finally:
        service.process.kill()


def is_ready(service: Service) -> bool:
    assert service.process.poll() is None
    with suppress(httpx2.TransportError):
        return httpx2.get(f"{service.url}/ready", timeout=TIMEOUT_S).is_success
    return False


def command_of(process: Path) -> bytes:
    with suppress(OSError):
        return (process / "cmdline").read_bytes()
    return b""


def ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except OSError:
            return
        pid = int(fields.split()[1])
        yield pid


def have_ended(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def until(holds: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < give_up_s, "it did not come about"
        time.sleep(0.05)


def value_of(metrics: str, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that have these labels."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", metrics, re.MULTILINE)
    wanted = [f'{label}="{text}"' for label, text in labels.items()]
    return sum(float(value) for told, value in found if all(one in told for one in wanted))


async def test_every_worker_answers_and_one_scrape_counts_them_all(service: Service) -> None:
    key, admin = await service.key(), await service.key(Scope.ADMIN)
    before = value_of(await service.metrics(admin), "questions_total")
    for stopped in await service.workers():
        os.kill(stopped, signal.SIGSTOP)
        try:
            replies = [await service.ask(key, f"{QUESTION} ({stopped} {n})") for n in range(5)]
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert [reply.status_code for reply in replies] == [200] * 5, replies[0].text

    scrapes = [await service.metrics(admin) for _ in range(6)]
    for metrics in scrapes:
        assert value_of(metrics, "questions_total") == before + 5 * WORKERS
        assert value_of(metrics, "workers") == WORKERS
        assert value_of(metrics, "http_requests_open") == 1  # the scrape itself
    assert len({value_of(one, "process_start_time_seconds") for one in scrapes}) == 1
    times = [value_of(one, "process_cpu_seconds_total") for one in scrapes]
    assert times == sorted(times)


async def test_a_limit_holds_over_all_workers(service: Service) -> None:
    key = await service.key(limits=RateLimits(requests_per_minute=20))
    replies = await asyncio.gather(*(service.ask(key, f"{QUESTION} {n}") for n in range(60)))

    assert Counter(reply.status_code for reply in replies) == {200: 20, 429: 40}


async def test_a_question_asked_everywhere_at_once_is_answered_once(service: Service) -> None:
    key, admin = await service.key(), await service.key(Scope.ADMIN)
    before = value_of(await service.metrics(admin), "answer_topics_total")
    question = "Combien de jours de congés payés ai-je par mois de travail ?"
    replies = await asyncio.gather(*(service.ask(key, question) for _ in range(40)))

    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["response"] for reply in replies}) == 1
    assert value_of(await service.metrics(admin), "answer_topics_total") == before + 1


async def test_a_reload_replaces_every_worker_and_fails_nobody(service: Service) -> None:
    key, admin = await service.key(), await service.key(Scope.ADMIN)
    before, statuses = await service.workers(), list[int]()
    counted = value_of(await service.metrics(admin), "questions_total")
    service.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(TIMEOUT_S):
        while await service.workers() & before or len(await service.workers()) != WORKERS:
            statuses.append((await service.ask(key, f"{QUESTION} {len(statuses)}")).status_code)

    assert set(statuses) == {200}
    assert value_of(await service.metrics(admin), "questions_total") == counted + len(statuses)


async def test_a_model_is_loaded_once_for_all_workers_and_outlives_them(service: Service) -> None:
    key, admin = await service.key(), await service.key(Scope.ADMIN)
    for stopped in await service.workers():
        os.kill(stopped, signal.SIGSTOP)
        try:
            prompts = [f"mot {n} {stopped}" for n in range(6)]
            replies = await asyncio.gather(*(service.complete(key, one) for one in prompts))
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert [reply.status_code for reply in replies] == [200] * 6
    [model] = await service.models()

    before = await service.workers()
    service.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(TIMEOUT_S):
        while await service.workers() & before or len(await service.workers()) != WORKERS:
            assert (await service.complete(key, "encore")).status_code == 200
    assert await service.models() == [model]
    metrics = await service.metrics(admin)
    assert value_of(metrics, "model_loaded", model="tiny") == 1
    assert value_of(metrics, "model_slots", model="tiny") >= 1
    assert value_of(metrics, "request_decode_time_seconds_count", model="tiny") >= 12


async def test_a_killed_owner_of_the_models_is_started_again(service: Service) -> None:
    key = await service.key()
    assert (await service.complete(key, "un")).status_code == 200
    [model] = await service.models()
    owner = (await asyncio.to_thread(lambda: list(ancestors(model))))[0]
    os.kill(owner, signal.SIGKILL)
    assert (await service.ask(key, f"{QUESTION} ({owner})")).status_code == 200
    async with asyncio.timeout(TIMEOUT_S):
        while (await service.complete(key, "deux")).status_code != 200:
            pass
    assert model not in await service.models()


async def test_a_killed_worker_is_replaced_and_what_it_counted_stays(service: Service) -> None:
    key, admin = await service.key(), await service.key(Scope.ADMIN)
    await service.ask(key, QUESTION)
    counted = value_of(await service.metrics(admin), "questions_total")
    before = await service.workers()
    os.kill(min(before), signal.SIGKILL)
    await asyncio.to_thread(
        until, lambda: min(before) not in service.pids() and len(service.pids()) == WORKERS
    )

    assert (await service.ask(key, QUESTION)).status_code == 200
    metrics = await service.metrics(admin)
    assert value_of(metrics, "questions_total") == counted + 1
    assert value_of(metrics, "http_requests_open") == 1


def test_workers_end_with_their_parent(redis: RedisServer, tmp_path: Path) -> None:
    build_sample(tmp_path)
    for ending, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)):
        service = start(tmp_path, redis.url)
        workers = service.pids()
        service.process.send_signal(ending)
        assert service.process.wait(TIMEOUT_S) == status
        until(partial(have_ended, workers))


def test_a_port_that_is_taken_is_said_once(service: Service, tmp_path: Path) -> None:
    port = service.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "ai_core", "serve"],
        env=os.environ
        | {
            "AI_CORE_DATA_DIR": str(tmp_path),
            "AI_CORE_REDIS__URL": service.redis_url,
            "AI_CORE_SERVER__PORT": port,
            "AI_CORE_SERVER__WORKERS": str(WORKERS),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 3  # uvicorn, before it serves
    assert done.stdout.count("Address already in use") == 1
