"""Brings a compose stack from nothing to its first answer, then kills its containers one by one."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trustme

from deploy.containers.engine import Engine, StageFailed, call
from deploy.containers.visitor import Visitor
from deploy.init.writing import GROUP

DOMAIN = "neo.test"
HTTP_PORT, HTTPS_PORT = 18_080, 18_443
READY_TIMEOUT_S = 120.0
LOOK_EVERY_S = 0.25
EMULATOR_TOKEN = "424242:emulator"  # noqa: S105 - the emulator's own
QUESTION = "Que dit l’article L3121-27 ?"
ARTICLE = "L3121-27"
BOT_SETTINGS = (
    f"TELEGRAM_BOT__TOKEN={EMULATOR_TOKEN}",
    "TELEGRAM_BOT__API_URL=http://emulator:8081",
)
OUTSIDE_THE_BOT = ("neo-ai_ai-api_1", "emulator")


@dataclass
class Figures:
    """What a stack showed: seconds to its first answer, and to the next one after each kill.

    `models_s` are those from a model's addition to its first answer, `certificate_s` those from a
    start without a certificate to the first real one.
    """

    stack: str
    ready_s: float = 0.0
    back_s: dict[str, float] = field(default_factory=dict)
    models_s: dict[str, float] = field(default_factory=dict)
    certificate_s: float = 0.0


@dataclass(frozen=True)
class House:
    """Where the stage runs: the engine, a copy of the tree with a host's files, a visitor."""

    engine: Engine
    tree: Path
    visitor: Visitor

    def compose(
        self,
        stack: str,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """Run podman-compose on a stack's file, with `variables` over those of .env."""
        tool = Path(sys.executable).with_name("podman-compose")
        ports = {"HTTP_PORT": f"127.0.0.1:{HTTP_PORT}", "HTTPS_PORT": f"127.0.0.1:{HTTPS_PORT}"}
        ports["COMPOSE_PROFILES"] = ""  # --profile says which
        return call(
            [tool, "--file", f"docker-compose.{stack}.yml", *arguments],
            {**self.engine.environment, **ports, **(variables or {})},
            folder=self.tree,
        )

    def init(self, stack: str, *settings: str) -> None:
        """Write the host's files as an operator would."""
        command = [sys.executable, "-m", "deploy.init", "--service", stack, "--domain", DOMAIN]
        chosen = [word for setting in settings for word in ("--set", setting)]
        call([*command, "--force", *chosen], dict(os.environ), folder=self.tree)


def make_house(engine: Engine, root: Path) -> House:
    """Copy the tree, without its secrets, and give it certificates of an authority of its own."""
    tree = engine.folder / "tree"
    call(["rm", "-rf", tree])
    tree.mkdir()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, check=True).stdout
    pack = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read"]
    packed = subprocess.run(pack, cwd=root, input=names, capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract"], cwd=tree, input=packed, check=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tree / "authority.pem"))
    for host in ("ai-api", "telegram", "mail"):
        folder = tree / "deploy" / "certificates" / f"{host}.{DOMAIN}"
        folder.mkdir(parents=True)
        issued = authority.issue_cert(f"{host}.{DOMAIN}")
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        (folder / "fullchain.pem").write_bytes(chain)
        (folder / "privkey.pem").write_bytes(issued.private_key_pem.bytes())
        (folder / "privkey.pem").chmod(0o440)
        os.chown(folder / "privkey.pem", 0, GROUP)
    return House(engine, tree, Visitor(DOMAIN, HTTPS_PORT, tree / "authority.pem"))


def until(works: Callable[[], bool], what: str) -> float:
    """Wait until `works`; return the seconds it took. Raises StageFailed after READY_TIMEOUT_S."""
    started = time.monotonic()
    while time.monotonic() - started < READY_TIMEOUT_S:
        try:
            if works():
                return time.monotonic() - started
        except (OSError, http.client.HTTPException):
            pass  # nobody answers yet
        time.sleep(LOOK_EVERY_S)
    raise StageFailed(f"after {READY_TIMEOUT_S:.0f} s, still not: {what}")


def run_ai(house: House) -> tuple[Figures, str]:
    """ai_core: a question through nginx over TLS is answered with its article.

    Returns a key of it, too.
    """
    figures = Figures("ai")
    house.init("ai")
    started = time.monotonic()
    ai_up(house)
    until(lambda: house.visitor.ask("ai-api", "/ready")[0] == 200, "ai_core ready behind nginx")
    figures.ready_s = time.monotonic() - started
    key = new_key(house)
    kill_each(house, figures, "ai", ("ai-api", "redis", "nginx"), lambda: answered(house, key))
    return figures, key


def ai_up(house: House) -> None:
    """Bring ai_core's stack up."""
    house.compose("ai", "up", "--detach", "--no-build")


def new_key(house: House, container: str = "neo-ai_ai-api_1") -> str:
    """Make an API key as docs/operating.md says."""
    create = ("keys", "create", "--name", "stage", "--scope", "inference")
    told = house.engine.podman("exec", container, "python", "-m", "ai_core", *create)
    return told.split()[1]


def answered(house: House, key: str) -> bool:
    """Ask about an article; tell whether the answer cites it."""
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    status, told = house.visitor.ask("ai-api", "/api/v1/chat", body, {"X-API-Key": key})
    return status == 200 and [each["number"] for each in told["citations"]] == [ARTICLE]


def run_telegram(house: House, ai_key: str) -> tuple[Figures, "Chat"]:
    """The bot: an update that Telegram posts through nginx is answered in the chat."""
    figures = Figures("telegram")
    house.init(
        "telegram",
        *BOT_SETTINGS,
        "TELEGRAM_AI__URL=http://neo-ai_ai-api_1:8000",
        f"TELEGRAM_AI__API_KEY={ai_key}",
    )
    free_the_edge(house)
    started = time.monotonic()
    house.engine.podman(
        "run", "--detach", "--name", "emulator", "--network", "neo-ai_front",
        "--entrypoint", "python", "localhost/neo-telegram:latest",
        "-m", "telegram_service.emulator", "--host", "0.0.0.0",  # noqa: S104 - in its container
    )  # fmt: skip
    bot_up(house)
    chat = Chat(house)
    until(chat.opens, "the emulator of the Bot API")
    until(lambda: chat.post("bonjour") == 200, "an update taken through nginx")
    figures.ready_s = time.monotonic() - started
    parts = ("telegram-bot", "worker", "redis", "postgres", "nginx")
    kill_each(house, figures, "telegram", parts, chat.answered)
    return figures, chat


def bot_up(house: House) -> None:
    """Bring the bot's stack up, and lead it to ai_core and to the emulator."""
    house.compose("telegram", "up", "--detach", "--no-build")
    for outside in OUTSIDE_THE_BOT:
        house.engine.podman("network", "connect", "neo-telegram_front", outside)


class Chat:
    """A person's chat with the bot, through the emulator; updates enter as Telegram sends them."""

    def __init__(self, house: House) -> None:
        self._house = house
        secret = house.tree / "deploy/secrets/telegram/TELEGRAM_WEBHOOK__SECRET"
        self._secret = secret.read_text(encoding="utf-8").strip()
        self._said = 0

    def opens(self) -> bool:
        """Tell whether the emulator answers."""
        try:
            self._heard()
        except StageFailed:
            return False
        return True

    def post(self, text: str) -> int:
        """Say something, and post the update that comes of it; return nginx's status."""
        self._emulator("/emulator/say", {"chat": 1, "text": text})
        body = {"offset": self._said + 1, "timeout": 0}
        update = self._emulator(f"/bot{EMULATOR_TOKEN}/getUpdates", body)["result"][-1]
        self._said = update["update_id"]
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret}
        return self._house.visitor.ask("telegram", "/telegram/webhook", update, headers)[0]

    def answered(self) -> bool:
        """Ask about an article; tell whether its answer comes to the chat."""
        before = self._heard()
        if self.post(QUESTION) != 200:
            return False
        until(lambda: self._heard() > before, "the bot's answer")
        return True

    def _heard(self) -> int:
        told = self._emulator("/emulator/messages/1")
        return sum(ARTICLE in str(message) for message in told)

    def _emulator(self, path: str, body: Any = None) -> Any:
        """Ask the emulator from inside its container."""
        program = (
            "import sys, urllib.request as u; "
            "body = sys.argv[2].encode() or None; "
            "r = u.Request('http://127.0.0.1:8081' + sys.argv[1], body, "
            "{'Content-Type': 'application/json'}); print(u.urlopen(r, timeout=9).read().decode())"
        )
        sent = "" if body is None else json.dumps(body)
        return json.loads(
            self._house.engine.podman("exec", "emulator", "python", "-c", program, path, sent)
        )


def free_the_edge(house: House) -> None:
    """Stop the nginx that holds the ports: each stack stands for a host of its own."""
    running = house.engine.podman("ps", "--format", "{{.Names}}").split()
    for name in running:
        if name.endswith("_nginx_1"):
            house.engine.podman("stop", name)


def kill_each(
    house: House,
    figures: Figures,
    stack: str,
    parts: tuple[str, ...],
    works: Callable[[], bool],
    *,
    project: str = "",
) -> None:
    """Kill one container after the other as a crash would; each comes back, well, and all works."""
    until(works, f"{stack} at work")
    for part in parts:
        name = f"{project or f'neo-{stack}'}_{part}_1"
        pid = house.engine.pid(name)
        os.kill(pid, signal.SIGKILL)
        started = time.monotonic()
        until(partial(again, house.engine, name, pid), f"{name} again")
        until(partial(well, house.engine, name), f"{name} well")
        until(works, f"{stack} at work after {part} was killed")
        figures.back_s[part] = time.monotonic() - started


def again(engine: Engine, container: str, before: int) -> bool:
    """Tell whether a container runs as another process than `before`."""
    return engine.pid(container) not in (0, before)


def well(engine: Engine, container: str) -> bool:
    """Tell whether a container passes its health check; one without any only has to run."""
    if "[NONE]" in engine.podman("inspect", "--format", "{{.Config.Healthcheck}}", container):
        return engine.pid(container) != 0
    try:
        engine.podman("healthcheck", "run", container)
    except StageFailed:
        return False
    return True
