"""Runs one Lua script of the service by itself, on keys that are told by short names."""

from pathlib import Path
from typing import Any

import redis

SERVICE = Path(__file__).resolve().parents[2] / "telegram_service"


def run_script(client: redis.Redis, path: str, keys: list[str], *args: str | int) -> Any:
    """Run `telegram_service/{path}` and return its reply."""
    source = (SERVICE / path).read_text(encoding="utf-8")
    return client.eval(source, len(keys), *keys, *args)
