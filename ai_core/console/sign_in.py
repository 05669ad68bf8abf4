"""Signing in: a name and a password, then a one-time code; or an identity of an OpenID provider.

Whoever is refused is not told why: unknown names, wrong passwords and disabled accounts get the
same answer after the same work. A session has a new id after each step.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ai_core.console.accounts import account_name
from ai_core.console.audit_log import AuditLog, actor_of
from ai_core.console.lockout import Lockout, second_factor
from ai_core.console.passwords import Passwords
from ai_core.console.roles import Role
from ai_core.console.second_factor import UsedSteps, recovery_digest, step_of
from ai_core.console.sessions import OpenSession, Sessions, Stage, credentials_of
from ai_core.errors import IdentityRefused, SignInRefused
from ai_core.records import accounts
from ai_core.records.accounts import Account, Accounts
from ai_core.records.database import Records
from shared.clock import Clock
from shared.errors import TooMany

PASSWORD = "password"  # noqa: S105 - the name of a method, not a secret
OIDC = "oidc"


class Client(NamedTuple):
    """Where an attempt comes from: an address, and the device cookie of a browser."""

    address: IPv4Address | IPv6Address | None
    device: str | None


class Identity(NamedTuple):
    """Who an OpenID provider says somebody is; `role` is what its claims give."""

    issuer: str
    subject: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class SignIn:
    """The steps of signing in, each to a new session."""

    records: Records
    accounts: Accounts
    audit: AuditLog
    passwords: Passwords
    sessions: Sessions
    lockout: Lockout
    used_steps: UsedSteps
    clock: Clock
    second_factor: bool

    async def with_password(self, name: str, password: str, client: Client) -> OpenSession:
        """Return a session that waits for a second factor, or an open one where none is wanted.

        Raises SignInRefused, TooManySignIns.
        """
        kept = account_name(name) or ""
        subjects = await self.lockout.subjects(kept, client.address, client.device)
        account = await self.accounts.by_name(kept)
        try:
            await self.lockout.attempt(subjects)
            right = await self.passwords.matches(
                account.password_hash if account else None, password
            )
        except TooMany:
            await self._refuse(account, "locked")
            raise
        if account is None or not right or account.disabled_at is not None:
            await self._refuse(account, "disabled" if right else "password")
            raise SignInRefused
        await self.lockout.succeeded(subjects)
        account = await self._with_todays_hash(account, password)
        if account.totp_sealed is not None:
            return await self._open(account, Stage.SECOND_FACTOR, PASSWORD)
        if self.second_factor:
            return await self._open(account, Stage.ENROLMENT, PASSWORD)
        return await self.complete(account, PASSWORD)

    async def with_code(self, account: Account, waiting: OpenSession, code: str) -> OpenSession:
        """Return the open session of whoever gave a right code. Raises as `with_password` does."""
        subject = second_factor(account.id)
        try:
            await self.lockout.attempt((subject,))
        except TooMany:
            await self.sessions.close(account.id, waiting.digest)
            await self._refuse(account, "locked")
            raise
        if not await self._right(account, code):
            await self._refuse(account, "code")
            raise SignInRefused
        await self.lockout.succeeded((subject,))
        await self.sessions.close(account.id, waiting.digest)
        return await self.complete(account, PASSWORD)

    async def with_identity(self, identity: Identity) -> OpenSession:
        """Return the open session of an identity; its account is made at the first sign-in.

        The role is what the claims give each time. Raises IdentityRefused.
        """
        account = await self.accounts.by_identity(identity.issuer, identity.subject)
        if account is None:
            account = await self._made(identity)
        if account.disabled_at is not None:
            await self._refuse(account, "disabled")
            raise IdentityRefused("disabled")
        if account.role != identity.role:
            async with self.records.transaction() as db:
                await accounts.set_role(db, account.id, identity.role)
                detail = {"role": identity.role, "before": account.role}
                await self.audit.write_in(
                    db, actor_of(account), "accounts.set_role", account.name, **detail
                )
        return await self.complete(account, OIDC)

    async def refuse_identity(self, reason: str) -> None:
        """Write down that an OpenID sign-in was refused; the name it claimed is not proven."""
        await self._refuse(None, f"openid: {reason}")

    async def complete(self, account: Account, method: str) -> OpenSession:
        """Open the session of somebody who has shown everything that is asked."""
        async with self.records.transaction() as db:
            await accounts.signed_in(db, account.id, self.clock.now())
            await self.audit.write_in(db, actor_of(account), "sign_in.accept", method=method)
        return await self._open(account, Stage.OPEN, method)

    async def _right(self, account: Account, code: str) -> bool:
        """Whether a code counts, and was not used; it is used up."""
        digest = recovery_digest(account.id, code)
        if digest:
            async with self.records.transaction() as db:
                if not await accounts.use_recovery_code(db, account.id, digest):
                    return False
                await self.audit.write_in(db, actor_of(account), "sign_in.use_recovery_code")
            return True
        secret = self.accounts.opened(account)
        step = step_of(secret, code, self.clock.now()) if secret else None
        return step is not None and await self.used_steps.take(account.id, step)

    async def _made(self, identity: Identity) -> Account:
        name = account_name(identity.name)
        if name is None:
            raise IdentityRefused("no name that could be an account's")
        async with self.records.transaction() as db:
            made = await accounts.add(
                db,
                name=name,
                role=identity.role,
                identity=(identity.issuer, identity.subject),
                now=self.clock.now(),
            )
            if made is None:
                raise IdentityRefused("the name belongs to another account")
            await self.audit.write_in(
                db, actor_of(made), "accounts.add", name, role=identity.role, method=OIDC
            )
        return made

    async def _with_todays_hash(self, account: Account, password: str) -> Account:
        """Hash a password again whose hash was made with other parameters."""
        stored = account.password_hash
        if stored is None or not self.passwords.outdated(stored):
            return account
        password_hash = await self.passwords.hash(password)
        async with self.records.transaction() as db:
            await accounts.set_password(db, account.id, password_hash)
        return await self.accounts.by_id(account.id) or account

    async def _refuse(self, account: Account | None, reason: str) -> None:
        await self.audit.write(actor_of(account), "sign_in.refuse", reason=reason)

    async def _open(self, account: Account, stage: Stage, method: str) -> OpenSession:
        credentials = credentials_of(account.signs_in_with)
        return await self.sessions.open(account.id, stage, method, credentials)
