"""The whole service with WhatsApp as its only channel, on real Redis and Postgres."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.ai.scripted import ScriptedAi
from telegram_service.answering.services import Services, open_services
from telegram_service.app import create_app
from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.api import CloudApi
from telegram_service.emulators.whatsapp.messages import Sent
from telegram_service.emulators.whatsapp.people import PHONE_NUMBER_ID, Contact
from telegram_service.settings import Settings
from telegram_service.vault import Vault
from telegram_service.worker import Worker
from tests.servers.loopback import served
from tests.telegram_service.running_app import settings_for

TOKEN = "an-access-token"  # noqa: S105 - a made-up one
APP_SECRET = "the-secret-of-the-app"  # noqa: S105 - a made-up one
VERIFY_TOKEN = "a-token-to-verify-with"  # noqa: S105 - a made-up one
TIMEOUT_S = 60.0


@dataclass
class WhatsAppApp:
    """The service with a worker, and the emulators of WhatsApp and ai_core."""

    account: Account
    api: CloudApi
    ai: ScriptedAi
    services: Services
    url: str

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds."""
        limit = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < limit, f"not in time: {self.account.sent}"
            await asyncio.sleep(0.01)

    async def ask(self, person: Contact | int, text: str, **more: Any) -> list[Sent]:
        """Say something; return what was written since, once all is settled."""
        return await self.since(person, lambda: self.account.say(person, text, **more))

    async def tap(self, person: Contact | int, label: str) -> list[Sent]:
        """Tap the newest choice whose label holds `label`."""
        written = reversed(self.account.written(person))
        sent = next(s for s in written if any(label in title for _, title, _ in s.choices))
        return await self.since(person, lambda: self.account.tap(person, sent, label))

    async def since(self, person: Contact | int, act: Callable[[], object]) -> list[Sent]:
        """Return what was written to a person since they did something, once all is settled."""
        before = len(self.account.written(person))
        act()
        await self.settled()
        return self.account.written(person)[before:]

    async def settled(self) -> None:
        """Wait until nothing waits anywhere."""
        limit = time.monotonic() + TIMEOUT_S
        while self.api.delivery.waiting or (await self.services.counters.read()).waiting:
            assert time.monotonic() < limit, "not settled in time"
            await asyncio.sleep(0.01)

    async def counts(self) -> dict[str, int]:
        """Return the counters."""
        return dict((await self.services.counters.read()).counts)


def whatsapp_settings(api_url: str, **more: Any) -> dict[str, Any]:
    """Return the channel's settings, without the limits of the real Meta."""
    return {
        "app_secret": APP_SECRET,
        "access_token": TOKEN,
        "verify_token": VERIFY_TOKEN,
        "phone_number_id": PHONE_NUMBER_ID,
        "api_url": api_url,
        "per_s": 2000,
        "pair_per_min": 6000,
        "pair_burst": 100,
        "status_wait_s": 2,
        **more,
    }


def generous() -> Account:
    """Return an account without Meta's rates."""
    return Account(pair_burst=10_000, number_per_s=10_000)


@asynccontextmanager
async def whatsapp_app(
    redis_url: str,
    database_url: str,
    key_file: Path,
    account: Account,
    *,
    voice: Any = None,
    **more: Any,
) -> AsyncIterator[WhatsAppApp]:
    """Run the emulator, a scripted ai_core, the ingest and a worker; `more` is for the channel."""
    api, ai = CloudApi(account, TOKEN, APP_SECRET), ScriptedAi()
    async with served(api.app) as api_url, served(ai.app) as ai_url:
        channel = {"whatsapp": whatsapp_settings(api_url, **more), "voice": voice or {}}
        settings: Settings = settings_for(
            redis_url, database_url, api_url, ai_url, key_file, bot={"token": ""}, **channel
        )
        vault = await asyncio.to_thread(Vault.read, key_file)
        asgi_app = await asyncio.to_thread(create_app, settings)
        async with (
            served(asgi_app, lifespan=True) as url,
            open_services(settings, vault) as services,
        ):
            await api.set_webhook(f"{url}/whatsapp/webhook", VERIFY_TOKEN)
            worker = Worker(services, "worker")
            working = asyncio.create_task(worker.run())
            delivering = asyncio.create_task(api.delivery.run())
            try:
                yield WhatsAppApp(account, api, ai, services, url)
            finally:
                worker.stop()
                await asyncio.wait_for(working, 10)
                delivering.cancel()
                await asyncio.wait([delivering])
