"""`python -m mail_service serve | worker | explain ID | erase ADDRESS | reseal | new-key`."""

import argparse
import asyncio
import os
import signal
import sys

import uvicorn

from mail_service.app import create_app, open_resources, work
from mail_service.review.explain import explain
from mail_service.settings import Settings
from shared.error_reports import error_reports
from shared.errors import AppError
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from shared.settings import WrongSettings, read_settings


def main(arguments: list[str]) -> int:
    """Run one of the service's programs; return its exit status."""
    options = _parser().parse_args(arguments)
    if options.program == "new-key":
        sys.stdout.write(new_key_file())
        return 0
    try:
        settings = read_settings(Settings)
        reports = error_reports("mail_service", settings.error_reports)
        set_up_logs("mail_service", settings.log_level, sys.stdout, reports)
        _programs(settings, options)
    except WrongSettings as error:
        sys.stderr.write(f"mail_service: {error}\n")
        return 2
    except AppError as error:
        sys.stderr.write(f"mail_service: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=os.environ.get("NEO_PROGRAM", "python -m mail_service"))
    programs = parser.add_subparsers(dest="program", required=True)
    programs.add_parser("serve", help="the API and the review page")
    programs.add_parser("worker", help="read, answer and send mail")
    programs.add_parser("new-key", help="print a new vault key file")
    programs.add_parser("reseal", help="seal everything with the newest key of the vault")
    one = programs.add_parser("explain", help="every step of one mail, with its reason")
    one.add_argument("id", type=int)
    person = programs.add_parser("erase", help="forget a person")
    person.add_argument("address")
    return parser


def _programs(settings: Settings, options: argparse.Namespace) -> None:
    if options.program == "serve":
        _serve(settings)
    elif options.program == "worker":
        asyncio.run(_work(settings))
    elif options.program == "explain":
        asyncio.run(_explain(settings, options.id))
    elif options.program == "erase":
        asyncio.run(_erase(settings, options.address))
    else:
        asyncio.run(_reseal(settings))


def _serve(settings: Settings) -> None:
    uvicorn.run(
        create_app(settings),
        host=settings.server.host,
        port=settings.server.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


async def _work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await work(settings, stopping)


async def _explain(settings: Settings, mail_id: int) -> None:
    async with open_resources(settings) as resources:
        sys.stdout.write(explain(await resources.ledger.mails.load(mail_id)))


async def _erase(settings: Settings, address: str) -> None:
    async with open_resources(settings) as resources:
        personal_data = resources.ledger.personal_data
        sys.stdout.write(f"{await personal_data.erase_person(address, 'asked for')}\n")


async def _reseal(settings: Settings) -> None:
    async with open_resources(settings) as resources:
        total = 0
        while resealed := await resources.ledger.retention.reseal():
            total += resealed
        sys.stdout.write(f"{total}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
