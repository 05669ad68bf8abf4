"""`console account add | list | disable | enable | reset`: accounts of the desk, on the host.

A password is shown once. Who can run this command needs no account: it is how the first owner comes
to be, and how one who lost everything comes back.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from ai_core.access.visitors import Visitors, read_visitor_secret
from ai_core.console.accounts import AccountChanges, account_name
from ai_core.console.audit_log import HOST, AuditLog
from ai_core.console.lockout import Lockout
from ai_core.console.passwords import Passwords
from ai_core.console.roles import Role
from ai_core.console.sessions import Sessions
from ai_core.errors import ConsoleRefusal, KeysUnreadable, RecordsOff
from ai_core.records.accounts import Account
from ai_core.records.database import open_records
from ai_core.redis_keys import TAG
from ai_core.settings import Settings
from shared.clock import SystemClock
from shared.stores.postgres import PostgresLost
from shared.stores.redis_connection import RedisConnection

WAIT_S = 10.0
"""Redis and Postgres may have been started a moment ago."""
REFUSALS = {
    "name_shape": "a name has 2 to 64 small letters, digits, dots, dashes, underscores, + or @",
    "name_taken": "an account of that name is there already",
    "last_owner": "this is the last owner who can sign in",
    "no_password_here": "this account signs in with the OpenID provider",
    "account_unknown": "no account has that name",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the actions of `console account` and their arguments."""
    subjects = parser.add_subparsers(dest="subject", required=True)
    account = subjects.add_parser("account", help="who may sign in to the desk")
    actions = account.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add an account and show its first password, once")
    add.add_argument("name")
    add.add_argument("--role", type=Role, choices=list(Role), required=True)
    actions.add_parser("list", help="show every account")
    for name, told in (
        ("disable", "refuse an account, and end its sessions"),
        ("enable", "let a disabled account sign in again"),
        ("reset", "new password, no second factor, no sessions, no locks"),
    ):
        actions.add_parser(name, help=told).add_argument("name")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run the action and print its result; return the exit status.

    Raises RecordsOff, PostgresLost, KeysUnreadable.
    """
    try:
        for line in asyncio.run(_run(arguments, settings)):
            sys.stdout.write(line + "\n")
    except ConsoleRefusal as error:
        sys.stderr.write(f"ai_core: {REFUSALS.get(error.reason, error.reason)}\n")
        return 1
    return 0


async def _run(arguments: argparse.Namespace, settings: Settings) -> list[str]:
    clock = SystemClock()
    connection = RedisConnection(str(settings.redis.url), TAG)
    await connection.open()
    passwords = Passwords()
    try:
        async with open_records(settings.postgres, clock) as records:
            if records.state == "off":
                raise RecordsOff("AI_CORE_POSTGRES__URL is not set: accounts are kept there")
            await _answering(connection.found.wait(), KeysUnreadable("Redis does not answer"))
            await _answering(records.wait_until_up(), PostgresLost("Postgres does not answer"))
            secret_file = settings.page.visitor_secret_file or settings.data_dir / "visitor_secret"
            visitors = Visitors(await asyncio.to_thread(read_visitor_secret, secret_file))
            console = settings.console
            changes = AccountChanges(
                records,
                AuditLog(records, clock),
                passwords,
                Sessions(connection, clock, idle_s=console.idle_s, longest_s=console.longest_s),
                Lockout(connection, visitors),
                clock,
            )
            return await ACTIONS[arguments.action](arguments, changes)
    except RedisError as error:
        raise KeysUnreadable(f"Redis does not answer: {error}") from error
    finally:
        await connection.close()
        await passwords.close()


async def _answering(found: Awaitable[object], otherwise: Exception) -> None:
    try:
        await asyncio.wait_for(found, WAIT_S)
    except TimeoutError:
        raise otherwise from None


async def _add(arguments: argparse.Namespace, changes: AccountChanges) -> list[str]:
    account, password = await changes.add(HOST, arguments.name, arguments.role)
    return [f"{account.name}  {account.role}  {password}"]


async def _list(_arguments: argparse.Namespace, changes: AccountChanges) -> list[str]:
    return [_line(account) for account in await changes.accounts.all()]


async def _disable(arguments: argparse.Namespace, changes: AccountChanges) -> list[str]:
    account = await _named(arguments, changes)
    await changes.disable(HOST, account)
    return [f"{account.name}  disabled"]


async def _enable(arguments: argparse.Namespace, changes: AccountChanges) -> list[str]:
    account = await _named(arguments, changes)
    await changes.enable(HOST, account)
    return [f"{account.name}  enabled"]


async def _reset(arguments: argparse.Namespace, changes: AccountChanges) -> list[str]:
    account = await _named(arguments, changes)
    return [f"{account.name}  {account.role}  {await changes.reset(HOST, account)}"]


async def _named(arguments: argparse.Namespace, changes: AccountChanges) -> Account:
    name = account_name(arguments.name)
    account = await changes.accounts.by_name(name) if name else None
    if account is None:
        raise ConsoleRefusal("account_unknown")
    return account


Command = Callable[[argparse.Namespace, AccountChanges], Awaitable[list[str]]]
ACTIONS: dict[str, Command] = {
    "add": _add,
    "list": _list,
    "disable": _disable,
    "enable": _enable,
    "reset": _reset,
}


def _line(account: Account) -> str:
    columns = [f"{account.name:<24}", f"{account.role:<9}"]
    columns.append("disabled" if account.disabled_at else "active  ")
    columns.append("OpenID" if account.oidc_subject else "password")
    if account.totp_sealed is not None:
        columns.append("second factor")
    if account.last_login_at:
        columns.append(f"last sign-in {account.last_login_at:%Y-%m-%d %H:%M} UTC")
    return "  ".join(columns).rstrip()
