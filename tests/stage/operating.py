"""docs/operating.md typed block after block: each service on a machine of its own, and its move to
an empty one from nothing but its backups and the password that opens them.

What is not typed: step 1 and the names of step 4 (bare.py does both), step 2 (Docker's packages),
`acme` (its own part of the stage), step 8 (--full does it, without a Hub). What the page cannot say
is where the stand-ins are: the bot and the mailbox are told by which name ai_core and Telegram
answer here.
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.host.init.writing import GROUP, POSTGRES
from tests.stage.container_engine import StageFailed
from tests.stage.documented_commands import blocks, says
from tests.stage.mailbox import MAIL_LINES, MAIL_SECRETS, Mails
from tests.stage.monitoring import watch
from tests.stage.simulated_host import DOMAIN, NEXT, SimulatedHost
from tests.stage.stack_checks import (
    Figures,
    answered,
    free_the_edge,
    kill_each,
    stop_each,
    until,
)
from tests.stage.telegram_chat import (
    EMULATOR,
    EMULATOR_TOKEN,
    EMULATOR_URL,
    TelegramChat,
    begin_emulator,
)

AI = "neo-ai_ai-api_1"
AI_URL = f"http://{AI}:8000"
MADE_OF = "docker compose run --rm --entrypoint cat ai-api /opt/neo/sbom.cdx.json"
NOT_OURS = ("redis", "postgres", "nginx")
ONLY_BACKUP = "sed -i 's/^COMPOSE_PROFILES=.*/COMPOSE_PROFILES=backup/' .env"
"""Step 4: acme is left out, for there are certificates already."""


@dataclass(frozen=True)
class Stack:
    """A service as the page has it: its host name, what is answered there when it is up, its
    containers, who else is on its network.
    """

    service: str
    host: str
    answer: str
    parts: tuple[str, ...]
    outside: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """Return the name of its compose project."""
        return f"neo-{self.service}"

    @property
    def programs(self) -> tuple[str, ...]:
        """Return the containers of our own programs."""
        return tuple(part for part in self.parts if part not in NOT_OURS)


@dataclass(frozen=True)
class Drill:
    """Rows of Postgres and keys of Redis before and after, seconds from the empty machine on."""

    stack: str
    rows: int
    rows_kept: int
    keys: int
    keys_kept: int
    back_s: float


AI_STACK = Stack("ai", "ai-api", '"ready"', ("ai-api", "redis", "postgres", "backup", "nginx"))
BOT_STACK = Stack(
    "telegram",
    "telegram",
    "401",
    ("telegram-bot", "worker", "redis", "postgres", "backup", "nginx"),
    (AI, EMULATOR),
)
MAIL_STACK = Stack(
    "mail",
    "mail",
    '"alive"',
    ("mail-service", "worker", "redis", "postgres", "backup", "nginx"),
    (AI,),
)


def walk_ai(host: SimulatedHost) -> tuple[Figures, Drill, str]:
    """ai_core: keys and the page's key are made; both open on the machine it moves to.

    Returns a key of it, too. Raises StageFailed.
    """
    figures = Figures("ai")
    machine = install(host, AI_STACK)
    begin(machine, AI_STACK, figures)
    key = new_key(machine)
    machine.type_in(blocks("### 6.")[1])
    page_key = (machine.tree / "deploy/secrets/ai_core/page_key").read_text("utf-8").strip()

    def works() -> bool:
        handed = machine.client.ask("ai-api", "/page.json")
        return answered(machine, key) and handed == (200, {"key": page_key})

    until(works, "the page with its key, and an answer")
    other = machine.type_in(blocks("### 6.")[0]).split()[0]
    machine.type_in(blocks("### 6.")[2], {" ID": f" {other}"})
    if "CycloneDX" not in machine.type_in(says(MADE_OF)):
        raise StageFailed("the image of ai_core does not say what it is made of")
    kill_each(machine, figures, AI_STACK.project, AI_STACK.parts, works)
    stop_each(machine, figures, AI_STACK.project, AI_STACK.programs, works)
    grow(machine, AI_STACK, "ai-api", works)
    figures.told_s = watch(machine, AI_STACK.project, "ai-api")
    drill = move(machine, AI_STACK, works)
    return figures, drill, key


def begin_ai(host: SimulatedHost) -> str:
    """Bring an ai_core up, as the page says; return a key of it."""
    machine = install(host, AI_STACK)
    begin(machine, AI_STACK, Figures("ai"))
    return new_key(machine)


def walk_telegram(host: SimulatedHost, ai_key: str) -> tuple[Figures, Drill]:
    """The bot: updates that Telegram posts are answered, through an upgrade, back, and a move."""
    figures = Figures("telegram")
    free_the_edge(host)
    machine = install(host, BOT_STACK)
    fill_telegram(machine, ai_key)
    begin_emulator(machine, "neo-ai_front")
    begin(machine, BOT_STACK, figures)
    chat = TelegramChat(machine)
    until(chat.answered, "the bot's first answer")
    figures.ready_s = since_made(machine, BOT_STACK.project)
    tell_telegram(machine, chat)
    kill_each(machine, figures, BOT_STACK.project, BOT_STACK.parts, chat.answered)
    stop_each(machine, figures, BOT_STACK.project, BOT_STACK.programs, chat.answered)
    grow(machine, BOT_STACK, "worker", chat.answered)
    upgrade_and_back(machine, chat.answered)
    return figures, move(machine, BOT_STACK, chat.answered)


def walk_mail(host: SimulatedHost, ai_key: str) -> tuple[Figures, Drill]:
    """The mailbox: letters are answered and explained, and shown again after the move."""
    figures = Figures("mail")
    free_the_edge(host)
    machine = install(host, MAIL_STACK)
    fill_mail(machine, ai_key)
    begin(machine, MAIL_STACK, figures)
    letters = Mails(machine, "neo-mail_mail-service_1")
    until(letters.answered, "the first letter's answer")
    figures.ready_s = since_made(machine, MAIL_STACK.project)
    explain(machine, letters)
    kill_each(machine, figures, MAIL_STACK.project, MAIL_STACK.parts, letters.answered)
    stop_each(machine, figures, MAIL_STACK.project, MAIL_STACK.programs, letters.answered)
    grow(machine, MAIL_STACK, "worker", letters.answered)
    return figures, move(machine, MAIL_STACK, lambda: letters.kept() and letters.answered())


def install(
    host: SimulatedHost, stack: Stack, name: str = "", *, certified: bool = True
) -> SimulatedHost:
    """Type step 3 on an empty machine, and do what step 4 says of certificates of one's own."""
    machine = host.machine(name or stack.service)
    clone_and_init(machine, stack.service)
    if certified:
        machine.certify(stack.host)
    machine.type_in(ONLY_BACKUP)
    return machine


def clone_and_init(machine: SimulatedHost, service: str) -> None:
    """Type the first block of step 3."""
    machine.type_in(
        blocks("### 3.")[0],
        {
            "<this repository>": str(machine.source),
            "/opt/neo": str(machine.tree),
            "--service ai": f"--service {service}",
        },
    )


def fill_telegram(machine: SimulatedHost, ai_key: str, ai_url: str = AI_URL) -> None:
    """Put in what only the bot's operator knows, and where the stand-ins are."""
    token, settings = blocks("### 3.")[1].splitlines()
    machine.type_in(token, {"123456:token-from-BotFather": EMULATOR_TOKEN})
    put_secret(machine, "telegram/TELEGRAM_AI__API_KEY", ai_key)
    where = (f"TELEGRAM_BOT__API_URL={EMULATOR_URL}", f"TELEGRAM_AI__URL={ai_url}")
    machine.type_in(settings, {"mail.env": "telegram.env"}, typed="\n".join(where))


def fill_mail(machine: SimulatedHost, ai_key: str, ai_url: str = AI_URL) -> None:
    """Put in what only the mailbox's operator knows; there is no mail server here."""
    settings = blocks("### 3.")[1].splitlines()[1]
    machine.type_in(settings, typed="\n".join((*MAIL_LINES, f"MAIL_AI__URL={ai_url}")))
    for name, secret in (*MAIL_SECRETS, ("MAIL_AI__API_KEY", ai_key)):
        put_secret(machine, f"mail/{name}", secret)


def put_secret(machine: SimulatedHost, name: str, secret: str) -> None:
    """Put a secret in its file, as the line about the bot's token does."""
    token = blocks("### 3.")[1].splitlines()[0]
    said = {"123456:token-from-BotFather": secret, "telegram/TELEGRAM_BOT__TOKEN": name}
    machine.type_in(token, said)


def begin(machine: SimulatedHost, stack: Stack, figures: Figures) -> None:
    """Type step 5; the last line waits until the service answers through nginx over TLS."""
    start, of_others = blocks("### 5.")
    up, curl, ready = re.sub("docker compose logs acme.*\n", "", start).rpartition("curl ")
    machine.type_in(up)
    for outside in stack.outside:
        machine.engine.podman("network", "connect", f"{stack.project}_front", outside)
    asked = [curl + ready, *of_others.replace("\\\n", " ").splitlines()]
    [line] = [each for each in asked if f"{stack.host}.{DOMAIN}" in each]
    if stack.answer not in (told := machine.type_in(line)):
        raise StageFailed(f"{line} answers {told}")
    figures.ready_s = since_made(machine, stack.project)


def since_made(machine: SimulatedHost, project: str) -> float:
    """Return the seconds since the first container of a project was made."""
    names = running(machine, f"{project}_")
    made = machine.engine.podman("inspect", "--format", "{{.Created.UnixMilli}}", *names)
    return time.time() - min(map(int, made.split())) / 1000


def new_key(machine: SimulatedHost) -> str:
    """Type the first block of step 6; return the key: the second word that it prints."""
    return machine.type_in(blocks("### 6.")[0]).split()[1]


def tell_telegram(machine: SimulatedHost, chat: TelegramChat) -> None:
    """Type how Telegram is told where the bot is. The stage, not the stand-in, delivers updates."""
    machine.type_in(blocks("### 7.")[0])
    told = chat.webhook()
    if told != f"https://telegram.{DOMAIN}/telegram/webhook":
        raise StageFailed(f"Telegram was told {told!r}")
    chat.forget_webhook()


def explain(machine: SimulatedHost, letters: Mails) -> None:
    """Type how a letter's story is told."""
    told = machine.type_in(blocks("### 7.")[1], {"explain 12": f"explain {letters.last}"})
    if not told.startswith(f"mail {letters.last} ") or "review" not in told:
        raise StageFailed(f"letter {letters.last} is explained so: {told}")


def grow(machine: SimulatedHost, stack: Stack, service: str, works: Callable[[], bool]) -> None:
    """Type `--scale` for a service, then `up -d` without: as many run, then one."""
    [line] = [each for each in blocks("### More")[0].splitlines() if f"{service}=" in each]
    number = int(line.split("=")[1].split()[0])
    for typed, wanted in ((line, number), (says("docker compose up -d"), 1)):
        machine.type_in(typed)
        if len(names := running(machine, f"{stack.project}_{service}_")) != wanted:
            raise StageFailed(f"{typed}: {names} run, not {wanted} of them")
        until(works, f"{stack.service} at work with {wanted} of {service}")


def running(machine: SimulatedHost, prefix: str) -> list[str]:
    """Return the names of the containers that run and begin like this."""
    names = machine.engine.podman("ps", "--format", "{{.Names}}").split()
    return [name for name in names if name.startswith(prefix)]


def upgrade_and_back(machine: SimulatedHost, works: Callable[[], bool]) -> None:
    """Type an upgrade of the bot to a version after this one, and the way back."""
    block = blocks("### Upgrade")[0]
    machine.publish("telegram")
    machine.type_in(block, {"NEW": NEXT, "--service ai": "--service telegram"})
    until(works, "the next version at work")
    next_version = version(machine)
    machine.type_in(f"{says('git checkout OLD')}\n{block.splitlines()[-1]}", {"OLD": "main"})
    until(works, "this version at work again")
    if next_version == version(machine):
        raise StageFailed(f"the upgrade left version {next_version}")


def version(machine: SimulatedHost) -> str:
    """Return the version that a running container of the bot's image says it is."""
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    return machine.engine.podman("inspect", "--format", label, "neo-telegram_worker_1").strip()


def move(machine: SimulatedHost, stack: Stack, works: Callable[[], bool]) -> Drill:
    """Type step 9; then the machine is lost, and the rest of the step typed on an empty one.

    Raises StageFailed when fewer rows come back, no key does, or `works` stays false.
    """
    elsewhere = keep_elsewhere(machine)
    until(lambda: backed_up(machine), "a backup elsewhere")
    verify_and_list, restore = blocks("### 9.")
    rows, keys = counted(machine.type_in(verify_and_list))
    secrets = machine.tree / "deploy/secrets"
    saved = [secrets / "backup/backup_password", *secrets.glob("*/*_vault")]
    apart = {str(path.relative_to(secrets)): path.read_text("utf-8").strip() for path in saved}
    lose(machine, stack)

    started = time.monotonic()
    other = install(machine, stack, f"{stack.service}-other", certified=False)
    for name, secret in apart.items():
        put_secret(other, name, secret)
    other.type_in(
        f"cp -r {elsewhere}/. deploy/backups/\n{says('chown -R 999:10001 deploy/backups')}"
    )
    rows_kept, keys_kept = counted(other.type_in(restore))
    if rows_kept < rows or bool(keys_kept) < bool(keys):
        raise StageFailed(f"of {rows} rows and {keys} keys {rows_kept} and {keys_kept} came back")
    for outside in stack.outside:
        other.engine.podman("network", "connect", f"{stack.project}_front", outside)
    until(works, f"{stack.service} at work on another machine")
    return Drill(stack.service, rows, rows_kept, keys, keys_kept, time.monotonic() - started)


def keep_elsewhere(machine: SimulatedHost) -> Path:
    """Say where backups are kept, as step 9 does; return the folder, which outlives the machine."""
    elsewhere = machine.engine.folder / "elsewhere"
    shutil.rmtree(elsewhere, ignore_errors=True)
    elsewhere.mkdir()
    os.chown(elsewhere, POSTGRES, GROUP)
    place = says("BACKUPS=/mnt/other-machine").replace("/mnt/other-machine", str(elsewhere))
    machine.type_in(f"echo {place} >>.env\n{says('docker compose up -d backup')}")
    return elsewhere


def backed_up(machine: SimulatedHost, service: str = "backup") -> bool:
    """Type how a backup is made now; tell whether it was: not while another one is."""
    line = blocks("### Upgrade")[0].splitlines()[0]
    try:
        machine.type_in(line, {"exec backup": f"exec {service}"})
    except StageFailed:
        return False
    return True


def lose(machine: SimulatedHost, stack: Stack) -> None:
    """Take a machine away: its containers, its volumes, its disk."""
    for outside in stack.outside:
        machine.engine.podman("network", "disconnect", f"{stack.project}_front", outside)
    machine.type_in("docker compose down --volumes")
    left = machine.engine.podman("volume", "ls", "--format", "{{.Name}}").split()
    if any(name.startswith(f"{stack.project}_") for name in left):
        raise StageFailed(f"the machine of {stack.service} is not lost: {left}")
    shutil.rmtree(machine.root)


def counted(told: str) -> tuple[int, int]:
    """Return the rows and the keys a backup's line tells. Raises StageFailed without any."""
    found = re.search(r"(\d+) rows, (\d+) keys", told)
    if not found:
        raise StageFailed(f"no rows and keys told: {told}")
    return int(found[1]), int(found[2])
