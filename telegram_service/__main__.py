"""The programs of the service: `python -m telegram_service --help` lists them."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog
import uvicorn
import uvloop

from shared.error_reports import error_reports
from shared.errors import HubRefused, HubUnreachable, NoDisk
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from shared.settings import WrongSettings, read_settings
from telegram_service import dead_letters
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

VOICE_FOLDER = Path(".neo/telegram/voice")


def main(arguments: list[str]) -> int:
    """Run one of the service's programs; return its exit status."""
    options = parser().parse_args(arguments)
    program: str = options.program
    if program == "new-key":
        sys.stdout.write(new_key_file())
        return 0
    try:
        if program == "voice-model":
            sys.stdout.write(fetched(options.source, options.to))
            return 0
        settings = read_settings(Settings)
        if program == "dead-letters":
            set_up_logs("telegram_service", "error", sys.stderr)
            ids = getattr(options, "ids", ())
            return asyncio.run(dead_letters.run(settings, options.action, ids))
        reports = error_reports("telegram_service", settings.error_reports)
        set_up_logs("telegram_service", settings.log_level, reports=reports)
        run(program, settings)
    except (WrongSettings, HubRefused, HubUnreachable, NoDisk) as error:
        sys.stderr.write(f"telegram_service: {error}\n")
        return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog=os.environ.get("NEO_PROGRAM", "python -m telegram_service"))
    programs = made.add_subparsers(dest="program", required=True)
    for name, said in (
        ("serve", "receive updates, by webhook or polling"),
        ("worker", "answer them"),
        ("set-webhook", "register with the channels"),
        ("new-key", "print a key file"),
    ):
        programs.add_parser(name, help=said)
    dead_letters.add_arguments(programs)
    voice = programs.add_parser("voice-model", help="fetch the weights that transcribe")
    voice.add_argument("source", help="hf:OWNER/REPO[@REVISION], or a folder that has them")
    voice.add_argument("--to", type=Path, default=VOICE_FOLDER, metavar="FOLDER")
    return made


def fetched(source: str, folder: Path) -> str:
    """Fetch the weights that transcribe; return the settings to write."""
    # the hub's client comes with the extra [voice]
    from telegram_service.voice.fetching import fetch_voice_model

    return fetch_voice_model(source, folder)


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
