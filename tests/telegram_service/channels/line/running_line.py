"""The whole service on LINE in one event loop, on real Redis and Postgres."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.ai.scripted import ScriptedAi
from telegram_service.answering.services import Services, open_services
from telegram_service.app import create_app
from telegram_service.channels.line.client import Line
from telegram_service.emulators.line.account import Account, chat_of, group_id, user_id
from telegram_service.emulators.line.api import MessagingApi
from telegram_service.vault import Vault
from telegram_service.worker import Worker
from tests.servers.loopback import served
from tests.telegram_service.running_app import NOWHERE, TIMEOUT_S, settings_for

SECRET, TOKEN = "a-channel-secret", "an-access-token"
ALICE, BOB, GROUP = user_id(11), user_id(12), group_id(1)


@dataclass
class RunningLine:
    """The service with its workers, and the emulators of LINE and ai_core."""

    account: Account
    api: MessagingApi
    ai: ScriptedAi
    services: Services
    url: str
    workers: list[Worker] = field(default_factory=list)

    @property
    def channel(self) -> Line:
        channel = self.services.channels["line"]
        assert isinstance(channel, Line)
        return channel

    def calls(self, path: str) -> int:
        """Return how often the bot called a path with success."""
        return sum(call.path.endswith(path) and call.status < 300 for call in self.account.calls)

    async def settled(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until nothing waits anywhere."""
        limit = time.monotonic() + timeout_s
        while True:
            assert time.monotonic() < limit, "not settled in time"
            await asyncio.sleep(0.01)
            if self.account.events or self.api.delivery.pending:
                continue
            if not (await self.services.counters.read()).waiting:
                return

    async def ask(self, person: str, text: str, **more: Any) -> list[dict[str, Any]]:
        """Say something; return what the bot wrote since, once all is settled."""
        return await self.seen(self.account.say(person, text, **more))

    async def tap(self, person: str, label: str, *, chat: str = "") -> list[dict[str, Any]]:
        """Tap what shows a label; return what the bot wrote since."""
        event = self.account.tap(person, label, chat=chat)
        return await self.seen(event) if event else []

    async def seen(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what the bot wrote after an event that was just queued."""
        before = len(self.account.written(chat_of(event)))
        await self.settled()
        return self.account.written(chat_of(event))[before:]


@asynccontextmanager
async def running_line(
    redis_url: str, database_url: str, key_file: Path, *, workers: int = 1, **more: Any
) -> AsyncIterator[RunningLine]:
    """Run the emulator, a scripted ai_core, the ingest and workers; LINE is the only channel."""
    account, ai = Account(), ScriptedAi()
    api = MessagingApi(account, SECRET, TOKEN)
    async with served(api.app) as api_url, served(ai.app) as ai_url:
        line = {"channel_secret": SECRET, "access_token": TOKEN}
        addresses = {"api_url": api_url, "data_url": api_url}
        more = {"line": {**line, **addresses}, "bot": {"token": ""}, **more}
        settings = settings_for(redis_url, database_url, NOWHERE, ai_url, key_file, **more)
        vault = await asyncio.to_thread(Vault.read, key_file)
        asgi_app = await asyncio.to_thread(create_app, settings)
        async with (
            served(asgi_app, lifespan=True) as url,
            open_services(settings, vault) as services,
        ):
            api.delivery.url = f"{url}/line/webhook"
            running = [Worker(services, f"worker-{number}") for number in range(workers)]
            tasks = [asyncio.create_task(worker.run()) for worker in running]
            delivering = asyncio.create_task(api.delivery.run())
            try:
                yield RunningLine(account, api, ai, services, url, running)
            finally:
                for worker in running:
                    worker.stop()
                await asyncio.wait_for(asyncio.gather(*tasks), 10)
                delivering.cancel()
                await asyncio.wait([delivering])
