"""The programs of the service: `python -m telegram_service --help` lists them."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from shared.error_reports import error_reports
from shared.errors import HubRefused, HubUnreachable, NoDisk
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from shared.settings import WrongSettings, read_settings
from telegram_service import dead_letters
from telegram_service.settings import Settings

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
        # Imported here: it takes a second, for which no wrong setting waits.
        from telegram_service import programs

        programs.run(program, settings)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
