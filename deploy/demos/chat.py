"""What the demos of the chat channels share: the servers, and a transcript of the chat.

Everything is real but the channel and the person: ingest, Redis, Postgres, a worker, and the
ai_core of `./neo run` (or, with `--scripted`, one whose answer is always the same). The data are
deleted at the end.
"""

import argparse
import asyncio
import sys
import tempfile
import textwrap
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from deploy.local.ports import free_port
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.ai.scripted import ScriptedAi
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from telegram_service.answering.services import Services, open_services
from telegram_service.app import create_app
from telegram_service.settings import Settings
from telegram_service.vault import Vault
from telegram_service.worker import Worker

NEO = Path(__file__).resolve().parents[2] / ".neo"
TIMEOUT_S = 120.0
WIDTH = 92
QUESTION = "Quelle est la durée du préavis en cas de démission ?"
FOLLOW_UP = "Et pour un licenciement, si j'ai plus de deux ans d'ancienneté ?"


@dataclass(frozen=True)
class Shown:
    """A message of the bot as the person sees it."""

    id: str
    text: str
    buttons: tuple[str, ...] = ()
    file: str = ""


class DemoChat(ABC):
    """A person's chat with the bot in a channel's emulator, printed to standard output."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._shown: dict[str, Shown] = {}

    @abstractmethod
    def write(self, text: str) -> None:
        """Send a message."""

    @abstractmethod
    def press(self, label: str) -> str:
        """Press the newest button that contains `label`; return its whole label, or nothing."""

    @abstractmethod
    def messages(self) -> Iterable[Shown]:
        """Return the bot's messages, in order."""

    @property
    @abstractmethod
    def undelivered(self) -> bool:
        """Return whether something of the person's has not reached the service."""

    async def say(self, text: str) -> None:
        """Send a message and show the answers."""
        print_message("👤", text)
        self.write(text)
        await self._listen()

    async def tap(self, label: str) -> None:
        """Press a button and show what follows."""
        pressed = self.press(label)
        print_message("👆" if pressed else "  ", pressed or f"(no button {label})")
        if pressed:
            await self._listen()

    async def _listen(self) -> None:
        limit = time.monotonic() + TIMEOUT_S
        while time.monotonic() < limit:
            await asyncio.sleep(0.05)
            if not self.undelivered and not (await self._services.counters.read()).waiting:
                break
        for message in self.messages():
            before = self._shown.get(message.id)
            if before != message:
                self._shown[message.id] = message
                file = f"📎 {message.file}\n" if message.file else ""
                print_message("🤖", file + message.text + (" (modifié)" if before else ""))
                if message.buttons:
                    print_message("  ", "  ".join(f"[{label}]" for label in message.buttons))


OpenChat = Callable[[str, str], AbstractAsyncContextManager[DemoChat]]


async def run_demo(name: str, open_chat: OpenChat, arguments: list[str]) -> int:
    """Run a demo over a chat opened with the address of ai_core and a key; return the status."""
    parser = argparse.ArgumentParser(prog=f"./neo demo {name}", description=__doc__)
    parser.add_argument("--ai-url", default="http://127.0.0.1:8000")
    parser.add_argument("--key-file", type=Path, default=NEO / "keys" / "inference")
    parser.add_argument("--scripted", action="store_true", help="do without ai_core")
    options = parser.parse_args(arguments)
    if not options.scripted and not options.key_file.exists():
        sys.stderr.write(f"{options.key_file} is not there: ./neo run makes it\n")
        return 2
    key = "scripted" if options.scripted else options.key_file.read_text().strip()
    set_up_logs("demo", "error", sys.stderr)
    async with AsyncExitStack() as stack:
        url = options.ai_url
        if options.scripted:
            url = await stack.enter_async_context(served(ScriptedAi().app))
        await stack.enter_async_context(asyncio.timeout(TIMEOUT_S * 10))
        await play(await stack.enter_async_context(open_chat(url, key)))
    return 0


async def play(chat: DemoChat) -> None:
    """Use each of the bot's features once."""
    await chat.say("/start")
    await chat.say(QUESTION)
    await chat.tap("L")
    await chat.say(FOLLOW_UP)
    await chat.tap("👍")
    await chat.say("/switch extractive")
    await chat.say("/settings")
    await chat.tap("Longueur")
    await chat.tap("Courte")
    await chat.say("/status")
    await chat.say("/mesdonnees")
    await chat.say("/supprimer")
    await chat.tap("Effacer")
    await chat.tap("Oui")


@asynccontextmanager
async def running_service(
    ai_url: str, key: str, channel: dict[str, Any]
) -> AsyncIterator[tuple[str, Services]]:
    """Start the servers, the ingest and a worker, with a channel's settings; yield its address."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder / "redis", queue=True)
        postgres = PostgresServer(folder / "postgres", safe=False)
        for server in (redis, postgres):
            await asyncio.to_thread(server.start)
            stack.push_async_callback(asyncio.to_thread, server.stop)
        key_file = folder / "vault"
        key_file.write_text(new_key_file())
        settings = Settings.model_validate(
            {
                **channel,
                "ai": {"url": ai_url, "api_key": key},
                "redis": {"url": redis.url},
                "postgres": {"url": postgres.url()},
                "store": {"key_file": key_file},
            }
        )
        url = await stack.enter_async_context(served(await asyncio.to_thread(create_app, settings)))
        vault = await asyncio.to_thread(Vault.read, key_file)
        services = await stack.enter_async_context(open_services(settings, vault))
        worker = Worker(services)
        working = asyncio.create_task(worker.run())
        yield url, services
        worker.stop()
        await working


@asynccontextmanager
async def in_background(work: Awaitable[None]) -> AsyncIterator[None]:
    """Let something run until the end of the block."""
    task = asyncio.ensure_future(work)
    yield
    task.cancel()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free loopback port."""
    port = free_port()
    config = uvicorn.Config(
        app, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has a flag, not an event
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving


def print_message(prefix: str, text: str) -> None:
    """Print a message of the transcript, wrapped."""
    for number, line in enumerate(text.splitlines() or [""]):
        head = prefix if number == 0 else "  "
        for piece in textwrap.wrap(line, WIDTH) or [""]:
            sys.stdout.write(f"{head} {piece}\n")
            head = "  "
    sys.stdout.flush()
