"""What every test gets: an environment without our settings, and an alarm for a blocked loop.

And what a test may ask for: a real Redis, old and new, a real Postgres, the tests' model.
"""

import gc
import logging
import os
import shutil
import signal
import ssl
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpcore2
import httpx
import pytest
import structlog
from blockbuster import BlockBuster
from hypothesis import settings

from ai_core.redis_keys import TAG
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer, bundled_redis, system_redis
from shared.stores.redis_connection import RedisConnection
from shared.texts import Texts
from tests import run_report
from tests.models.bleuet import Bleuet, bleuet
from tests.servers.databases import Databases
from tests.servers.redis_cluster import RedisCluster

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
"""The same examples in every run, however busy the machine; `./neo fuzz` looks for new ones."""

ROOT = Path(__file__).parents[1]
PREFIXES = ("AI_CORE_", "TELEGRAM_", "MAIL_")
GARBAGE_THRESHOLDS = 5_000, 20, 50
SLOW_FIXTURES = {"cluster", "small_model", "watched"}
SLOW_S = 2
"""What a slow test takes that does not say how long."""
PACKAGES = ["ai_core", "telegram_service", "mail_service", "shared"]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)


def plain_errors() -> None:
    """Print errors without reading their files again, which would block the event loop.

    structlog's default does, in the colours of rich, wherever no service has set up its logs.
    """
    processors = structlog.get_config()["processors"][:-1]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, renderer])


@pytest.fixture(autouse=True)
def log_settings_of_one_test() -> Iterator[None]:
    """Undo what a command run in this process sets up for its logs, so that no test inherits it."""
    plain_errors()
    yield
    structlog.reset_defaults()
    logging.root.setLevel(logging.WARNING)
    ours = structlog.stdlib.ProcessorFormatter
    logging.root.handlers = [
        handler for handler in logging.root.handlers if not isinstance(handler.formatter, ours)
    ]


@pytest.fixture(scope="session", autouse=True)
def private_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail a run that opens pytest's folder to others.

    Every run closes the folder again in which all of them have theirs; a server of another user
    that was started there by a run at the same time would lose its files.
    """
    yield
    assert tmp_path_factory.getbasetemp().stat().st_mode & 0o077 == 0


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """Let clients share what they trust: each would read the machine's authorities, for 29 ms.

    The bot's library, which has a client for its calls and one for getUpdates, uses httpx.
    """
    read, httpx_read = httpcore2.default_ssl_context, httpx.create_ssl_context

    @cache
    def trusting(_file: str | None, _folder: str | None, trust_env: bool) -> ssl.SSLContext:
        return read(_trust_env=trust_env)

    @cache
    def httpx_trusting(_file: str | None, _folder: str | None) -> ssl.SSLContext:
        return httpx_read()

    def named() -> tuple[str | None, str | None]:
        return os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")

    def shared_context(*, _trust_env: bool = True) -> ssl.SSLContext:
        return trusting(*named(), _trust_env)

    def httpx_context(**wanted: Any) -> ssl.SSLContext:
        usual = wanted == {"verify": True, "cert": None, "trust_env": True}
        return httpx_trusting(*named()) if usual else httpx_read(**wanted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", shared_context)
        patch.setattr("httpx._transports.default.create_ssl_context", httpx_context)
        yield


@pytest.fixture(scope="session", autouse=True)
def texts_read_once() -> Iterator[None]:
    """Let the services share their sentences, which no test changes: 30 ms for each service."""
    read = Texts.read
    known = cache(read)

    def shared_texts(*paths: Path) -> Texts:
        ours = all(ROOT in path.absolute().parents for path in paths)
        return known(*paths) if ours else read(*paths)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Texts, "read", shared_texts)
        yield


@pytest.fixture(scope="session")
def blocking_alarm() -> BlockBuster:
    alarm = BlockBuster(PACKAGES)
    for function in alarm.functions.values():  # a service reads them before its loop turns
        function.can_block_in("shared/settings.py", "secret_files")
    return alarm


@pytest.fixture(autouse=True)
def no_blocking_calls(blocking_alarm: BlockBuster) -> Iterator[None]:
    blocking_alarm.activate()
    yield
    blocking_alarm.deactivate()


def bundled(directory: Path) -> RedisServer:
    return RedisServer(directory, binary=bundled_redis())


def debians(directory: Path) -> RedisServer:
    return RedisServer(directory, binary=system_redis())


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(bundled, id="valkey-9"),
        pytest.param(
            debians, id="redis-7", marks=[pytest.mark.needs("redis-server"), pytest.mark.slow]
        ),
        pytest.param(
            RedisCluster,
            id="cluster",
            marks=[pytest.mark.needs("redis-server"), pytest.mark.slow],
        ),
    ],
)
def supported_redis(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer | RedisCluster]:
    """A running Redis: each version we support, and a cluster whose URL names a replica."""
    server = request.param(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def connection(supported_redis: RedisServer | RedisCluster) -> AsyncIterator[RedisConnection]:
    """A connection to an empty Redis."""
    connection = RedisConnection(supported_redis.url, TAG, timeout_s=10)
    await connection.open()
    await connection.call("FLUSHALL")
    yield connection
    await connection.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own, which it may kill and freeze."""
    server = RedisServer(tmp_path / "redis", binary=bundled_redis())
    server.start()
    yield server
    server.thaw()
    server.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster of the module's own, whose nodes it may kill, freeze and mend."""
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running Postgres, outside pytest's folder, into which its user may not look."""
    folder = Path(tempfile.mkdtemp(prefix="neo-postgres-"))
    server = PostgresServer(folder, safe=False)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[Databases]:
    databases = Databases(postgres_server)
    yield databases
    databases.close()


@pytest.fixture
def database_url(postgres_server: PostgresServer, databases: Databases) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    name = databases.take()
    yield postgres_server.url(name)
    databases.give_back(name)


@pytest.fixture(scope="session")
def small_model() -> Bleuet:
    """The project's own model in every format, made once on this machine (a minute or two)."""
    return bleuet()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Tell more than pytest does while a run goes on, and let SIGINT end what tests start.

    A shell that runs this in the background ignores SIGINT, and every program below inherits that:
    one that a test interrupts would go on for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run_report.begin(session)


def pytest_collection_finish() -> None:
    """Leave what was collected, and every module, out of garbage collections.

    A process of a run holds 700,000 objects before its first test, which each full collection reads
    for a quarter of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _seconds(item: pytest.Item) -> int:
    """Return about how long a test takes."""
    marker = item.get_closest_marker("slow")
    redis_alone = isinstance(item, pytest.Function) and "supported_redis" in item.fixturenames
    if marker is None or redis_alone:  # slow is then what starts the server, once
        return 0
    return int(marker.args[0]) if marker.args else SLOW_S


@pytest.hookimpl(tryfirst=True)  # before pytest selects by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `./neo test --without` names; a test says what it needs by a marker.

    A test that asks for one of SLOW_FIXTURES is slow without saying so. The files that take longest
    come first, so that the processes of a run end at about the same time.
    """
    for item in items:
        if isinstance(item, pytest.Function) and SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    seconds: Counter[Path] = Counter()
    for item in items:
        seconds[item.path] += _seconds(item)
    items.sort(key=lambda item: -seconds[item.path])
    without = {name for name in os.environ.get("NEO_WITHOUT", "").split(",") if name}
    left_out = [
        item
        for item in items
        if any(marker.args[0] in without for marker in item.iter_markers("needs"))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
