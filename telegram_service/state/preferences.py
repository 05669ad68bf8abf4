"""The settings a person, or a group's administrators, chose: in Redis, written behind to Postgres.

Redis answers first, so a Postgres that is down changes nothing; after a loss of Redis the choices
come back from Postgres.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.languages import Language
from shared.privacy.encryption import DecryptionFailed
from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChatId
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import CHOICES, Vault

LENGTHS = {"short": 256, "normal": 768, "long": 2_048}
"""Tokens an answer may have. The extractive engine quotes and is not shortened."""
TTL_S = 30 * 86_400


class Preferences(BaseModel):
    """The chosen settings, with their defaults."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    language: Language = "fr"
    model: str | None = None
    length: Literal["short", "normal", "long"] = "normal"
    agreement: str | None = Field(default=None, pattern=r"^[0-9]{1,4}$")
    agreement_name: str = ""
    declined_agreement: str | None = None
    history: bool = True
    retention_days: int = 30


class PreferenceCache:
    """Preferences in Redis, by owner: the id of a person or of a group."""

    def __init__(self, redis: RedisConnection, vault: Vault) -> None:
        self._redis = redis
        self._vault = vault

    def _key(self, owner: ChatId) -> str:
        return f"{KEY_PREFIX}:preferences:{self._vault.name(owner)}"

    async def get(self, owner: ChatId) -> Preferences | None:
        """Return the preferences, or None when Redis has none that can be decrypted."""
        sealed = await self._redis.call("GET", self._key(owner))
        if not sealed:
            return None
        try:
            return Preferences.model_validate_json(self._vault.open(sealed, CHOICES))
        except DecryptionFailed:
            return None

    async def set(self, owner: ChatId, chosen: Preferences) -> None:
        """Store the preferences."""
        sealed = self._vault.seal(chosen.model_dump_json().encode(), CHOICES)
        await self._redis.call("SET", self._key(owner), sealed, "EX", TTL_S)

    async def delete(self, owner: ChatId) -> None:
        """Delete the preferences."""
        await self._redis.call("DEL", self._key(owner))
