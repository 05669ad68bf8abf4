"""From a fault to the operator's letter and message, through live programs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from deploy.demos.smtp_relay import RecordingRelay, relay
from deploy.local.redis_server import RedisServer
from deploy.monitoring.alertmanager.__main__ import main
from deploy.monitoring.alertmanager.rendering import AlertSettings, configuration
from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi
from tests.deploy.monitoring_stack import telegram, until, watching
from tests.servers.loopback import served
from tests.servers.monitoring import AlertmanagerServer

OPERATOR = 4242
TOKEN = "777:alerts"  # noqa: S105 - a made-up one
pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.needs("alertmanager")]


@asynccontextmanager
async def told(
    folder: Path, group_wait_s: int = 0
) -> AsyncIterator[tuple[AlertmanagerServer, RecordingRelay, Account]]:
    """Run Alertmanager with a relay and Telegram's emulator to tell."""
    account = Account(privacy=False)
    account.say(OPERATOR, "/start")  # a bot cannot write first
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    async with relay() as sink, served(BotApi(account, TOKEN).app) as api_url:
        settings = AlertSettings.model_validate(
            {
                "mail": {"to": "ops@neo.example", "relay": f"localhost:{sink.port}", "tls": False},
                "telegram": {"chat": OPERATOR, "token_file": token, "api_url": api_url},
                "group_wait_s": group_wait_s,
            }
        )
        document = await asyncio.to_thread(configuration, settings)
        server = AlertmanagerServer(folder / "alertmanager", document)
        await asyncio.to_thread(server.start)
        try:
            yield server, sink, account
        finally:
            await asyncio.to_thread(server.stop)


@pytest.mark.slow
async def test_a_lost_redis_is_notified_by_mail_and_by_telegram_with_its_runbook(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    async with (
        told(tmp_path) as (server, sink, account),
        telegram(own_redis, tmp_path) as bot,
    ):
        targets = {"telegram_service": [bot], "alertmanager": [f"127.0.0.1:{server.port}"]}
        async with watching(tmp_path / "watch", targets) as watched:

            async def up() -> bool:
                return await watched.value('part_up{part="redis"}') == 1

            def letters(subject: str) -> list[str]:
                return [one.text() for one in sink.received if subject in one.mail["Subject"]]

            def messages(words: str) -> list[str]:
                written = [str(each["text"]) for each in account.written(OPERATOR)]
                return [text for text in written if words in text]

            await until(up)
            assert not letters("RedisLost")
            await asyncio.to_thread(own_redis.kill)
            lost = "FIRING telegram_service has lost its Redis"
            await until(lambda: letters("[FIRING] RedisLost telegram_service"))
            await until(lambda: messages(lost))

    assert lost in letters("RedisLost")[0]
    assert "docs/runbooks.md#redislost" in letters("RedisLost")[0]
    assert "docs/runbooks.md#redislost" in messages(lost)[0]


async def test_consequences_of_a_fault_are_not_notified_beside_it(tmp_path: Path) -> None:
    document = configuration(AlertSettings(webhook="http://127.0.0.1:9/"))
    inhibited = json.loads(document)["inhibit_rules"]

    causes = {rule["source_matchers"][0] for rule in inhibited}

    assert 'alertname="ServiceDown"' in causes


def test_the_configuration_is_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("ALERTS_TELEGRAM__CHAT", "-100")
    monkeypatch.setenv("ALERTS_TELEGRAM__TOKEN_FILE", str(tmp_path / "token"))

    assert main([str(tmp_path / "alertmanager.yml")]) == 0

    assert (tmp_path / "alertmanager.yml").stat().st_mode & 0o077 == 0
    assert TOKEN in (tmp_path / "alertmanager.yml").read_text()


def test_alerts_without_recipients_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALERTS_REPEAT_H", "1")

    assert main([str(tmp_path / "alertmanager.yml")]) == 2

    assert "no recipient" in capsys.readouterr().err
    assert not (tmp_path / "alertmanager.yml").exists()


def test_a_chat_without_a_token_is_refused() -> None:
    with pytest.raises(ValidationError, match="TOKEN_FILE"):
        AlertSettings.model_validate({"telegram": {"chat": 5}})


def test_the_example_names_every_setting_and_no_other() -> None:
    example = Path(__file__).parents[2] / "deploy" / "env" / "alerts.env.example"
    lines = [line.removeprefix("# ") for line in example.read_text().splitlines()]
    written = {line.partition("=")[0] for line in lines if line.startswith("ALERTS_")}

    assert written == variables(AlertSettings, "ALERTS_")


def variables(model: type[BaseModel], prefix: str) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= variables(kind, f"{prefix}{name}__".upper())
        else:
            names.add(f"{prefix}{name}".upper())
    return names
