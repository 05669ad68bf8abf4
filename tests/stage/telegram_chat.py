"""The bot's surroundings: Telegram's stand-in in a container, and a person who chats through it."""

import json
from typing import Any

from tests.stage.container_engine import StageFailed
from tests.stage.simulated_host import SimulatedHost
from tests.stage.stack_checks import ARTICLE, QUESTION, until

EMULATOR = "emulator"
EMULATOR_TOKEN = "424242:emulator"  # noqa: S105 - the emulator's own
EMULATOR_URL = f"http://{EMULATOR}:8081"


def begin_emulator(host: SimulatedHost, network: str) -> None:
    """Start Telegram's stand-in on a network, anew if there is one."""
    host.engine.podman("rm", "--force", "--ignore", EMULATOR)
    host.engine.podman(
        "run", "--detach", "--name", EMULATOR, "--network", network,
        "--entrypoint", "python", "localhost/neo-telegram:latest",
        "-m", "telegram_service.emulators.telegram", "--host", "0.0.0.0",  # noqa: S104 - in its container
    )  # fmt: skip


class TelegramChat:
    """A person's chat with the bot, through the emulator; updates enter as Telegram sends them."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        secret = host.tree / "deploy/secrets/telegram/TELEGRAM_WEBHOOK__SECRET"
        self._secret = secret.read_text(encoding="utf-8").strip()
        self._said = 0

    def opens(self) -> bool:
        """Return whether the emulator answers."""
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
        return self._host.client.ask("telegram", "/telegram/webhook", update, headers)[0]

    def answered(self) -> bool:
        """Ask about an article; tell whether its answer comes to the chat."""
        before = self._heard()
        if self.post(QUESTION) != 200:
            return False
        until(lambda: self._heard() > before, "the bot's answer")
        return True

    def webhook(self) -> str:
        """Return the address that Telegram was told to post updates to."""
        return str(self._emulator(f"/bot{EMULATOR_TOKEN}/getWebhookInfo", {})["result"]["url"])

    def forget_webhook(self) -> None:
        """Let `post` take the updates again: the emulator does not reach nginx by its name."""
        self._emulator(f"/bot{EMULATOR_TOKEN}/deleteWebhook", {})

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
            self._host.engine.podman("exec", EMULATOR, "python", "-c", program, path, sent)
        )
