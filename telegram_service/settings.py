"""The settings of telegram_service. `TELEGRAM_REDIS__URL=…` sets `settings.redis.url`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, PostgresDsn, RedisDsn, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.privacy.settings import PrivacySettings
from shared.reading.settings import ScanSettings
from shared.settings import (
    ErrorReportSettings,
    Section,
    StrictSettings,
    TracingSettings,
    WatchSettings,
)
from telegram_service.addresses import ChannelName, ChatId


class ServerSettings(Section):
    """Address of the webhook, and the largest body it reads."""

    host: str = "127.0.0.1"
    port: int = Field(default=8001, ge=1, le=65_535)
    max_body_bytes: int = Field(
        default=3 * 1024 * 1024, gt=0, description="Meta sends up to 3 MB in one call."
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Opens the dead letters to the desk of ai_core; empty: a 404.",
    )


class BotSettings(Section):
    """The bot's account. Without a token the service runs, reports that in /health, and waits."""

    token: SecretStr = SecretStr("")
    api_url: HttpUrl = HttpUrl("https://api.telegram.org")
    mode: Literal["webhook", "polling"] = "webhook"
    drafts: bool = Field(default=True, description="Stream by drafts in private chats.")
    allowed_users: frozenset[ChatId] = Field(
        default=frozenset(), description="Who may write to the bot; empty: everybody."
    )


class WebhookSettings(Section):
    """How Telegram reaches us."""

    secret: SecretStr = SecretStr("")
    url: str = Field(default="", description="Public address, ending in /telegram/webhook.")
    max_connections: int = Field(default=40, ge=1, le=100)


class LineSettings(Section):
    """The account on LINE. Without its secret and its token the channel is off."""

    channel_secret: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    webhook_url: str = Field(default="", description="Public address, ending in /line/webhook.")
    api_url: HttpUrl = HttpUrl("https://api.line.me")
    data_url: HttpUrl = HttpUrl("https://api-data.line.me")

    @property
    def is_on(self) -> bool:
        """Return whether the channel is configured."""
        return bool(self.channel_secret.get_secret_value() and self.access_token.get_secret_value())


class WhatsAppSettings(Section):
    """Our phone number in WhatsApp's Cloud API. Without all its secrets the channel is off."""

    app_secret: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    verify_token: SecretStr = SecretStr("")
    phone_number_id: str = Field(default="", pattern=r"^\d*$")
    api_url: HttpUrl = HttpUrl("https://graph.facebook.com")
    api_version: str = Field(default="v26.0", pattern=r"^v\d+\.\d+$")
    template: str = Field(default="", description="Sent when a person's 24 hours are over.")
    template_language: str = "fr"
    per_s: float = Field(default=70.0, gt=0, description="Of Meta's 80; what comes in counts too.")
    pair_per_min: float = Field(default=10.0, gt=0, description="Messages to one person.")
    pair_burst: int = Field(default=40, ge=1)
    timeout_s: float = Field(default=15.0, gt=0, description="Of a call.")
    status_wait_s: float = Field(default=15.0, ge=0, description="For a status, after a crash.")

    @property
    def is_on(self) -> bool:
        """Return whether the channel is configured."""
        secrets = (self.app_secret, self.access_token, self.verify_token)
        return all(each.get_secret_value() for each in secrets) and bool(self.phone_number_id)


class AiSettings(Section):
    """Where ai_core is, and how many questions may be asked at once."""

    url: HttpUrl = HttpUrl("http://127.0.0.1:8000")
    api_key: SecretStr = SecretStr("")
    client_certificate: Path | None = Field(
        default=None, description="Our certificate and its key, for mutual TLS."
    )
    tls_ca: Path | None = Field(default=None, description="The authority to believe, when private.")
    at_once: int = Field(default=8, ge=1, description="Answers a worker may be receiving at once.")
    retry_s: float = Field(default=10.0, gt=0, description="Between tries while ai_core is down.")


class RedisSettings(Section):
    """Update queue, sessions, limits. It must not evict (noeviction) and should sync its log."""

    url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")


class PostgresSettings(Section):
    """Users, settings, messages, feedback, receipts."""

    url: PostgresDsn = PostgresDsn("postgresql://127.0.0.1:5432/telegram")


class WorkerSettings(Section):
    """Concurrency of a worker, and its lease."""

    chats: int = Field(default=64, ge=1, description="Chats served at once.")
    lease_s: float = Field(default=3.0, ge=0.5, description="Silence after which one is dead.")
    drain_s: float = Field(default=25.0, gt=0, description="Time to finish after SIGTERM.")


class LimitSettings(Section):
    """Telegram's rate limits, and our quotas per person."""

    bot_per_s: float = Field(default=25.0, gt=0)
    private_per_s: float = Field(default=1.0, gt=0)
    private_burst: int = Field(default=3, ge=1)
    group_per_min: float = Field(default=18.0, gt=0)
    questions_per_minute: int = Field(default=10, ge=1, description="By one person.")
    questions_per_day: int = Field(default=200, ge=1, description="By one person.")
    questions_per_minute_in_all: int = Field(default=600, ge=1, description="The global brake.")


class StoreSettings(Section):
    """Storage: the encryption key, and retention times."""

    key_file: Path = Field(
        default=Path("/run/secrets/telegram_vault"), description="See shared/privacy/encryption.py."
    )
    retention_days: int = Field(default=30, ge=1, le=365)
    backup_days: int = Field(
        default=190,
        ge=0,
        le=3_650,
        description="How long backups of the stores are kept: told to who erases their data.",
    )
    session_hours: int = Field(default=24, ge=1, description="A conversation ends after silence.")


class VoiceSettings(Section):
    """Transcription of recordings, on this machine; see docs/telegram.md."""

    model: Path | None = Field(
        default=None, description="Folder of the weights (./neo telegram voice-model); none: off."
    )
    sha256: str = Field(default="", description="The hash of the folder's SHA256SUMS.")
    max_duration_s: int = Field(default=180, ge=1, le=600)
    max_bytes: int = Field(default=20_000_000, ge=1, le=20_000_000)
    queue: int = Field(default=3, ge=0, description="Recordings that wait, in one worker.")
    threads: int = Field(default=2, ge=1)
    memory_mib: int = Field(
        default=2_560, ge=512, description="Address space; `base` has 500 MiB of it in memory."
    )


class Settings(StrictSettings):
    """telegram_service, configured from the environment only."""

    model_config = SettingsConfigDict(
        env_prefix="TELEGRAM_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    log_level: str = "info"
    server: ServerSettings = ServerSettings()
    bot: BotSettings = BotSettings()
    webhook: WebhookSettings = WebhookSettings()
    line: LineSettings = LineSettings()
    whatsapp: WhatsAppSettings = WhatsAppSettings()
    ai: AiSettings = AiSettings()
    redis: RedisSettings = RedisSettings()
    postgres: PostgresSettings = PostgresSettings()
    worker: WorkerSettings = WorkerSettings()
    limits: LimitSettings = LimitSettings()
    scans: ScanSettings = ScanSettings()
    store: StoreSettings = StoreSettings()
    voice: VoiceSettings = VoiceSettings()
    privacy: PrivacySettings = PrivacySettings()
    watch: WatchSettings = WatchSettings()
    tracing: TracingSettings = TracingSettings()
    error_reports: ErrorReportSettings = ErrorReportSettings()

    @property
    def channels(self) -> Mapping[ChannelName, bool]:
        """Return which channels have their secrets; the others are off."""
        telegram = bool(self.bot.token.get_secret_value())
        return {"telegram": telegram, "line": self.line.is_on, "whatsapp": self.whatsapp.is_on}
