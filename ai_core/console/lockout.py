"""Slows down guessing: attempts to sign in are counted by account and by address.

A browser that signed in before holds a device cookie, and its attempts are counted by themselves
(OWASP, "Slow Down Online Guessing Attacks with Device Cookies"): whoever guesses at an owner's
password from elsewhere locks out everybody but the owner. A lock ends after `LOCK_S`, whatever
comes meanwhile; attempts under a lock are neither looked at nor counted.
"""

import hashlib
import secrets
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import NamedTuple

from ai_core.access.visitors import Visitors
from ai_core.errors import TooManySignIns
from ai_core.redis_keys import TAG
from shared.stores.redis_connection import LuaScript, RedisConnection

ATTEMPT = LuaScript.read(Path(__file__).parent / "lua" / "attempt.lua")
WINDOW_S = 15 * 60
LOCK_S = 15 * 60
PER_ACCOUNT = 10
PER_ADDRESS = 30
PER_DEVICE = 10
PER_SECOND_FACTOR = 6
DEVICE_KEPT_S = 90 * 24 * 3600


class Subject(NamedTuple):
    """What attempts are counted by, and how many it has in `WINDOW_S`."""

    name: str
    limit: int


class Lockout:
    """Counts attempts, in Redis for all processes together."""

    def __init__(self, connection: RedisConnection, visitors: Visitors) -> None:
        self._connection = connection
        self._visitors = visitors

    async def subjects(
        self, account_name: str, address: IPv4Address | IPv6Address | None, device: str | None
    ) -> tuple[Subject, ...]:
        """Return what an attempt with a name and a password counts against."""
        if device and await self._is_known(device, account_name):
            return (Subject(f"device:{_digest(device)}", PER_DEVICE),)
        return (
            Subject(f"account:{self._visitors.pseudonym_of(account_name)}", PER_ACCOUNT),
            Subject(f"address:{self._visitors.pseudonym(address)}", PER_ADDRESS),
        )

    async def attempt(self, subjects: Sequence[Subject]) -> None:
        """Count one attempt, before it is looked at. Raises TooManySignIns with the wait."""
        keys = [key for subject in subjects for key in _keys(subject)]
        limits = [subject.limit for subject in subjects]
        wait_s = int(await self._connection.run(ATTEMPT, keys, (WINDOW_S, LOCK_S, *limits)))
        if wait_s:
            raise TooManySignIns(retry_after_s=float(wait_s), minutes=-(-wait_s // 60))

    async def succeeded(self, subjects: Sequence[Subject]) -> None:
        """Forget the attempts of those who signed in, but not those of their address."""
        kept = [subject for subject in subjects if not subject.name.startswith("address:")]
        if kept:
            await self._connection.call("DEL", *(_keys(subject)[0] for subject in kept))

    async def unlock(self, account_id: int, account_name: str) -> None:
        """End the locks of an account, for its operator on the host."""
        account = Subject(f"account:{self._visitors.pseudonym_of(account_name)}", PER_ACCOUNT)
        await self._connection.call("DEL", *_keys(account), *_keys(second_factor(account_id)))

    async def remember_device(self, account_name: str) -> str:
        """Return the value of the device cookie of a browser that signed in."""
        device = secrets.token_urlsafe(32)
        owner = self._visitors.pseudonym_of(account_name)
        await self._connection.call("SET", _device_key(device), owner, "EX", DEVICE_KEPT_S)
        return device

    @staticmethod
    def own_password(account_id: int) -> Subject:
        """Return what an open session's wrong passwords count against."""
        return Subject(f"own:{account_id}", PER_SECOND_FACTOR)

    async def _is_known(self, device: str, account_name: str) -> bool:
        owner = await self._connection.call("GET", _device_key(device))
        return bool(owner == self._visitors.pseudonym_of(account_name).encode())


def second_factor(account_id: int) -> Subject:
    """Return what codes of an account count against: only who knows its password tries any."""
    return Subject(f"code:{account_id}", PER_SECOND_FACTOR)


def _keys(subject: Subject) -> tuple[str, str]:
    return f"{TAG}:console:attempts:{subject.name}", f"{TAG}:console:lock:{subject.name}"


def _device_key(device: str) -> str:
    return f"{TAG}:console:device:{_digest(device)}"


def _digest(device: str) -> str:
    return hashlib.sha256(device.encode("utf-8", "replace")).hexdigest()
