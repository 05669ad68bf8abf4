"""`python -m telegram_service dead-letters list | show ID | replay ID… | drop ID…`.

`list` needs Redis alone and shows no content; `show` opens one letter with the key file.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TextIO

import orjson

from shared.errors import AppError
from shared.privacy.encryption import DecryptionFailed
from telegram_service.queue.dead_letters import DeadLetter, DeadLetters
from telegram_service.queue.update_queue import UpdateQueue
from telegram_service.redis_client import redis_client
from telegram_service.settings import Settings
from telegram_service.vault import Vault

ALL = "all"
TIMEOUT_S = 5.0
HINTS = {
    "replayed": "queued again",
    "gone": "no such letter",
    "waiting": "its chat has questions that wait: try again in a moment",
}
OUTCOMES = {True: "dropped", False: "no such letter"}


def add_arguments(programs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the program to the service's command line."""
    parser = programs.add_parser("dead-letters", help="updates that could not be handled")
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("list", help="when, why, which chat; no content")
    shown = actions.add_parser("show", help="open one letter with the key file")
    shown.add_argument("ids", nargs=1, metavar="ID")
    for name, said in (
        ("replay", "queue letters again, where their fault is mended"),
        ("drop", "delete letters for good"),
    ):
        chosen = actions.add_parser(name, help=said)
        chosen.add_argument("ids", nargs="+", metavar="ID", help="as listed, or `all`")


async def run(
    settings: Settings, action: str | None, ids: Sequence[str], out: TextIO = sys.stdout
) -> int:
    """Run one action; return the exit status: 1 where a letter was not found or not readable."""
    try:
        async with opened(settings) as letters:
            every = await letters.all()
            if action in (None, "list"):
                out.write("".join(map(line, every)) or "no dead letters\n")
                return 0
            chosen = [each for each in every if ids[0] == ALL or each.id in ids]
            missing = [one for one in ids if one != ALL and one not in {e.id for e in every}]
            out.writelines(f"{one}: no such letter\n" for one in missing)
            done = [await act(letters, action or "", each, out) for each in chosen]
            return 0 if all(done) and not missing else 1
    except AppError as error:
        out.write(f"telegram_service: {error.code}: {error}\n")
        return 1


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[DeadLetters]:
    """Open Redis and the key file. Raises WrongSettings."""
    vault = await asyncio.to_thread(Vault.read, settings.store.key_file)
    redis = redis_client(str(settings.redis.url), TIMEOUT_S)
    await redis.open()
    try:
        yield DeadLetters(redis, UpdateQueue(redis, vault))
    finally:
        await redis.close()


async def act(letters: DeadLetters, action: str, letter: DeadLetter, out: TextIO) -> bool:
    """Show, replay or drop one letter; whether it succeeded."""
    if action == "show":
        return show(letters, letter, out)
    if action == "replay":
        replayed = await letters.replay(letter)
        out.write(f"{letter.id}: {HINTS[replayed]}\n")
        return replayed == "replayed"
    dropped = await letters.drop(letter)
    out.write(f"{letter.id}: {OUTCOMES[dropped]}\n")
    return dropped


def show(letters: DeadLetters, letter: DeadLetter, out: TextIO) -> bool:
    """Write a letter's content as JSON; False where its key has left the key file."""
    out.write(line(letter))
    try:
        channel, payload = letters.content(letter)
    except DecryptionFailed:
        out.write("sealed with a key that is not in the key file\n")
        return False
    try:
        readable = orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        readable = payload.decode(errors="replace")
    out.write(f"{channel}\n{readable}\n")
    return True


def line(letter: DeadLetter) -> str:
    """Return one letter in a line: id, time, age, reason, its chat's fingerprint."""
    received = datetime.fromtimestamp(letter.update.received_ms / 1000, UTC)
    age_min = max(0, int(time.time() - letter.given_up_ms / 1000) // 60)
    return (
        f"{letter.id}  received {received:%Y-%m-%d %H:%M:%S}Z  given up {age_min} min ago"
        f"  update {letter.update.update_id}  {letter.reason}  chat {letter.chat}\n"
    )
