"""`./neo demo telegram`: a conversation with the bot through the Bot API emulator.

Everything is real but Telegram and the person: ingest, Redis, Postgres, a worker, and the ai_core
of `./neo run` (or, with `--scripted`, one whose answer is always the same). The data are deleted at
the end.
"""

import argparse
import asyncio
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from deploy.local.ports import free_port
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.ai.scripted import ScriptedAi
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from telegram_service.answering.services import open_services
from telegram_service.app import create_app
from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi
from telegram_service.settings import Settings
from telegram_service.state.counters import Counters
from telegram_service.vault import Vault
from telegram_service.worker import Worker

NEO = Path(__file__).resolve().parents[2] / ".neo"
TOKEN = "424242:demo"  # noqa: S105 - the emulator's
SECRET = "the-demo-s-webhook-secret"  # noqa: S105 - the emulator's
PERSON = 7
TIMEOUT_S = 120.0
WIDTH = 92
QUESTION = "Quelle est la durée du préavis en cas de démission ?"
FOLLOW_UP = "Et pour un licenciement, si j'ai plus de deux ans d'ancienneté ?"


class DemoChat:
    """A person's chat with the bot in the emulator, printed to standard output."""

    def __init__(self, api: BotApi, counters: Counters) -> None:
        self._api = api
        self._counters = counters
        self._shown: dict[int, tuple[str, str]] = {}

    async def say(self, text: str) -> None:
        """Send a message and show the answers."""
        print_message("👤", text)
        self._api.account.say(PERSON, text)
        await self._listen()

    async def tap(self, label: str) -> None:
        """Tap the newest button that contains `label`."""
        for message in reversed(self._api.account.written(PERSON)):
            for row in message.get("reply_markup", {}).get("inline_keyboard", []):
                for button in row:
                    if label in button["text"] and "callback_data" in button:
                        print_message("👆", button["text"])
                        number, data = message["message_id"], button["callback_data"]
                        self._api.account.tap(PERSON, number, data)
                        await self._listen()
                        return
        print_message("  ", f"(no button {label})")

    async def _listen(self) -> None:
        limit = time.monotonic() + TIMEOUT_S
        while time.monotonic() < limit:
            await asyncio.sleep(0.05)
            delivered = not self._api.account.updates and not self._api.delivery.pending
            if delivered and not (await self._counters.read()).waiting:
                break
        for message in self._api.account.written(PERSON):
            rows = message.get("reply_markup", {}).get("inline_keyboard", [])
            buttons = "  ".join(f"[{button['text']}]" for row in rows for button in row)
            now = (message["text"], buttons)
            if self._shown.get(message["message_id"]) != now:
                edited = " (même message, modifié)" if message["message_id"] in self._shown else ""
                self._shown[message["message_id"]] = now
                file = message.get("document", {}).get("file_name")
                print_message("🤖", (f"📎 {file}\n" if file else "") + message["text"] + edited)
                if buttons:
                    print_message("  ", buttons)


async def main(arguments: list[str]) -> int:
    """Run the demo; return the exit status."""
    parser = argparse.ArgumentParser(prog="./neo demo telegram", description=__doc__)
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
        await play(await stack.enter_async_context(demo_chat(url, key)))
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
    await chat.say("/status")
    await chat.say("/mesdonnees")
    await chat.say("/supprimer")
    await chat.tap("Effacer")
    await chat.tap("Oui")


@asynccontextmanager
async def demo_chat(ai_url: str, key: str) -> AsyncIterator[DemoChat]:
    """Start the servers, the ingest, a worker and the emulator; yield the chat."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(folder / "redis", queue=True)
        postgres = PostgresServer(folder / "postgres", safe=False)
        for server in (redis, postgres):
            await asyncio.to_thread(server.start)
            stack.push_async_callback(asyncio.to_thread, server.stop)
        key_file = folder / "vault"
        key_file.write_text(new_key_file())
        api = BotApi(Account(), TOKEN)
        api_url = await stack.enter_async_context(served(api.app))
        settings = Settings.model_validate(
            {
                "bot": {"token": TOKEN, "api_url": api_url},
                "webhook": {"secret": SECRET},
                "ai": {"url": ai_url, "api_key": key},
                "redis": {"url": redis.url},
                "postgres": {"url": postgres.url()},
                "store": {"key_file": key_file},
            }
        )
        url = await stack.enter_async_context(served(await asyncio.to_thread(create_app, settings)))
        vault = await asyncio.to_thread(Vault.read, key_file)
        services = await stack.enter_async_context(open_services(settings, vault))
        api.delivery.set_webhook(f"{url}/telegram/webhook", SECRET, 40)
        worker = Worker(services)
        working = asyncio.create_task(worker.run())
        delivering = asyncio.create_task(api.delivery.run())
        yield DemoChat(api, services.counters)
        worker.stop()
        await working
        delivering.cancel()


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


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
