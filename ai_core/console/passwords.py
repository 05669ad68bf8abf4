"""Passwords: hashed with Argon2id off the event loop, and refused where they are easy to guess.

Parameters are the second choice of RFC 9106, section 4 (64 MiB, three passes): a hash takes about a
tenth of a second. At most `HASHED_AT_ONCE` are computed at a time, and a short queue may wait: a
flood of sign-ins costs neither the memory nor the cores that answers need.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ai_core.errors import ConsoleRefusal, TooManySignIns

PARAMETERS = RFC_9106_LOW_MEMORY
HASHED_AT_ONCE = 2
MOST_WAITING = 16
MIN_CHARACTERS = 12
MAX_CHARACTERS = 128
LEAST_STRENGTH = 3
"""Of zxcvbn's scale from 0 to 4: "safely unguessable, moderate protection from offline attacks"."""
JUDGED_CHARACTERS = 72
"""zxcvbn reads no more of a password."""

T = TypeVar("T")


class Passwords:
    """Hashes and verifies passwords in threads of its own; `close` ends them."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(PARAMETERS)
        self._threads = ThreadPoolExecutor(HASHED_AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0
        self._decoy = ""

    async def hash(self, password: str) -> str:
        """Return the hash to store. Raises TooManySignIns while too many wait."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether a password is the one hashed; False without a hash, and it takes as long.

        Raises TooManySignIns while too many wait.
        """
        return await self._run(lambda: self._matches(stored, password))

    def outdated(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def require_strong(self, password: str, account_name: str) -> None:
        """Raise ConsoleRefusal when a password is too short, too long or easy to guess."""
        if len(_normal(password)) < MIN_CHARACTERS:
            raise ConsoleRefusal("password_short", limit=MIN_CHARACTERS)
        if len(password) > MAX_CHARACTERS:
            raise ConsoleRefusal("password_long", limit=MAX_CHARACTERS)
        if await self._run(lambda: _strength(password, account_name)) < LEAST_STRENGTH:
            raise ConsoleRefusal("password_weak")

    async def close(self) -> None:
        """Let the hashes in progress finish."""
        await asyncio.to_thread(self._threads.shutdown)

    def _matches(self, stored: str | None, password: str) -> bool:
        if stored is None and not self._decoy:
            self._decoy = self._hasher.hash("nobody has this password")
        try:
            known = self._hasher.verify(stored or self._decoy, _normal(password)[:MAX_CHARACTERS])
        except (VerificationError, InvalidHashError):
            return False
        return known and stored is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise TooManySignIns(retry_after_s=2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    """Return one spelling of a password (NFC, RFC 8265, section 4.2.2): keyboards differ."""
    return unicodedata.normalize("NFC", password)


def _strength(password: str, account_name: str) -> int:
    from zxcvbn import zxcvbn

    judged = password[:JUDGED_CHARACTERS]
    return int(zxcvbn(judged, user_inputs=[account_name, "code", "travail", "neo"])["score"])
