"""A lost disk: the bot's stores are backed up, removed with their volumes, and restored."""

import re
import time
from dataclasses import dataclass

from deploy.containers.engine import StageFailed
from deploy.containers.stacks import OUTSIDE_THE_BOT, Chat, House, bot_up, until

KINDS = {"postgres", "redis", "files", "wal"}
SUCCEEDED = "/var/lib/neo/backups/succeeded"


@dataclass(frozen=True)
class Drill:
    """Rows of Postgres before and after, and seconds from the empty disk to the next answer."""

    rows: int
    rows_kept: int
    back_s: float


def drill(house: House, chat: Chat) -> Drill:
    """Back the bot up, lose its volumes, restore, and let it answer again.

    Raises StageFailed when fewer rows come back or nobody is answered.
    """
    engine = house.engine
    house.compose("telegram", "--profile", "backup", "up", "--detach", "--no-build", "backup")
    until(lambda: shown(house) == KINDS, "the bot shows that its backups succeeded")
    told = engine.podman(
        "exec", "neo-telegram_backup_1", "python3", "-m", "deploy.backup", "verify"
    )
    rows = counted(told)
    for outside in OUTSIDE_THE_BOT:
        engine.podman("network", "disconnect", "neo-telegram_front", outside)
    house.compose("telegram", "--profile", "backup", "down", "--volumes")
    started = time.monotonic()
    kept = counted(
        house.compose("telegram", "--profile", "restore", "run", "--rm", "-T", "restore")
    )
    if kept < rows:
        raise StageFailed(f"{rows} rows were backed up and {kept} came back")
    bot_up(house)
    until(chat.answered, "an answer of the restored bot")
    return Drill(rows, kept, time.monotonic() - started)


def shown(house: House) -> set[str]:
    """Return the kinds of backups that the bot's container sees."""
    told = house.engine.podman("exec", "neo-telegram_telegram-bot_1", "ls", SUCCEEDED)
    return set(told.split())


def counted(told: str) -> int:
    """Return the rows a backup's line tells. Raises StageFailed without any."""
    found = re.search(r"(\d+) rows", told)
    if not found:
        raise StageFailed(f"no rows told: {told}")
    return int(found[1])
