"""What a person, or a group's administrators, chose: kept in Redis, written behind to Postgres.

Redis answers first, so a Postgres that is down changes nothing; after a loss of Redis the choices
come back from Postgres.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.languages import Language
from telegram_service.redis_keys import TAG, Keyspace

LENGTHS = {"short": 256, "normal": 768, "long": 2_048}
"""Tokens an answer may have. The extractive engine quotes and is not shortened."""
KEPT_S = 30 * 86_400


class Preferences(BaseModel):
    """Choices, with what holds when nothing was chosen."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    language: Language = "fr"
    model: str | None = None
    length: Literal["short", "normal", "long"] = "normal"
    agreement: str | None = Field(default=None, pattern=r"^[0-9]{1,4}$")
    history: bool = True
    retention_days: int = 30


class PreferenceCache:
    """The copy in Redis, by owner: a person's id, or a group's."""

    def __init__(self, redis: Keyspace) -> None:
        self._redis = redis

    async def get(self, owner: int) -> Preferences | None:
        """Return the choices, or None when Redis does not know."""
        told = await self._redis.call("GET", f"{TAG}:prefs:{owner}")
        return Preferences.model_validate_json(told) if told else None

    async def set(self, owner: int, chosen: Preferences) -> None:
        """Keep the choices."""
        key = f"{TAG}:prefs:{owner}"
        await self._redis.call("SET", key, chosen.model_dump_json(), "EX", KEPT_S)

    async def forget(self, owner: int) -> None:
        """Forget them."""
        await self._redis.call("DEL", f"{TAG}:prefs:{owner}")
