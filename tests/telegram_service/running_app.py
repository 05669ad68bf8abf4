"""The whole service in one event loop, on real Redis and Postgres."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from shared.ai.scripted import ScriptedAi
from shared.clock import StoppedClock, SystemClock
from telegram_service.answering.services import Services, open_services
from telegram_service.app import create_app
from telegram_service.channels.telegram.client import Telegram
from telegram_service.channels.telegram.parsing import ALLOWED_UPDATES
from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi
from telegram_service.emulators.telegram.pacing import Pacing
from telegram_service.queue.update_queue import chat_key
from telegram_service.settings import Settings
from telegram_service.vault import Vault
from telegram_service.worker import Worker
from tests.servers.loopback import served

TOKEN = "424242:test"  # noqa: S105 - a made-up one
SECRET = "a-secret-of-the-webhook"  # noqa: S105 - a made-up one
SECRET_HEADER = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
UPDATE = {"update_id": 7, "message": {"message_id": 1, "chat": {"id": 5}, "text": "Bonjour"}}
NOWHERE = "http://127.0.0.1:9"
NO_DATABASE = "postgresql://neo:x@127.0.0.1:9/x"
TIMEOUT_S = 30.0


@dataclass
class RunningApp:
    """The service with its workers, and the emulators of Telegram and ai_core."""

    account: Account
    api: BotApi
    ai: ScriptedAi
    settings: Settings
    services: Services
    url: str
    workers: list[Worker] = field(default_factory=list)

    async def until(self, condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
        """Wait until a condition holds."""
        limit = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < limit, f"not in time: {self.account.messages}"
            await asyncio.sleep(0.01)

    async def until_claimed(self, chat: int, times: int) -> None:
        """Wait until a chat's updates were claimed `times` times from now on."""
        key, limit = chat_key(self.services.vault.name(chat)), time.monotonic() + TIMEOUT_S
        first = int(await self.services.redis.call("HGET", key, "fence") or 0)
        while int(await self.services.redis.call("HGET", key, "fence") or 0) < first + times:
            assert time.monotonic() < limit, f"claimed less than {times} times"
            await asyncio.sleep(0.01)

    async def ask(self, chat: int, text: str, **more: Any) -> list[dict[str, Any]]:
        """Say something and return what the bot wrote since, once all is settled."""
        before = len(self.account.written(chat))
        self.account.say(chat, text, **more)
        await self.settled()
        return self.account.written(chat)[before:]

    async def tap(self, chat: int, label: str, person: int | None = None) -> None:
        """CallbackQuery the newest button whose label contains `label`."""
        for message in reversed(self.account.written(chat)):
            for row in message.get("reply_markup", {}).get("inline_keyboard", []):
                for button in row:
                    if label in button["text"]:
                        number = message["message_id"]
                        self.account.tap(chat, number, button["callback_data"], person=person)
                        await self.settled()
                        return
        raise AssertionError(f"no button {label}")

    async def settled(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until nothing waits anywhere."""
        limit = time.monotonic() + timeout_s
        while True:
            assert time.monotonic() < limit, "not settled in time"
            await asyncio.sleep(0.01)
            if self.account.updates or self.api.delivery.pending:
                continue
            statistics = await self.services.counters.read()
            if not statistics.waiting:
                return


def telegram_of(services: Services) -> Telegram:
    """Return the channel Telegram."""
    channel = services.channels["telegram"]
    assert isinstance(channel, Telegram)
    return channel


def settings_for(
    redis_url: str, database_url: str, api_url: str, ai_url: str, key_file: Path, **more: Any
) -> Settings:
    """Return settings for the loopback, without the limits of the real Telegram."""
    values: dict[str, Any] = {
        "bot": {"token": TOKEN, "api_url": api_url},
        "webhook": {"secret": SECRET},
        "ai": {"url": ai_url, "api_key": "key", "retry_s": 0.3},
        "redis": {"url": redis_url},
        "postgres": {"url": database_url},
        "worker": {"lease_s": 0.6, "drain_s": 3},
        "limits": {
            "bot_per_s": 2000, "private_per_s": 200, "private_burst": 50, "group_per_min": 6000,
            "questions_per_minute": 1000, "questions_per_day": 10_000,
            "questions_per_minute_in_all": 100_000,
        },
        "store": {"key_file": key_file},
    }  # fmt: skip
    for name, section in more.items():
        values[name] = {**values.get(name, {}), **section}
    return Settings(**values)


def settings_without_workers(
    redis_url: str, key_file: Path, ai_url: str = NOWHERE, **more: Any
) -> Settings:
    """Return settings of an ingest that reaches Redis, and neither Postgres nor Telegram."""
    return settings_for(redis_url, NO_DATABASE, NOWHERE, ai_url, key_file, **more)


@asynccontextmanager
async def http_client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the HTTP side alone; yield a client of it."""
    asgi_app = await asyncio.to_thread(create_app, settings)
    async with (
        served(asgi_app, lifespan=True) as url,
        httpx2.AsyncClient(base_url=url) as client,
    ):
        yield client


async def post_update(client: httpx2.AsyncClient, **more: object) -> httpx2.Response:
    """Deliver an update as Telegram does."""
    return await client.post("/telegram/webhook", json={**UPDATE, **more}, headers=SECRET_HEADER)


@asynccontextmanager
async def running(
    redis_url: str, database_url: str, key_file: Path, *, workers: int = 1, **more: Any
) -> AsyncIterator[RunningApp]:
    """Run the emulator, a scripted ai_core, the ingest and workers."""
    account, ai = Account(privacy=False, pacing=Pacing(enforced=False)), ScriptedAi()
    account.allowed_updates = frozenset(ALLOWED_UPDATES)
    api = BotApi(account, TOKEN)
    async with served(api.app) as api_url, served(ai.app) as ai_url:
        settings = settings_for(redis_url, database_url, api_url, ai_url, key_file, **more)
        vault = await asyncio.to_thread(Vault.read, key_file)
        asgi_app = await asyncio.to_thread(create_app, settings)
        async with (
            served(asgi_app, lifespan=True) as url,
            open_services(settings, vault) as services,
        ):
            services.throttle._clock = StoppedClock(SystemClock().now())  # no minute ends midway
            api.delivery.set_webhook(f"{url}/telegram/webhook", SECRET, 40)
            running_workers = [Worker(services, f"worker-{number}") for number in range(workers)]
            app = RunningApp(account, api, ai, settings, services, url, running_workers)
            tasks = [asyncio.create_task(worker.run()) for worker in running_workers]
            delivering = asyncio.create_task(api.delivery.run())
            try:
                yield app
            finally:
                for worker in running_workers:
                    worker.stop()
                await asyncio.wait_for(asyncio.gather(*tasks), 10)
                delivering.cancel()
                await asyncio.wait([delivering])
