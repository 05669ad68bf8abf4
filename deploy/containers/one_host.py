"""The three services on one host behind one nginx, with two workers of the bot."""

import time

from deploy.containers.mailbox import MAIL_SETTINGS, Letters
from deploy.containers.stacks import (
    BOT_SETTINGS,
    Figures,
    House,
    answered,
    free_the_edge,
    kill_each,
    new_key,
    until,
)

WORKERS = 2
SCALE = ("--scale", f"telegram-worker={WORKERS}")


def run_one_host(house: House) -> Figures:
    """Each host name reaches its service; a killed ai_core comes back; two workers run.

    The settings of the bot and of the mailbox are those of their own stacks. Raises StageFailed.
    """
    figures = Figures("all")
    free_the_edge(house)
    house.init("all", *BOT_SETTINGS, *MAIL_SETTINGS)
    started = time.monotonic()
    house.compose("all", "up", "--detach", "--no-build", *SCALE)
    house.engine.podman("network", "connect", "neo_front", "emulator")
    until(lambda: house.visitor.ask("ai-api", "/ready")[0] == 200, "ai_core ready on one host")
    key = new_key(house, "neo_ai-api_1")
    letters = Letters(house)

    def works() -> bool:
        return answered(house, key) and letters.listed() and bot_refuses_a_stranger(house)

    until(works, "three services behind one nginx")
    figures.ready_s = time.monotonic() - started
    until(lambda: workers(house) == WORKERS, f"{WORKERS} workers of the bot")
    parts = ("ai-api", "telegram-redis", "mail-postgres", "nginx")
    kill_each(house, figures, "all", parts, works, project="neo")
    return figures


def bot_refuses_a_stranger(house: House) -> bool:
    """Tell whether the bot itself answers, which it does to a webhook without its secret by 401."""
    return house.visitor.ask("telegram", "/telegram/webhook", {"update_id": 1})[0] == 401


def workers(house: House) -> int:
    """Return how many workers of the bot run."""
    names = house.engine.podman("ps", "--format", "{{.Names}}").split()
    return sum(name.startswith("neo_telegram-worker_") for name in names)
