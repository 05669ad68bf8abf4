"""What the programs of the service do, once the settings are read."""

import asyncio
import signal
import sys

import uvicorn

from mail_service.app import create_app, open_resources, work
from mail_service.review.explain import explain
from mail_service.settings import Settings


def serve(settings: Settings) -> None:
    """Serve the API and the review page until SIGTERM."""
    uvicorn.run(
        create_app(settings),
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


async def work_until_signal(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await work(settings, stopping)


async def explain_mail(settings: Settings, mail_id: int) -> None:
    """Print every step of one mail. Raises UnknownMail."""
    async with open_resources(settings) as resources:
        sys.stdout.write(explain(await resources.ledger.mails.load(mail_id)))


async def erase(settings: Settings, address: str) -> None:
    """Forget a person; print how many mails of theirs there were."""
    async with open_resources(settings) as resources:
        personal_data = resources.ledger.personal_data
        sys.stdout.write(f"{await personal_data.erase_person(address, 'asked for')}\n")


async def reseal(settings: Settings) -> None:
    """Seal everything with the newest key of the vault; print how many rows it were."""
    async with open_resources(settings) as resources:
        total = 0
        while resealed := await resources.ledger.retention.reseal():
            total += resealed
        sys.stdout.write(f"{total}\n")
