"""The service on WhatsApp as it is deployed, in processes that can be killed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import free_port
from shared.ai.scripted import ScriptedAi
from shared.stores.redis_connection import RedisConnection
from telegram_service.emulators.whatsapp.api import CloudApi
from telegram_service.redis_client import KEY_PREFIX
from tests.servers.loopback import served
from tests.telegram_service.channels.whatsapp.whatsapp_app import (
    APP_SECRET,
    TOKEN,
    VERIFY_TOKEN,
    generous,
    whatsapp_settings,
)
from tests.telegram_service.deployment import Processes, environment_for, started


@dataclass(kw_only=True)
class WhatsAppDeployment(Processes):
    """The service on WhatsApp, with the emulator."""

    api: CloudApi

    def ask(self, person: int, number: int) -> None:
        """Ask a question that its answer will quote."""
        text = f"q{person}-{number}"
        self.api.account.say(person, f"{text} ?")
        self.asked.append((person, text))

    @property
    def undelivered(self) -> bool:
        """Whether messages are still on their way to the service."""
        return bool(self.api.delivery.waiting)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the person and the text of every message of ours, in order."""
        for sent in self.api.account.sent:
            yield int(sent.number.removeprefix("3363998")), sent.shown


@asynccontextmanager
async def deployed_on_whatsapp(
    redis_url: str, database_url: str, key_file: Path, logs: Path, *, workers: int = 2
) -> AsyncIterator[WhatsAppDeployment]:
    """Start everything."""
    api, ai, port = CloudApi(generous(), TOKEN, APP_SECRET), ScriptedAi(), free_port()
    ai.script.echo = True
    redis = RedisConnection(redis_url, KEY_PREFIX, timeout_s=5)
    async with served(api.app) as api_url, served(ai.app) as ai_url:
        environment = environment_for(redis_url, database_url, ai_url, key_file, port) | {
            f"TELEGRAM_WHATSAPP__{name.upper()}": str(value)
            for name, value in whatsapp_settings(api_url).items()
        }
        url = f"http://127.0.0.1:{port}"
        deployment = WhatsAppDeployment(ai, environment, url, redis, logs, api=api)
        delivering = asyncio.create_task(api.delivery.run())
        async with started(deployment, workers):
            await api.set_webhook(f"{url}/whatsapp/webhook", VERIFY_TOKEN)
            yield deployment
        delivering.cancel()
        await asyncio.wait([delivering])
