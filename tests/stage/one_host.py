"""The three services of the page on one host behind one nginx, with two workers of the bot; then
each brought back to its backup, on the machine that ran.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from tests.stage.container_engine import StageFailed
from tests.stage.documented_commands import blocks, says
from tests.stage.mailbox import Mails
from tests.stage.operating import (
    ONLY_BACKUP,
    backed_up,
    clone_and_init,
    counted,
    fill_mail,
    fill_telegram,
    new_key,
    running,
    since_made,
)
from tests.stage.simulated_host import HOSTS, SimulatedHost
from tests.stage.stack_checks import Figures, answered, free_the_edge, kill_each, until
from tests.stage.telegram_chat import EMULATOR, TelegramChat, begin_emulator

PROJECT = "neo"
PARTS = ("ai-api", "telegram-redis", "mail-postgres", "nginx")
AI_URL = "http://ai-api:8000"
WORKERS = 2
MOMENT = "2026-11-21T14:00:00Z"
"""The page's own."""
SERVICES = ("ai", "telegram", "mail")


def run_one_host(host: SimulatedHost) -> Figures:
    """Each host name reaches its service, which asks ai_core; a killed part comes back.

    Raises StageFailed.
    """
    figures = Figures("all")
    free_the_edge(host)
    machine = host.machine("all")
    clone_and_init(machine, "all")
    machine.certify(*HOSTS)
    machine.type_in(ONLY_BACKUP, {"=backup": "="})
    machine.type_in(says("docker compose up -d --build ai-api ai-redis"))
    key = new_key(machine)
    fill_telegram(machine, key, AI_URL)
    fill_mail(machine, key, AI_URL)
    machine.type_in(f"docker compose up -d --scale telegram-worker={WORKERS}")
    begin_emulator(machine, f"{PROJECT}_front")
    machine.type_in(blocks("### 5.")[0].splitlines()[-1])
    chat = TelegramChat(machine)
    letters = Mails(machine, f"{PROJECT}_mail-service_1")

    def works() -> bool:
        return answered(machine, key) and letters.answered() and chat.answered()

    until(works, "three services behind one nginx")
    figures.ready_s = since_made(machine, PROJECT)
    if len(names := running(machine, f"{PROJECT}_telegram-worker_")) != WORKERS:
        raise StageFailed(f"{names} run, not {WORKERS} workers of the bot")
    kill_each(machine, figures, PROJECT, PARTS, works)
    go_back(machine, letters, works)
    return figures


def go_back(machine: SimulatedHost, letters: Mails, works: Callable[[], bool]) -> None:
    """Type step 9 for each service of the host; the mailbox is put back to between two letters.

    Raises StageFailed when the later one is still there, or the earlier one is not.
    """
    machine.type_in(f"{ONLY_BACKUP}\ndocker compose up -d")
    until(works, "three services beside their backups")
    verify = blocks("### 9.")[0].splitlines()[0]
    for name in SERVICES:
        until(partial(backed_up, machine, f"{name}-backup"), f"a backup of {name}")
        machine.type_in(verify, {"exec backup": f"exec {name}-backup"})
    until(letters.answered, "a letter of before the moment")
    kept = letters.last
    time.sleep(1)  # a moment is told in whole seconds
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    time.sleep(1)
    until(letters.answered, "a letter of after it")
    until(partial(backed_up, machine, "mail-backup"), "a backup of both")
    machine.engine.podman("network", "disconnect", f"{PROJECT}_front", EMULATOR)
    machine.type_in(says("docker compose down"))
    _build, line, *_rest, start = blocks("### 9.")[1].splitlines()
    restore, to_moment = re.split(r"restore\s+# or: restore", line)
    for name, more in (("ai", ""), ("telegram", ""), ("mail", to_moment)):
        typed = f"{restore}{name}-restore{more}"
        counted(machine.type_in(typed, {MOMENT: moment}))
    machine.type_in(start)
    machine.engine.podman("network", "connect", f"{PROJECT}_front", EMULATOR)
    until(lambda: letters.shown(kept), "the letter of before the moment")
    if letters.kept():
        raise StageFailed("a letter of after the moment is still there: nothing was brought back")
    until(works, "three services as their backups have them")
