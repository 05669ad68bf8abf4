"""`python -m ai_core [serve | keys … | console … | corpus … | knowledge … | model … | …]`."""

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ai_core.settings import Settings
from shared.clock import SystemClock
from shared.errors import AppError
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from shared.settings import WrongSettings, read_settings

if TYPE_CHECKING:
    from ai_core.knowledge.entry_folders import EntryFolders
    from ai_core.law.corpus import Corpus

COMMANDS = {
    "serve": ("answer over HTTP (the default)", ""),
    "keys": ("API keys", "ai_core.access.cli"),
    "conversation": ("stored conversations", "ai_core.answering.cli"),
    "corpus": ("the law in service", "ai_core.law.cli"),
    "calculators": ("the calculators and their rules", "ai_core.calculators.cli"),
    "knowledge": ("the knowledge entries", "ai_core.knowledge.cli"),
    "console": ("accounts of the desk", "ai_core.console.cli"),
    "model": ("the models", "ai_core.models.admin.cli"),
    "reseal": ("seal what people wrote with the newest key of that file", ""),
    "experiments": ("satisfaction with both sides of flags", ""),
    "new-key": ("print a key file for AI_CORE_POSTGRES__KEY_FILE", ""),
}
"""What each command is for, and the module of its arguments: the chosen one's alone is imported,
since all of them take a second, for which no other command and no wrong setting waits."""
ON_STORES = {"keys", "conversation", "console", "reseal", "experiments"}


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=os.environ.get("NEO_PROGRAM", "python -m ai_core"), description=__doc__
    )
    commands = parser.add_subparsers(dest="command")
    named = next((word for word in arguments if not word.startswith("-")), "serve")
    for name, (about, module) in COMMANDS.items():
        command = commands.add_parser(name, help=about)
        if name == named and module:
            import_module(module).add_arguments(command)
        elif name == "experiments":
            command.add_argument("--days", type=int, default=30)
    chosen = parser.parse_args(arguments)
    if chosen.command == "new-key":
        sys.stdout.write(new_key_file())
        return 0
    try:
        return run(chosen, read_settings(Settings))
    except WrongSettings as error:
        sys.stderr.write(f"ai_core: {error}\n")
        return 2
    except AppError as error:
        sys.stderr.write(f"ai_core: {error}\n")
        return 1


def run(chosen: argparse.Namespace, settings: Settings) -> int:
    """Run the chosen command; return the exit status."""
    if chosen.command in ON_STORES:
        set_up_logs("ai_core", "warning", sys.stderr)  # a key that is made goes into a file
        return run_on_stores(chosen, settings)
    today = SystemClock().today()
    if chosen.command == "corpus":
        from ai_core.knowledge import cli as knowledge_command
        from ai_core.law import cli as corpus_command

        failed = corpus_command.run(chosen, settings.data_dir, SystemClock())
        if chosen.action == "status" or failed:
            return failed
        return knowledge_command.make_index(entry_folders(settings))
    if chosen.command == "knowledge":
        from ai_core.knowledge import cli as knowledge_command

        return knowledge_command.run(
            chosen, entry_folders(settings), today, lambda: law_in_service(settings.data_dir)
        )
    if chosen.command == "calculators":
        from ai_core.calculators import cli as calculators_command

        return calculators_command.run(
            chosen, today, lambda: law_in_service(settings.data_dir).wording
        )
    if chosen.command == "model":
        from ai_core.models.admin import cli as models_command

        return models_command.run(chosen, settings.models, settings.data_dir)
    return serve(settings)


def run_on_stores(chosen: argparse.Namespace, settings: Settings) -> int:
    """Run a command that works on Redis or Postgres; return the exit status."""
    if chosen.command == "console":
        from ai_core.console import cli as console_command

        return console_command.run(chosen, settings)
    if chosen.command == "keys":
        from ai_core.access import cli as keys_command

        keys_command.run(chosen, str(settings.redis.url))
    elif chosen.command == "reseal":
        from ai_core.records import resealing

        resealing.run(settings.postgres)
    elif chosen.command == "experiments":
        from ai_core.records import experiments

        experiments.run(settings.postgres, chosen.days)
    else:
        from ai_core.answering import cli as conversation_command

        conversation_command.run(chosen, settings)
    return 0


def entry_folders(settings: Settings) -> "EntryFolders":
    """Return where the knowledge entries are read."""
    from ai_core.knowledge.entry_folders import EntryFolders

    knowledge = settings.knowledge
    return EntryFolders(settings.data_dir, knowledge.folder, knowledge.shipped)


def law_in_service(data_dir: Path) -> "Corpus":
    """Open the law in service. Raises CorpusMissing, CorpusRefused."""
    from ai_core.errors import CorpusMissing
    from ai_core.law.corpus import Corpus
    from ai_core.law.versions import CorpusVersions

    versions = CorpusVersions(data_dir)
    version = versions.current()
    if version is None:
        raise CorpusMissing("no law is in service: run `corpus update`")
    return Corpus(versions.folder(version))


def serve(settings: Settings) -> int:
    """Serve until a signal asks to stop."""
    # Imported here: it takes two seconds, for which no other command and no wrong setting waits.
    from ai_core import serving

    return serving.serve(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
