"""The accounts of the desk: rows of `accounts`, and the hashes of their recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from ai_core.records.database import Records
from shared.stores.statements import Statements

SQL = Statements.beside(__file__)
TOTP = "totp of an account"

ConsoleLanguage = Literal["fr", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. `totp_sealed` is its second factor's secret, once it is confirmed."""

    id: int
    name: str
    role: str
    password_hash: str | None
    totp_sealed: bytes | None
    oidc_issuer: str | None
    oidc_subject: str | None
    language: ConsoleLanguage
    created_at: datetime
    disabled_at: datetime | None
    last_login_at: datetime | None

    @property
    def signs_in_with(self) -> tuple[object, ...]:
        """Return everything it signs in with: a change of it ends its sessions."""
        return (self.password_hash, self.totp_sealed, self.oidc_issuer, self.oidc_subject)


class Accounts:
    """Reads and changes accounts. Every method raises RecordsOff, PostgresLost."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def by_id(self, account_id: int) -> Account | None:
        """Return an account by its id."""
        return await self._one("by_id", id=account_id)

    async def by_name(self, name: str) -> Account | None:
        """Return an account by its name."""
        return await self._one("by_name", name=name)

    async def by_identity(self, issuer: str, subject: str) -> Account | None:
        """Return the account of an identity of an OpenID provider."""
        return await self._one("by_identity", issuer=issuer, subject=subject)

    async def all(self) -> list[Account]:
        """Return every account by name, the disabled ones last."""
        async with self._records.transaction() as db:
            return [_account(row) for row in await SQL.fetch(db, "all")]

    async def recovery_codes_left(self, account_id: int) -> int:
        """Return how many recovery codes an account has not used."""
        async with self._records.transaction() as db:
            row = await SQL.fetch_row(db, "count_recovery_codes", id=account_id)
        return int(row["left"]) if row else 0

    def sealed(self, secret: str) -> bytes:
        """Return a second factor's secret as it is stored."""
        return self._records.encryption.seal_text(secret, TOTP)

    def opened(self, account: Account) -> str | None:
        """Return the secret of an account's second factor, None without one."""
        if account.totp_sealed is None:
            return None
        return self._records.encryption.open_text(account.totp_sealed, TOTP)

    async def _one(self, statement: str, /, **values: object) -> Account | None:
        async with self._records.transaction() as db:
            row = await SQL.fetch_row(db, statement, **values)
        return _account(row) if row else None


async def add(
    db: asyncpg.Connection,
    *,
    name: str,
    role: str,
    now: datetime,
    password_hash: str | None = None,
    identity: tuple[str, str] | None = None,
    language: ConsoleLanguage = "fr",
) -> Account | None:
    """Add an account; None when its name or its identity is taken."""
    issuer, subject = identity or (None, None)
    row = await SQL.fetch_row(
        db,
        "add",
        name=name,
        role=role,
        password_hash=password_hash,
        oidc_issuer=issuer,
        oidc_subject=subject,
        language=language,
        now=now,
    )
    return _account(row) if row else None


async def other_owners(db: asyncpg.Connection, account_id: int) -> int:
    """Return how many other owners are not disabled; none of them changes before the commit."""
    rows = await SQL.fetch(db, "lock_owners")
    return sum(row["id"] != account_id for row in rows)


async def set_role(db: asyncpg.Connection, account_id: int, role: str) -> None:
    """Give an account another role."""
    await SQL.execute(db, "set_role", id=account_id, role=role)


async def set_password(db: asyncpg.Connection, account_id: int, password_hash: str) -> None:
    """Replace an account's password."""
    await SQL.execute(db, "set_password", id=account_id, password_hash=password_hash)


async def set_second_factor(
    db: asyncpg.Connection, account_id: int, totp_sealed: bytes | None, digests: Sequence[bytes]
) -> None:
    """Replace an account's second factor and its recovery codes; None and () take them away."""
    await SQL.execute(db, "set_second_factor", id=account_id, totp_sealed=totp_sealed)
    await set_recovery_codes(db, account_id, digests)


async def set_recovery_codes(
    db: asyncpg.Connection, account_id: int, digests: Sequence[bytes]
) -> None:
    """Replace an account's recovery codes."""
    await SQL.execute(db, "drop_recovery_codes", id=account_id)
    if digests:
        await SQL.execute(db, "add_recovery_codes", id=account_id, digests=list(digests))


async def use_recovery_code(db: asyncpg.Connection, account_id: int, digest: bytes) -> bool:
    """Use a recovery code up; False when it is unknown or used."""
    return await SQL.fetch_row(db, "use_recovery_code", id=account_id, digest=digest) is not None


async def set_language(db: asyncpg.Connection, account_id: int, language: str) -> None:
    """Set the language an account reads the desk in."""
    await SQL.execute(db, "set_language", id=account_id, language=language)


async def set_disabled(
    db: asyncpg.Connection, account_id: int, disabled_at: datetime | None
) -> None:
    """Disable an account from a moment on; None enables it."""
    await SQL.execute(db, "set_disabled", id=account_id, disabled_at=disabled_at)


async def signed_in(db: asyncpg.Connection, account_id: int, now: datetime) -> None:
    """Note when an account last signed in."""
    await SQL.execute(db, "signed_in", id=account_id, now=now)


def _account(row: Any) -> Account:
    return Account(**{name: row[name] for name in Account.__slots__})
