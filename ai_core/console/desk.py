"""Everything the desk is made of, opened once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ai_core.access.hosts import OwnHosts
from ai_core.access.keys import KeyRing
from ai_core.access.usage import KeyUsage
from ai_core.access.visitors import Visitors
from ai_core.console.accounts import AccountChanges
from ai_core.console.audit_log import AuditLog
from ai_core.console.channels import Channels, read_channels
from ai_core.console.law_updates import LawUpdates
from ai_core.console.lockout import Lockout
from ai_core.console.openid import OpenId, read_openid
from ai_core.console.passwords import Passwords
from ai_core.console.second_factor import UsedSteps
from ai_core.console.sessions import Sessions
from ai_core.console.sign_in import SignIn
from ai_core.records.database import Records
from ai_core.settings import Settings
from shared.clock import Clock
from shared.stores.redis_connection import RedisConnection


@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes of the desk use besides the rest of the service."""

    settings: Settings
    records: Records
    accounts: AccountChanges
    audit: AuditLog
    sessions: Sessions
    lockout: Lockout
    sign_in: SignIn
    used_steps: UsedSteps
    openid: OpenId | None
    connection: RedisConnection
    hosts: OwnHosts
    ring: KeyRing
    usage: KeyUsage
    law_updates: LawUpdates
    channels: Channels
    visitors: Visitors
    clock: Clock


@dataclass(frozen=True, slots=True)
class Access:
    """What checks the keys and the limits, as far as the desk needs it."""

    ring: KeyRing
    usage: KeyUsage
    visitors: Visitors
    hosts: OwnHosts


@asynccontextmanager
async def open_desk(
    settings: Settings, connection: RedisConnection, records: Records, access: Access, clock: Clock
) -> AsyncIterator[Desk]:
    """Open the desk for as long as the service lives. Raises WrongSettings."""
    passwords, lockout = Passwords(), Lockout(connection, access.visitors)
    console = settings.console
    sessions = Sessions(connection, clock, idle_s=console.idle_s, longest_s=console.longest_s)
    audit, used_steps = AuditLog(records, clock), UsedSteps(connection)
    changes = AccountChanges(records, audit, passwords, sessions, lockout, clock)
    sign_in = SignIn(
        *(records, changes.accounts, audit, passwords, sessions, lockout, used_steps, clock),
        second_factor=console.second_factor,
    )
    openid = await asyncio.to_thread(read_openid, console, clock)
    channels = await asyncio.to_thread(read_channels, console)
    law_updates = LawUpdates(settings.data_dir, clock)
    try:
        yield Desk(
            settings=settings,
            records=records,
            accounts=changes,
            audit=audit,
            sessions=sessions,
            lockout=lockout,
            sign_in=sign_in,
            used_steps=used_steps,
            openid=openid,
            connection=connection,
            hosts=access.hosts,
            ring=access.ring,
            usage=access.usage,
            law_updates=law_updates,
            channels=channels,
            visitors=access.visitors,
            clock=clock,
        )
    finally:
        await law_updates.close()
        await channels.close()
        await passwords.close()
