"""The services as they are, on loopback, before a live Prometheus: what the tests here use."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from mail_service.app import create_app as mail_app
from mail_service.app import work
from mail_service.settings import Settings as MailSettings
from shared.privacy.encryption import new_key_file
from telegram_service.app import create_app as telegram_app
from tests.servers.loopback import served
from tests.servers.monitoring import PrometheusServer
from tests.telegram_service.running_app import settings_for

PATIENCE_S = 30.0
NOWHERE = "http://127.0.0.1:9"
PACES = {
    r"scrape_(interval|timeout): \d+s": r"scrape_\1: 2s",
    r"evaluation_interval: \d+s": "evaluation_interval: 1s",
    r"for: \d+[smh]": "for: 1s",
}


@dataclass(frozen=True)
class Watched:
    """A live Prometheus over the services."""

    server: PrometheusServer
    http: httpx2.AsyncClient

    async def ask(self, path: str, **wanted: str) -> Any:
        """Return the data of a call of Prometheus's API."""
        reply = (await self.http.get(f"{self.server.url}/api/v1/{path}", params=wanted)).json()
        assert reply["status"] == "success", f"{wanted}: {reply}"
        return reply["data"]

    async def value(self, expression: str) -> float | None:
        """Return the first value of an expression, if it has any."""
        found = (await self.ask("query", query=expression))["result"]
        return float(found[0]["value"][1]) if found else None


def hasten(server: PrometheusServer) -> None:
    """Make everything happen within seconds: a test cannot wait for the pace of production."""
    files = [server.configuration / "prometheus.yml", *server.configuration.glob("rules/*.yml")]
    for file in files:
        text = file.read_text()
        for what, instead in PACES.items():
            text = re.sub(what, instead, text)
        file.write_text(text)


@asynccontextmanager
async def watching(
    folder: Path, targets: dict[str, list[str]], admin_key: str = ""
) -> AsyncIterator[Watched]:
    """Run Prometheus over `targets`, at the pace of a test."""
    server = await asyncio.to_thread(PrometheusServer, folder, targets, admin_key)
    await asyncio.to_thread(hasten, server)
    await asyncio.to_thread(server.start)
    try:
        async with httpx2.AsyncClient(timeout=5) as http:
            yield Watched(server, http)
    finally:
        await asyncio.to_thread(server.stop)


async def until(
    true: Callable[[], Awaitable[object] | object], patience_s: float = PATIENCE_S
) -> None:
    """Wait until something is so."""
    limit_s = time.monotonic() + patience_s
    while True:
        told = true()
        if await told if isinstance(told, Awaitable) else told:
            return
        assert time.monotonic() < limit_s, "not so in time"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def telegram(redis: RedisServer, folder: Path, **more: Any) -> AsyncIterator[str]:
    """Serve the bot's webhook and metrics; yield where it is."""
    key_file = folder / "telegram-vault"
    key_file.write_text(new_key_file())
    nowhere = "postgresql://neo:x@127.0.0.1:9/x"
    settings = settings_for(redis.url, nowhere, NOWHERE, NOWHERE, key_file, **more)
    app = await asyncio.to_thread(telegram_app, settings)
    async with served(app, lifespan=True) as url:
        yield url.removeprefix("http://")


@asynccontextmanager
async def mail(
    database_url: str, redis: RedisServer, folder: Path, ai_url: str = NOWHERE, **more: Any
) -> AsyncIterator[tuple[str, str]]:
    """Run the mailbox's API and worker; yield where their metrics are."""
    key_file = folder / "mail-vault"
    key_file.write_text(new_key_file())
    port = free_port()
    settings = MailSettings.model_validate(
        {
            "redis": {"url": redis.url},
            "postgres": {"url": database_url},
            "vault": {"key_file": key_file},
            "ai": {"url": ai_url, "api_key": "key"},
            "worker": {"readers": 1, "mails": 1, "senders": 1, "metrics_port": port},
            **more,
        }
    )
    app = await asyncio.to_thread(mail_app, settings)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app, lifespan=True))
        working = asyncio.create_task(work(settings, stopping))
        try:
            yield url.removeprefix("http://"), f"127.0.0.1:{port}"
        finally:
            stopping.set()
            await working
