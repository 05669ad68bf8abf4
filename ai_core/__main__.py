"""`python -m ai_core [serve | keys … | console … | corpus … | knowledge … | model … | …]`."""

import argparse
import os
import sys
from pathlib import Path

from ai_core.access import cli as keys_command
from ai_core.answering import cli as conversation_command
from ai_core.calculators import cli as calculators_command
from ai_core.console import cli as console_command
from ai_core.errors import CorpusMissing
from ai_core.knowledge import cli as knowledge_command
from ai_core.knowledge.entry_folders import EntryFolders
from ai_core.law import cli as corpus_command
from ai_core.law.corpus import Corpus
from ai_core.law.versions import CorpusVersions
from ai_core.models.admin import cli as models_command
from ai_core.records import experiments as experiments_command
from ai_core.records import resealing as reseal_command
from ai_core.settings import Settings
from shared.clock import SystemClock
from shared.errors import AppError
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from shared.settings import WrongSettings, read_settings

ON_STORES = {"keys", "conversation", "console", "reseal", "experiments"}


def main(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=os.environ.get("NEO_PROGRAM", "python -m ai_core"), description=__doc__
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="answer over HTTP (the default)")
    keys_command.add_arguments(commands.add_parser("keys", help="API keys"))
    conversation = commands.add_parser("conversation", help="stored conversations")
    conversation_command.add_arguments(conversation)
    corpus_command.add_arguments(commands.add_parser("corpus", help="the law in service"))
    calculators = commands.add_parser("calculators", help="the calculators and their rules")
    calculators_command.add_arguments(calculators)
    knowledge = commands.add_parser("knowledge", help="the knowledge entries")
    knowledge_command.add_arguments(knowledge)
    console_command.add_arguments(commands.add_parser("console", help="accounts of the desk"))
    models_command.add_arguments(commands.add_parser("model", help="the models"))
    commands.add_parser("reseal", help="seal what people wrote with the newest key of that file")
    experiments = commands.add_parser("experiments", help="satisfaction with both sides of flags")
    experiments.add_argument("--days", type=int, default=30)
    commands.add_parser("new-key", help="print a key file for AI_CORE_POSTGRES__KEY_FILE")
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
    if chosen.command == "corpus":
        failed = corpus_command.run(chosen, settings.data_dir, SystemClock())
        if chosen.action == "status" or failed:
            return failed
        return knowledge_command.make_index(entry_folders(settings))
    if chosen.command == "knowledge":
        today = SystemClock().today()
        return knowledge_command.run(
            chosen, entry_folders(settings), today, lambda: law_in_service(settings.data_dir)
        )
    if chosen.command == "calculators":
        today = SystemClock().today()
        return calculators_command.run(
            chosen, today, lambda: law_in_service(settings.data_dir).wording
        )
    if chosen.command == "model":
        return models_command.run(chosen, settings.models, settings.data_dir)
    return serve(settings)


def run_on_stores(chosen: argparse.Namespace, settings: Settings) -> int:
    """Run a command that works on Redis or Postgres; return the exit status."""
    if chosen.command == "console":
        return console_command.run(chosen, settings)
    if chosen.command == "keys":
        keys_command.run(chosen, str(settings.redis.url))
    elif chosen.command == "reseal":
        reseal_command.run(settings.postgres)
    elif chosen.command == "experiments":
        experiments_command.run(settings.postgres, chosen.days)
    else:
        conversation_command.run(chosen, settings)
    return 0


def entry_folders(settings: Settings) -> EntryFolders:
    """Return where the knowledge entries are read."""
    knowledge = settings.knowledge
    return EntryFolders(settings.data_dir, knowledge.folder, knowledge.shipped)


def law_in_service(data_dir: Path) -> Corpus:
    """Open the law in service. Raises CorpusMissing, CorpusRefused."""
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
