"""What the programs of the service do, once the settings are read."""

import asyncio
import signal

import structlog
import uvicorn
import uvloop

from telegram_service.answering.services import bot_texts, open_services
from telegram_service.app import create_app
from telegram_service.bot import COMMANDS
from telegram_service.channels.line.registration import register_line
from telegram_service.channels.telegram.bot_api import new_bot
from telegram_service.channels.telegram.registration import register
from telegram_service.settings import Settings
from telegram_service.vault import Vault
from telegram_service.worker import Worker

log = structlog.get_logger()


def run(program: str, settings: Settings) -> None:
    """Run a program that needs settings."""
    if program == "serve":
        serve(settings)
    elif program == "worker":
        uvloop.run(work(settings))
    else:
        asyncio.run(register_channels(settings))


def serve(settings: Settings) -> None:
    """Receive updates until SIGTERM."""
    uvicorn.run(
        create_app(settings),
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


async def work(settings: Settings) -> None:
    """Answer updates until SIGTERM; where every channel is off, do nothing until then."""
    if not any(settings.channels.values()):
        log.warning("no channel has its secrets, waiting to be stopped")
        await wait_for_signal()
        return
    vault = await asyncio.to_thread(Vault.read, settings.store.key_file)
    async with open_services(settings, vault) as services:
        worker = Worker(services)
        running = asyncio.create_task(worker.run(), name="worker")
        stopping = asyncio.create_task(wait_for_signal(), name="signal")
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.stop()
        await running


async def register_channels(settings: Settings) -> None:
    """Register the webhook with each channel that is on, and what else it may know of the bot."""
    if settings.channels["telegram"]:
        await register_bot(settings)
    if settings.channels["line"]:
        await register_line(settings.line)


async def register_bot(settings: Settings) -> None:
    """Set the webhook, the commands and the description."""
    bot = new_bot(settings.bot.token.get_secret_value(), str(settings.bot.api_url))
    texts = bot_texts()
    async with bot:
        await register(bot, settings, texts, COMMANDS)
    log.info("bot registered", webhook=bool(settings.webhook.url))


async def wait_for_signal() -> None:
    """Wait for SIGTERM or SIGINT."""
    received = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received.set)
    await received.wait()
