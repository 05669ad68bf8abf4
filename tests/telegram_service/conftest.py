"""Real Redis and Postgres for the tests of telegram_service, and the whole service on them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import redis

from deploy.local.redis_server import RedisServer
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from telegram_service.voice.weights import write_sums
from tests.telegram_service.running_app import (
    RunningApp,
    http_client,
    running,
    settings_without_workers,
)
from tests.telegram_service.voice.tiny_whisper import write_model


@pytest.fixture(scope="session")
def queue_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for queues that does not wait for the disk at each write: no test cuts its power."""
    folder = tmp_path_factory.mktemp("redis")
    server = RedisServer(folder, queue=True, settings="appendfsync no\n")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(queue_redis: RedisServer) -> str:
    with redis.Redis.from_url(queue_redis.url) as client:
        client.flushall()
    return queue_redis.url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of an empty Redis whose replies are text."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def client(redis_url: str, key_file: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the HTTP side alone."""
    async with http_client(settings_without_workers(redis_url, key_file)) as client:
        yield client


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    set_up_logs("telegram_service", "warning")


@pytest.fixture(autouse=True)
def short_wait_for_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that a test sends together come within milliseconds."""
    monkeypatch.setattr("telegram_service.answering.joining.NEXT_PIECE_S", 0.3)


@pytest.fixture(autouse=True)
def short_waits_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """For updates, half of which passes after each test, and until verdicts are sent on."""
    monkeypatch.setattr("telegram_service.worker.READ_TIMEOUT_MS", 50)
    monkeypatch.setattr("telegram_service.worker.FORWARD_EVERY_S", 0.3)


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vault") / "key"
    path.write_text(new_key_file())
    return path


@pytest.fixture
async def app(redis_url: str, database_url: str, key_file: Path) -> AsyncIterator[RunningApp]:
    async with running(redis_url, database_url, key_file) as app:
        yield app


@pytest.fixture(scope="session")
def voice_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that transcribes: see tiny_whisper.py."""
    folder = write_model(tmp_path_factory.mktemp("whisper"))
    write_sums(folder)
    return folder
