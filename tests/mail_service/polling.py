"""Waiting in a test for a condition instead of a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

WAIT_S = 30.0
POLL_S = 0.02


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = WAIT_S) -> bool:
    """Return True once the condition holds, False after `seconds`."""
    give_up_s = time.monotonic() + seconds
    while time.monotonic() < give_up_s:
        if await holds():
            return True
        await asyncio.sleep(POLL_S)
    return False


async def becomes(holds: Callable[[], bool], seconds: float = WAIT_S) -> bool:
    """Return True once the condition, which awaits nothing, holds, False after `seconds`."""

    async def held() -> bool:
        return holds()

    return await until(held, seconds)
