"""The second factor: one-time codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

A code counts once: the step it belongs to is written down, and the same or an earlier one is
refused afterwards (RFC 6238, section 5.2).
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from pathlib import Path

import pyotp
import segno

from ai_core.redis_keys import TAG
from shared.stores.redis_connection import LuaScript, RedisConnection

ISSUER = "Code du Travail Neo"
STEP_S = 30
TOLERATED_STEPS = 1
"""Clocks of phones are off by some seconds: the code before and the code after count too."""
RECOVERY_CODES = 10
RECOVERY_CODE = re.compile(r"[a-z2-7]{5}-[a-z2-7]{5}-[a-z2-7]{5}")
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
TAKE_STEP = LuaScript.read(Path(__file__).parent / "lua" / "take_step.lua")


def new_secret() -> str:
    """Return a new shared secret of 160 bits, in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32(32)


def enrolment_uri(secret: str, account_name: str) -> str:
    """Return what an authenticator app reads from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account_name, issuer_name=ISSUER)


def enrolment_picture(secret: str, account_name: str) -> str:
    """Return the QR code of `enrolment_uri` as an SVG element."""
    code = segno.make(enrolment_uri(secret, account_name), error="m")
    return code.svg_inline(scale=5, light="#fff", omitsize=False)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step a code belongs to, None when it is wrong."""
    digits = "".join(code.split())
    if not (len(digits) == 6 and digits.isascii() and digits.isdecimal()):
        return None
    totp, step = pyotp.TOTP(secret), int(now.timestamp()) // STEP_S
    found = None
    for near in range(step - TOLERATED_STEPS, step + TOLERATED_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(near), digits):
            found = near
    return found


class UsedSteps:
    """The latest time step whose code each account used."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    async def take(self, account_id: int, step: int) -> bool:
        """Use a step; False when its code, or a later one, was used already."""
        kept_s = STEP_S * (2 * TOLERATED_STEPS + 2)
        key = f"{TAG}:console:step:{account_id}"
        return bool(await self._connection.run(TAKE_STEP, (key,), (step, kept_s)))


def new_recovery_codes() -> list[str]:
    """Return fresh recovery codes, 75 bits each."""
    return [
        "-".join("".join(secrets.choice(BASE32) for _ in range(5)) for _ in range(3))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_digest(account_id: int, code: str) -> bytes | None:
    """Return what is stored of a recovery code, None when it is not shaped like one.

    A fast hash is enough for 75 random bits, as it is for API keys.
    """
    written = code.strip().lower()
    if not RECOVERY_CODE.fullmatch(written):
        return None
    return hashlib.sha256(f"recovery {account_id} {written}".encode()).digest()
