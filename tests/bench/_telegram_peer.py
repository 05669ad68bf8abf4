"""The pattern of the public Starlette bots, to compare with: the webhook hands the update to
python-telegram-bot's queue in memory and answers 200; 64 updates are handled at once.

Started as a program it is that bot; `peer()` drives it with the same emulator as ours.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

from deploy.local.ports import free_port
from shared.ai.scripted import ScriptedAi
from shared.stores.redis_connection import RedisConnection
from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi
from telegram_service.emulators.telegram.pacing import Pacing
from telegram_service.redis_client import KEY_PREFIX
from tests.servers.loopback import served
from tests.telegram_service.deployment import Deployment, until_ready
from tests.telegram_service.running_app import TOKEN


async def run(api_url: str, ai_url: str, port: int) -> None:
    """Be the bot."""
    http = httpx2.AsyncClient(timeout=60)

    async def handle(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.effective_message
        assert message is not None
        placeholder = await message.reply_text("🤖 Je cherche")
        chat = {"messages": [{"role": "user", "content": message.text}]}
        reply = await http.post(f"{ai_url}/api/v1/chat", json=chat)
        await placeholder.edit_text(reply.json()["response"])

    application = (
        Application.builder()
        .token(TOKEN)
        .base_url(f"{api_url}/bot")
        .updater(None)
        .concurrent_updates(64)
        .build()
    )
    application.add_handler(MessageHandler(filters.TEXT, handle))

    async def webhook(request: Request) -> Response:
        update = Update.de_json(await request.json(), application.bot)
        await application.update_queue.put(update)
        return Response()

    async def ready(_request: Request) -> Response:
        return Response()

    routes = [Route("/telegram", webhook, methods=["POST"]), Route("/ready", ready)]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_config=None))
    async with application:
        await application.start()
        await server.serve()
        await application.stop()


async def peer(folder: Path, chats: Sequence[int], each: int) -> dict[str, Any]:
    """Ask through that bot: without any kill, then with one SIGKILL; 10 % delivered twice."""
    figures = {}
    for name, kills in (("no_kill", 0), ("one_kill", 1)):
        account = Account(privacy=False, pacing=Pacing(enforced=False))
        ai, port = ScriptedAi(), free_port()
        ai.script.echo, ai.script.pause_s = True, 0.4
        api = BotApi(account, TOKEN)
        async with served(api.app) as api_url, served(ai.app) as ai_url:
            nowhere = RedisConnection("redis://127.0.0.1:9", KEY_PREFIX)
            deployment = Deployment(ai, {}, "", nowhere, folder, account=account, api=api)
            api.delivery.twice = 0.1
            delivering = asyncio.create_task(api.delivery.run())
            bot = start(api_url, ai_url, port)
            await until_ready(f"http://127.0.0.1:{port}/ready")
            api.delivery.set_webhook(f"http://127.0.0.1:{port}/telegram", "", 40)
            for number in range(each):
                for chat in chats:
                    deployment.ask(chat, number)
            for _ in range(kills):
                await asyncio.sleep(2)
                bot.send_signal(signal.SIGKILL)
                await asyncio.to_thread(bot.wait)
                bot = start(api_url, ai_url, port)
            await quiet(account)
            figures[name] = asdict(deployment.observed())
            bot.terminate()
            await asyncio.to_thread(bot.wait)
            delivering.cancel()
            await asyncio.wait([delivering])
    return figures


def start(api_url: str, ai_url: str, port: int) -> subprocess.Popen[bytes]:
    """Start the bot as a process."""
    command = [sys.executable, "-m", "tests.bench._telegram_peer", api_url, ai_url, str(port)]
    return subprocess.Popen(command, env={**os.environ}, stderr=subprocess.DEVNULL)


async def quiet(account: Account) -> None:
    """Wait until the bot has called nothing for three seconds."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 3:
        if len(account.calls) != last:
            last, since = len(account.calls), time.monotonic()
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
