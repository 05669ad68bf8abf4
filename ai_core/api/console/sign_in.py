"""Signing in and out: name and password, the second factor, the OpenID provider."""

import secrets

import orjson
from starlette.responses import Response

from ai_core.api.console.navigation import sections_for
from ai_core.api.console.routing import LOGIN, NEXT, ROOT, Screens
from ai_core.api.console.visit import SESSION_COOKIE, Visit
from ai_core.console.openid import Request as OpenIdRequest
from ai_core.console.roles import Action
from ai_core.console.second_factor import enrolment_picture, new_secret, step_of
from ai_core.console.sessions import Stage, digest
from ai_core.console.sign_in import PASSWORD
from ai_core.errors import ConsoleRefusal, IdentityRefused
from ai_core.redis_keys import TAG
from shared.errors import NotFound

screens = Screens()
OPENID_COOKIE = "__Host-console-openid"
OPENID_S = 10 * 60
TOTP_SECRET = "totp"  # noqa: S105 - the name under which it is left in the session
RECOVERY_CODES = "recovery_codes"


def next_of(written: str) -> str:
    """Return where to go after signing in: a page of the desk, or its first one."""
    return written if NEXT.fullmatch(written) else ROOT


@screens.page("", Action.OWN_READ)
async def home(visit: Visit) -> Response:
    """Go to the first screen the role may read."""
    sections = sections_for(visit.may)
    return visit.to(sections[0].path if sections else f"{ROOT}/own")


@screens.page_before("/login", None)
async def show_login(visit: Visit) -> Response:
    """Ask for a name and a password."""
    if visit.opened and visit.opened.session.stage is Stage.OPEN:
        return visit.to(ROOT)
    wanted = visit.query("next") or visit.text("next", 128)
    openid = visit.desk.settings.console.oidc_name if visit.desk.openid else ""
    return visit.page("login.html", wanted=next_of(wanted), openid=openid)


@screens.form_before("/login", None, back=show_login)
async def login(visit: Visit) -> Response:
    """Check a name and a password."""
    wanted = next_of(visit.text("next", 128))
    name, password = visit.secret("name", 1024), visit.secret("password", 4096)
    if visit.opened:
        await visit.desk.sessions.close(visit.opened.session.account_id, visit.opened.digest)
    opened = await visit.desk.sign_in.with_password(name, password, visit.client)
    visit.set_session(opened)
    if opened.session.stage is Stage.OPEN:
        visit.holder = await visit.desk.accounts.known(opened.session.account_id)
        await visit.remember_device(visit.holder)
        return visit.to(wanted)
    step = "code" if opened.session.stage is Stage.SECOND_FACTOR else "enrol"
    await visit.desk.sessions.leave(opened, "next", wanted)
    return visit.to(f"{ROOT}/{step}")


@screens.page_before("/code", Stage.SECOND_FACTOR)
async def show_code(visit: Visit) -> Response:
    """Ask for a one-time code."""
    return visit.page("code.html")


@screens.form_before("/code", Stage.SECOND_FACTOR, back=show_code)
async def code(visit: Visit) -> Response:
    """Check a one-time code or a recovery code."""
    waiting = visit.session
    wanted = await visit.desk.sessions.peek(waiting, "next")
    opened = await visit.desk.sign_in.with_code(visit.account, waiting, visit.text("code", 64))
    visit.set_session(opened)
    await visit.remember_device(visit.account)
    return visit.to(next_of(wanted or ""))


@screens.page_before("/enrol", Stage.ENROLMENT)
async def show_enrol(visit: Visit) -> Response:
    """Show the QR code of a new second factor."""
    return await enrolment_page(visit, "enrol.html")


async def enrolment_page(visit: Visit, template: str) -> Response:
    """Show the secret that waits in the session, or a new one."""
    sessions, opened = visit.desk.sessions, visit.session
    secret = await sessions.peek(opened, TOTP_SECRET) or new_secret()
    await sessions.leave(opened, TOTP_SECRET, secret)
    picture = enrolment_picture(secret, visit.account.name)
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    return visit.page(template, picture=picture, groups=groups)


@screens.form_before("/enrol", Stage.ENROLMENT, back=show_enrol)
async def enrol(visit: Visit) -> Response:
    """Confirm a second factor with its first code, then open the session."""
    codes = await confirmed(visit)
    visit.holder = await visit.desk.accounts.known(visit.account.id)
    visit.set_session(await visit.desk.sign_in.complete(visit.holder, PASSWORD))
    await visit.remember_device(visit.holder)
    await visit.desk.sessions.leave(visit.session, RECOVERY_CODES, " ".join(codes))
    return visit.to(f"{ROOT}/own/recovery-codes", "enrolled")


async def confirmed(visit: Visit) -> list[str]:
    """Make the secret in the session the account's second factor; return the recovery codes.

    Raises ConsoleRefusal when the code is not one of it.
    """
    desk, account = visit.desk, visit.account
    secret = await desk.sessions.peek(visit.session, TOTP_SECRET)
    step = step_of(secret, visit.text("code", 64), desk.clock.now()) if secret else None
    if secret is None or step is None or not await desk.used_steps.take(account.id, step):
        raise ConsoleRefusal("code_wrong")
    await desk.sessions.take(visit.session, TOTP_SECRET)
    return await desk.accounts.enrol(account, secret)


@screens.form_before("/leave", Stage.SECOND_FACTOR, back=show_code)
async def leave(visit: Visit) -> Response:
    """Give up signing in."""
    return await _end_session(visit)


@screens.form("/logout", Action.OWN_READ)
async def logout(visit: Visit) -> Response:
    """End the session."""
    await visit.desk.audit.write(visit.actor, "sign_in.leave")
    return await _end_session(visit)


async def _end_session(visit: Visit) -> Response:
    await visit.desk.sessions.close(visit.account.id, visit.session.digest)
    visit.set_cookie(SESSION_COOKIE, "", -1)
    return visit.to(LOGIN, "left")


@screens.page_before("/openid", None)
async def begin_openid(visit: Visit) -> Response:
    """Send the browser to the OpenID provider; what its return is checked by waits in Redis."""
    if visit.desk.openid is None:
        raise NotFound("no provider")
    begun = await visit.desk.openid.begin()
    token = secrets.token_urlsafe(32)
    key = f"{TAG}:console:openid:{digest(token)}"
    await visit.desk.connection.call("SET", key, orjson.dumps(list(begun)), "EX", OPENID_S)
    visit.set_cookie(OPENID_COOKIE, token, OPENID_S, "lax")
    return visit.to(begun.url)


@screens.page_before("/openid/callback", None)
async def finish_openid(visit: Visit) -> Response:
    """Check the provider's answer and open the session.

    The answer is a page that goes on by itself: a redirect would be a part of the provider's, and
    browsers send no SameSite=Strict cookie with it.
    """
    if visit.desk.openid is None:
        raise NotFound("no provider")
    token = visit.request.cookies.get(OPENID_COOKIE, "")
    key = f"{TAG}:console:openid:{digest(token)}"
    begun = await visit.desk.connection.call("GETDEL", key)
    known = OpenIdRequest(*orjson.loads(begun)) if begun else None
    try:
        identity = await visit.desk.openid.finish(known, dict(visit.request.query_params))
        opened = await visit.desk.sign_in.with_identity(identity)
    except IdentityRefused as error:
        await visit.desk.sign_in.refuse_identity(str(error))
        raise
    visit.set_session(opened)
    visit.set_cookie(OPENID_COOKIE, "", -1, "lax")
    return visit.page("continue.html", onward=ROOT)
