"""Every knob of ai_core. `AI_CORE_REDIS__URL=…` sets `settings.redis.url`."""

from pathlib import Path

from pydantic import Field, IPvAnyNetwork, RedisDsn
from pydantic_settings import SettingsConfigDict

from shared.settings import Section, StrictSettings


class ServerSettings(Section):
    """Where the API listens, and how much it reads."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65_535)
    max_body_bytes: int = Field(default=1024 * 1024 - 1, gt=0)
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="Whose X-Forwarded-For is believed; an address or a network each."
    )


class RedisSettings(Section):
    """Keys, limits, cache and conversations."""

    url: RedisDsn = RedisDsn("redis://127.0.0.1:6379/0")


class ModelSettings(Section):
    """Which model answers when a request names none."""

    default: str = "extractive"


class ConversationSettings(Section):
    """How long a conversation is kept after its last turn, and how much of it."""

    silence_s: int = Field(default=24 * 3600, gt=0)
    turns_kept: int = Field(default=20, ge=2)


class PageSettings(Section):
    """The page at `/`: the file that holds the publishable key it works with."""

    key_file: Path | None = None


class Settings(StrictSettings):
    """ai_core, configured from the environment only."""

    model_config = SettingsConfigDict(
        env_prefix="AI_CORE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Path("/var/lib/ai_core")
    log_level: str = "info"
    server: ServerSettings = ServerSettings()
    redis: RedisSettings = RedisSettings()
    models: ModelSettings = ModelSettings()
    conversations: ConversationSettings = ConversationSettings()
    page: PageSettings = PageSettings()
