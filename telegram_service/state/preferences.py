"""The settings a person, or a group's administrators, chose: in Redis, written behind to Postgres.

Redis answers first, so a Postgres that is down changes nothing; after a loss of Redis the choices
come back from Postgres.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.languages import Language
from shared.stores.redis_connection import RedisConnection
from telegram_service.redis_client import KEY_PREFIX

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
    history: bool = True
    retention_days: int = 30


class PreferenceCache:
    """Preferences in Redis, by owner: the id of a person or of a group."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def get(self, owner: int) -> Preferences | None:
        """Return the preferences, or None when Redis has none."""
        stored = await self._redis.call("GET", f"{KEY_PREFIX}:preferences:{owner}")
        return Preferences.model_validate_json(stored) if stored else None

    async def set(self, owner: int, chosen: Preferences) -> None:
        """Store the preferences."""
        key = f"{KEY_PREFIX}:preferences:{owner}"
        await self._redis.call("SET", key, chosen.model_dump_json(), "EX", TTL_S)

    async def delete(self, owner: int) -> None:
        """Delete the preferences."""
        await self._redis.call("DEL", f"{KEY_PREFIX}:preferences:{owner}")
