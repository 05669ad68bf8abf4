"""`python -m mail_service serve | worker | explain ID | erase ADDRESS | reseal | new-key`."""

import argparse
import asyncio
import os
import sys

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
    # Imported here: it takes more than a second, for which no wrong setting waits.
    from mail_service import programs

    if options.program == "serve":
        programs.serve(settings)
    elif options.program == "worker":
        asyncio.run(programs.work_until_signal(settings))
    elif options.program == "explain":
        asyncio.run(programs.explain_mail(settings, options.id))
    elif options.program == "erase":
        asyncio.run(programs.erase(settings, options.address))
    else:
        asyncio.run(programs.reseal(settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
