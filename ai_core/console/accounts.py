"""Changes of accounts, each with its row of the audit log in the same transaction.

At least one owner stays able to sign in, whatever is changed.
"""

import re
import secrets

import asyncpg

from ai_core.console.audit_log import Actor, AuditLog
from ai_core.console.lockout import Lockout
from ai_core.console.passwords import Passwords
from ai_core.console.roles import Role
from ai_core.console.second_factor import new_recovery_codes, recovery_digest
from ai_core.console.sessions import Sessions
from ai_core.errors import ConsoleRefusal
from ai_core.records import accounts
from ai_core.records.accounts import Account, Accounts
from ai_core.records.database import Records
from shared.clock import Clock

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,63}")
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits that nobody mistakes for one another."""


def account_name(written: str) -> str | None:
    """Return a name as it is stored, None for what cannot be one."""
    name = written.strip().lower()
    return name if NAME.fullmatch(name) else None


def new_password() -> str:
    """Return a first password: four groups of five signs, 99 bits."""
    groups = ("".join(secrets.choice(READABLE) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


class AccountChanges:
    """Adds, changes and disables accounts, and ends the sessions that a change outdates."""

    def __init__(
        self,
        records: Records,
        audit: AuditLog,
        passwords: Passwords,
        sessions: Sessions,
        lockout: Lockout,
        clock: Clock,
    ) -> None:
        self.accounts = Accounts(records)
        self._records = records
        self._audit = audit
        self._passwords = passwords
        self._sessions = sessions
        self._lockout = lockout
        self._clock = clock

    async def add(self, actor: Actor, name: str, role: Role) -> tuple[Account, str]:
        """Add an account; return it and its first password. Raises ConsoleRefusal."""
        kept = account_name(name)
        if kept is None:
            raise ConsoleRefusal("name_shape")
        password = new_password()
        password_hash = await self._passwords.hash(password)
        async with self._records.transaction() as db:
            added = await accounts.add(
                db, name=kept, role=role, password_hash=password_hash, now=self._clock.now()
            )
            if added is None:
                raise ConsoleRefusal("name_taken")
            await self._audit.write_in(db, actor, "accounts.add", kept, role=role)
        return added, password

    async def known(self, account_id: int) -> Account:
        """Return an account. Raises ConsoleRefusal when there is none."""
        found = await self.accounts.by_id(account_id)
        if found is None:
            raise ConsoleRefusal("account_unknown")
        return found

    async def set_role(self, actor: Actor, account: Account, role: Role) -> None:
        """Give an account another role. Raises ConsoleRefusal for the last owner."""
        async with self._records.transaction() as db:
            if role is not Role.OWNER:
                await _keep_an_owner(db, account)
            await accounts.set_role(db, account.id, role)
            before = account.role
            await self._audit.write_in(
                db, actor, "accounts.set_role", account.name, role=role, before=before
            )

    async def disable(self, actor: Actor, account: Account) -> None:
        """Refuse an account from now on, and end its sessions. Raises ConsoleRefusal."""
        async with self._records.transaction() as db:
            await _keep_an_owner(db, account)
            await accounts.set_disabled(db, account.id, self._clock.now())
            await self._audit.write_in(db, actor, "accounts.disable", account.name)
        await self._sessions.close_all(account.id)

    async def enable(self, actor: Actor, account: Account) -> None:
        """Let a disabled account sign in again."""
        async with self._records.transaction() as db:
            await accounts.set_disabled(db, account.id, None)
            await self._audit.write_in(db, actor, "accounts.enable", account.name)

    async def reset(self, actor: Actor, account: Account) -> str:
        """Give an account a new password, take its second factor away, end its locks and sessions.

        Returns the password. Raises ConsoleRefusal for an account of an OpenID provider.
        """
        if account.oidc_subject is not None:
            raise ConsoleRefusal("no_password_here")
        password = new_password()
        password_hash = await self._passwords.hash(password)
        async with self._records.transaction() as db:
            await accounts.set_password(db, account.id, password_hash)
            await accounts.set_second_factor(db, account.id, None, ())
            await self._audit.write_in(db, actor, "accounts.reset", account.name)
        await self._sessions.close_all(account.id)
        await self._lockout.unlock(account.id, account.name)
        return password

    async def change_password(self, account: Account, present: str, wanted: str) -> None:
        """Change one's own password and end one's sessions. Raises ConsoleRefusal, SignInRefused.

        Wrong present passwords count like wrong ones at sign-in.
        """
        if account.password_hash is None:
            raise ConsoleRefusal("no_password_here")
        await self.require_password(account, present)
        await self._passwords.require_strong(wanted, account.name)
        password_hash = await self._passwords.hash(wanted)
        actor = Actor(account.id, account.name)
        async with self._records.transaction() as db:
            await accounts.set_password(db, account.id, password_hash)
            await self._audit.write_in(db, actor, "own.change_password")
        await self._sessions.close_all(account.id)

    async def require_password(self, account: Account, present: str) -> None:
        """Raise ConsoleRefusal unless that is the account's password; attempts are counted."""
        subject = self._lockout.own_password(account.id)
        await self._lockout.attempt((subject,))
        if not await self._passwords.matches(account.password_hash, present):
            raise ConsoleRefusal("password_wrong")
        await self._lockout.succeeded((subject,))

    async def enrol(self, account: Account, secret: str) -> list[str]:
        """Make `secret` an account's second factor; return its recovery codes."""
        codes = new_recovery_codes()
        sealed = self.accounts.sealed(secret)
        actor = Actor(account.id, account.name)
        async with self._records.transaction() as db:
            await accounts.set_second_factor(db, account.id, sealed, _digests(account.id, codes))
            await self._audit.write_in(db, actor, "own.enrol_second_factor")
        await self._sessions.close_all(account.id)
        return codes

    async def renew_recovery_codes(self, account: Account) -> list[str]:
        """Replace an account's recovery codes; return the new ones."""
        codes = new_recovery_codes()
        actor = Actor(account.id, account.name)
        async with self._records.transaction() as db:
            await accounts.set_recovery_codes(db, account.id, _digests(account.id, codes))
            await self._audit.write_in(db, actor, "own.renew_recovery_codes")
        return codes

    async def set_language(self, account: Account, language: str) -> None:
        """Set the language an account reads the desk in."""
        actor = Actor(account.id, account.name)
        async with self._records.transaction() as db:
            await accounts.set_language(db, account.id, language)
            await self._audit.write_in(db, actor, "own.set_language", language=language)


def _digests(account_id: int, codes: list[str]) -> list[bytes]:
    found = (recovery_digest(account_id, code) for code in codes)
    return [digest for digest in found if digest]


async def _keep_an_owner(db: asyncpg.Connection, account: Account) -> None:
    """Raise ConsoleRefusal when an account is the last owner that can sign in."""
    if account.role != Role.OWNER or account.disabled_at is not None:
        return
    if not await accounts.other_owners(db, account.id):
        raise ConsoleRefusal("last_owner")
