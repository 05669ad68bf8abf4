"""Accounts of the desk: add, role, disable, reset."""

from starlette.responses import Response

from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.visit import Visit
from ai_core.console.roles import MATRIX, Action, Role
from ai_core.errors import ConsoleRefusal
from ai_core.records.accounts import Account

screens = Screens()
ACCOUNTS = f"{ROOT}/accounts"
PASSWORD = "first_password"  # noqa: S105 - the name under which it is left in the session


@screens.page("/accounts", Action.ACCOUNTS_READ)
async def show_accounts(visit: Visit) -> Response:
    """List the accounts, and what each role may do."""
    accounts = await visit.desk.accounts.accounts.all()
    return visit.page("accounts.html", accounts=accounts, roles=list(Role), matrix=MATRIX)


@screens.form("/accounts", Action.ACCOUNTS_CHANGE, back=show_accounts)
async def add_account(visit: Visit) -> Response:
    """Add an account; its first password is shown once."""
    role = _role(visit)
    account, password = await visit.desk.accounts.add(visit.actor, visit.text("name"), role)
    await visit.desk.sessions.leave(visit.session, PASSWORD, password)
    return visit.to(f"{ACCOUNTS}/{account.id}", "account_added")


@screens.page("/accounts/{id}", Action.ACCOUNTS_READ)
async def show_account(visit: Visit) -> Response:
    """Show one account, and its first password while it waits."""
    found = await _account(visit)
    sessions = await visit.desk.sessions.of_account(found.id)
    password = None
    if visit.may(Action.ACCOUNTS_CHANGE) and visit.query("done"):
        password = await visit.desk.sessions.take(visit.session, PASSWORD)
    return visit.page(
        "account.html", found=found, sessions=sessions, password=password, roles=list(Role)
    )


@screens.form("/accounts/{id}/role", Action.ACCOUNTS_CHANGE, back=show_account)
async def set_role(visit: Visit) -> Response:
    """Give an account another role."""
    found = await _account(visit)
    if found.oidc_subject is not None:
        raise ConsoleRefusal("role_of_provider")
    await visit.desk.accounts.set_role(visit.actor, found, _role(visit))
    return visit.to(f"{ACCOUNTS}/{found.id}", "role")


@screens.form("/accounts/{id}/disable", Action.ACCOUNTS_CHANGE, back=show_account)
async def disable(visit: Visit) -> Response:
    """Refuse an account from now on."""
    found = await _account(visit)
    await visit.desk.accounts.disable(visit.actor, found)
    return visit.to(f"{ACCOUNTS}/{found.id}", "disabled")


@screens.form("/accounts/{id}/enable", Action.ACCOUNTS_CHANGE, back=show_account)
async def enable(visit: Visit) -> Response:
    """Let a disabled account sign in again."""
    found = await _account(visit)
    await visit.desk.accounts.enable(visit.actor, found)
    return visit.to(f"{ACCOUNTS}/{found.id}", "enabled")


@screens.form("/accounts/{id}/reset", Action.ACCOUNTS_CHANGE, back=show_account)
async def reset(visit: Visit) -> Response:
    """Give an account a new password and no second factor; one's own is changed on its page."""
    found = await _account(visit)
    if found.id == visit.account.id:
        raise ConsoleRefusal("reset_of_own")
    password = await visit.desk.accounts.reset(visit.actor, found)
    await visit.desk.sessions.leave(visit.session, PASSWORD, password)
    return visit.to(f"{ACCOUNTS}/{found.id}", "reset")


async def _account(visit: Visit) -> Account:
    return await visit.desk.accounts.known(visit.number_in_path("id"))


def _role(visit: Visit) -> Role:
    try:
        return Role(visit.text("role"))
    except ValueError:
        raise ConsoleRefusal("role_unknown") from None
