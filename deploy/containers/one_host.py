"""The page's three services on one host behind one nginx, with two workers of the bot."""

from deploy.containers.chat import Chat, begin_emulator
from deploy.containers.engine import StageFailed
from deploy.containers.house import HOSTS, House
from deploy.containers.mailbox import Letters
from deploy.containers.operating import (
    ONLY_BACKUP,
    clone_and_init,
    fill_mail,
    fill_telegram,
    new_key,
    running,
    since_made,
)
from deploy.containers.page import blocks, says
from deploy.containers.stacks import Figures, answered, free_the_edge, kill_each, until

PROJECT = "neo"
PARTS = ("ai-api", "telegram-redis", "mail-postgres", "nginx")
AI_URL = "http://ai-api:8000"
WORKERS = 2


def run_one_host(house: House) -> Figures:
    """Each host name reaches its service, which asks ai_core; a killed part comes back.

    Raises StageFailed.
    """
    figures = Figures("all")
    free_the_edge(house)
    machine = house.machine("all")
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
    chat = Chat(machine)
    letters = Letters(machine, f"{PROJECT}_mail-service_1")

    def works() -> bool:
        return answered(machine, key) and letters.answered() and chat.answered()

    until(works, "three services behind one nginx")
    figures.ready_s = since_made(machine, PROJECT)
    if len(names := running(machine, f"{PROJECT}_telegram-worker_")) != WORKERS:
        raise StageFailed(f"{names} run, not {WORKERS} workers of the bot")
    kill_each(machine, figures, PROJECT, PARTS, works)
    return figures
