"""One's own account: password, second factor, sessions, language."""

from starlette.responses import Response

from ai_core.api.console.routing import ROOT, Screens
from ai_core.api.console.sign_in import RECOVERY_CODES, confirmed, enrolment_page
from ai_core.api.console.visit import Visit
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal
from ai_core.records.accounts import Account

screens = Screens()
OWN = f"{ROOT}/own"
PROVED = "proved"
"""Left in a session for a while once the password was given again."""


@screens.page("/own", Action.OWN_READ)
async def show_own(visit: Visit) -> Response:
    """Show one's account and sessions."""
    desk, account = visit.desk, visit.account
    sessions = await desk.sessions.of_account(account.id)
    left = await desk.accounts.accounts.recovery_codes_left(account.id)
    return visit.page("own.html", sessions=sessions, current=visit.session.digest, codes_left=left)


@screens.form("/own/language", Action.OWN_CHANGE)
async def set_language(visit: Visit) -> Response:
    """Set the language of the desk."""
    wanted = "fr" if visit.text("language") == "fr" else "en"
    await visit.desk.accounts.set_language(visit.account, wanted)
    return visit.to(OWN, "language")


@screens.form("/own/password", Action.OWN_CHANGE, back=show_own)
async def change_password(visit: Visit) -> Response:
    """Change one's password; every other session ends."""
    wanted = visit.secret("wanted", 1024)
    if wanted != visit.secret("again", 1024):
        raise ConsoleRefusal("passwords_differ")
    present = visit.secret("present", 1024)
    await visit.desk.accounts.change_password(visit.account, present, wanted)
    await visit.reopen(await _renewed(visit))
    return visit.to(OWN, "password")


@screens.form("/own/prove", Action.OWN_CHANGE, back=show_own)
async def prove(visit: Visit) -> Response:
    """Ask for the password again before the second factor is replaced."""
    await visit.desk.accounts.require_password(visit.account, visit.secret("present", 1024))
    await visit.desk.sessions.leave(visit.session, PROVED, "yes")
    return visit.to(f"{OWN}/second-factor")


@screens.page("/own/second-factor", Action.OWN_CHANGE)
async def show_second_factor(visit: Visit) -> Response:
    """Show the QR code of a new second factor, to whoever just gave the password."""
    if await visit.desk.sessions.peek(visit.session, PROVED) is None:
        return visit.to(OWN)
    return await enrolment_page(visit, "second_factor.html")


@screens.form("/own/second-factor", Action.OWN_CHANGE, back=show_second_factor)
async def replace_second_factor(visit: Visit) -> Response:
    """Confirm the new second factor with its first code; every other session ends."""
    if await visit.desk.sessions.peek(visit.session, PROVED) is None:
        return visit.to(OWN)
    codes = await confirmed(visit)
    await visit.reopen(await _renewed(visit))
    await visit.desk.sessions.leave(visit.session, RECOVERY_CODES, " ".join(codes))
    return visit.to(f"{OWN}/recovery-codes", "enrolled")


@screens.form("/own/recovery-codes", Action.OWN_CHANGE, back=show_own)
async def renew_recovery_codes(visit: Visit) -> Response:
    """Replace one's recovery codes."""
    if visit.account.totp_sealed is None:
        raise ConsoleRefusal("no_second_factor")
    await visit.desk.accounts.require_password(visit.account, visit.secret("present", 1024))
    codes = await visit.desk.accounts.renew_recovery_codes(visit.account)
    await visit.desk.sessions.leave(visit.session, RECOVERY_CODES, " ".join(codes))
    return visit.to(f"{OWN}/recovery-codes")


@screens.page("/own/recovery-codes", Action.OWN_CHANGE)
async def show_recovery_codes(visit: Visit) -> Response:
    """Show recovery codes, once."""
    codes = await visit.desk.sessions.take(visit.session, RECOVERY_CODES)
    if codes is None:
        return visit.to(OWN)
    return visit.page("recovery_codes.html", codes=codes.split())


@screens.form("/own/sessions/close", Action.OWN_CHANGE)
async def close_session(visit: Visit) -> Response:
    """End one of one's sessions, or all but this one."""
    chosen, account = visit.text("session"), visit.account
    await visit.desk.audit.write(visit.actor, "own.close_sessions")
    if chosen == "others":
        await visit.desk.sessions.close_all(account.id, but=visit.session.digest)
    else:
        await visit.desk.sessions.close(account.id, chosen)
    return visit.to(OWN, "session")


async def _renewed(visit: Visit) -> Account:
    visit.holder = await visit.desk.accounts.known(visit.account.id)
    return visit.holder
