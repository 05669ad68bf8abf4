"""The service on LINE as it is deployed, in processes that can be killed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import free_port
from shared.ai.scripted import ScriptedAi
from shared.stores.redis_connection import RedisConnection
from telegram_service.emulators.line.account import Account, group_id, user_id
from telegram_service.emulators.line.api import MessagingApi
from telegram_service.redis_client import KEY_PREFIX
from tests.servers.loopback import served
from tests.telegram_service.channels.line.running_line import SECRET, TOKEN
from tests.telegram_service.deployment import Processes, environment_for, started


@dataclass(kw_only=True)
class LineDeployment(Processes):
    """The service on LINE, with the emulator; a chat below zero is a group."""

    api: MessagingApi

    def ask(self, chat: int, number: int) -> None:
        """Ask a question that its answer will quote."""
        text = f"q{chat}-{number}"
        person = user_id(abs(chat))
        if chat > 0:
            self.api.account.say(person, f"{text} ?")
        else:
            self.api.account.say(person, f"{text} ?", chat=group_id(-chat), mention=True)
        self.asked.append((chat, text))

    @property
    def undelivered(self) -> bool:
        """Whether events are still on their way to the service."""
        return bool(self.api.account.events or self.api.delivery.pending)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the chat and the text of every message of ours, in order."""
        for name in list(self.api.account.messages):
            number = int(name[1:], 16)
            for text in self.api.account.texts(name):
                yield (number if name.startswith("U") else -number), text


@asynccontextmanager
async def deployed_on_line(
    redis_url: str, database_url: str, key_file: Path, logs: Path, *, workers: int = 2
) -> AsyncIterator[LineDeployment]:
    """Start everything."""
    api, ai, port = MessagingApi(Account(), SECRET, TOKEN), ScriptedAi(), free_port()
    ai.script.echo = True
    redis = RedisConnection(redis_url, KEY_PREFIX, timeout_s=5)
    async with served(api.app) as api_url, served(ai.app) as ai_url:
        environment = environment_for(redis_url, database_url, ai_url, key_file, port) | {
            "TELEGRAM_LINE__CHANNEL_SECRET": SECRET,
            "TELEGRAM_LINE__ACCESS_TOKEN": TOKEN,
            "TELEGRAM_LINE__API_URL": api_url,
            "TELEGRAM_LINE__DATA_URL": api_url,
        }
        url = f"http://127.0.0.1:{port}"
        deployment = LineDeployment(ai, environment, url, redis, logs, api=api)
        delivering = asyncio.create_task(api.delivery.run())
        async with started(deployment, workers):
            api.delivery.url = f"{url}/line/webhook"
            yield deployment
        delivering.cancel()
        await asyncio.wait([delivering])
