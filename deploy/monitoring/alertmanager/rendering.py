"""Alertmanager's configuration, from an operator's few settings.

It is JSON, which YAML contains. Alertmanager 0.25, which Debian 12 has, reads a Telegram token from
its configuration only: hence a file for its owner alone instead of a template with secret files.
Meanings: https://prometheus.io/docs/alerting/0.25/configuration/
"""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, HttpUrl, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import Section, StrictSettings

SUBJECT = "[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }} {{ .CommonLabels.job }}"
TEXT = (
    "{{ range .Alerts }}{{ .Status | toUpper }} {{ .Annotations.summary }}\n"
    "{{ .Annotations.description }}\n{{ .Annotations.runbook_url }}\n\n{{ end }}"
)


class MailSettings(Section):
    """Recipients and relay of mail notifications; without recipients none are sent."""

    to: str = ""
    sender: str = "alerts@localhost"
    relay: str = Field(default="127.0.0.1:25", description="HOST:PORT of an SMTP server.")
    user: str = ""
    password_file: Path | None = None
    tls: bool = True


class TelegramSettings(Section):
    """Chat that receives alerts; 0: none."""

    chat: int = 0
    token_file: Path | None = None
    api_url: HttpUrl = HttpUrl("https://api.telegram.org")


class AlertSettings(StrictSettings):
    """Recipients of alerts, configured from the environment only."""

    model_config = SettingsConfigDict(
        env_prefix="ALERTS_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    mail: MailSettings = MailSettings()
    telegram: TelegramSettings = TelegramSettings()
    webhook: str = Field(default="", description="URL that receives alerts as JSON.")
    group_wait_s: int = Field(default=5, ge=0)
    repeat_h: int = Field(default=4, ge=1, description="Of an alert that goes on.")

    @model_validator(mode="after")
    def _tells_somebody(self) -> "AlertSettings":
        if not (self.mail.to or self.telegram.chat or self.webhook):
            raise ValueError("no recipient: ALERTS_MAIL__TO or ALERTS_TELEGRAM__CHAT is needed")
        if self.telegram.chat and self.telegram.token_file is None:
            raise ValueError("ALERTS_TELEGRAM__TOKEN_FILE is needed with a chat")
        return self


def configuration(settings: AlertSettings) -> str:
    """Return the configuration: one mail and one message per alert and service.

    Consequences of a fault are inhibited: RedisLost is not sent for a service that is down.
    """
    receiver: dict[str, Any] = {"name": "operators"}
    if settings.mail.to:
        receiver["email_configs"] = [_mail(settings.mail)]
    if settings.telegram.chat:
        receiver["telegram_configs"] = [_telegram(settings.telegram)]
    if settings.webhook:
        receiver["webhook_configs"] = [{"url": settings.webhook, "send_resolved": True}]
    route = {
        "receiver": "operators",
        "group_by": ["alertname", "job"],
        "group_wait": f"{settings.group_wait_s}s",
        "group_interval": "1m",
        "repeat_interval": f"{settings.repeat_h}h",
    }
    document = {"route": route, "inhibit_rules": INHIBITED, "receivers": [receiver]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


INHIBITED = [
    {
        "source_matchers": ['alertname="ServiceDown"', 'job="ai_core"'],
        "target_matchers": ['alertname=~"AiCoreLost|UpdatesUnanswered|MailsLate"'],
    },
    {
        "source_matchers": ['alertname="ServiceDown"'],
        "target_matchers": ['alertname=~"RedisLost|PostgresLost"'],
        "equal": ["instance"],
    },
    {
        "source_matchers": ['alertname="CertificateEnded"'],
        "target_matchers": ['alertname="CertificateEnds"'],
        "equal": ["address"],
    },
    {
        "source_matchers": ['alertname="DiskFull"'],
        "target_matchers": ['alertname="DiskFilling"'],
        "equal": ["instance"],
    },
]


def _mail(mail: MailSettings) -> dict[str, Any]:
    email: dict[str, Any] = {
        "to": mail.to,
        "from": mail.sender,
        "smarthost": mail.relay,
        "require_tls": mail.tls,
        "send_resolved": True,
        "headers": {"Subject": SUBJECT},
        "text": TEXT,
        "html": "",
    }
    if mail.user:
        email["auth_username"] = mail.user
    if mail.password_file:
        email["auth_password"] = mail.password_file.read_text(encoding="utf-8").strip()
    return email


def _telegram(telegram: TelegramSettings) -> dict[str, Any]:
    assert telegram.token_file is not None  # noqa: S101 - AlertSettings has looked
    return {
        "chat_id": telegram.chat,
        "bot_token": telegram.token_file.read_text(encoding="utf-8").strip(),
        "api_url": str(telegram.api_url).rstrip("/"),
        "parse_mode": "",
        "message": TEXT,
        "send_resolved": True,
    }
