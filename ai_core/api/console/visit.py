"""One request to the desk: who it is from, what its form holds, and the answers to it."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ai_core.access.visitors import client_address
from ai_core.api.console.navigation import sections_for
from ai_core.api.console.rendering import SECURITY, Pages, redirect
from ai_core.console.audit_log import Actor
from ai_core.console.desk import Desk
from ai_core.console.roles import MATRIX, Action, Role
from ai_core.console.sessions import OpenSession, Stage, credentials_of
from ai_core.console.sign_in import Client
from ai_core.errors import ConsoleRefusal, FormExpired, RoleNotAllowed
from ai_core.models.contract import Models
from ai_core.records.accounts import Account, ConsoleLanguage
from shared.errors import NotAuthenticated

SESSION_COOKIE = "__Host-console"
DEVICE_COOKIE = "__Host-console-device"
FORM_COOKIE = "__Host-console-form"
DEVICE_KEPT_S = 90 * 24 * 3600

T = TypeVar("T")


@dataclass(slots=True)
class Visit:
    """A request whose session, role and form were checked (routing.py)."""

    request: Request
    desk: Desk
    pages: Pages
    language: ConsoleLanguage
    opened: OpenSession | None = None
    holder: Account | None = None
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)
    form_token: str = ""
    problem: str = ""
    _cookies: list[tuple[str, str, int, str]] = field(default_factory=list)

    @property
    def account(self) -> Account:
        """Return the account of the session. Raises NotAuthenticated."""
        if self.holder is None:
            raise NotAuthenticated("no session")
        return self.holder

    @property
    def session(self) -> OpenSession:
        """Return the session. Raises NotAuthenticated."""
        if self.opened is None:
            raise NotAuthenticated("no session")
        return self.opened

    @property
    def actor(self) -> Actor:
        """Return the account as the audit log names it."""
        return Actor(self.account.id, self.account.name)

    @property
    def client(self) -> Client:
        """Return where the request comes from."""
        return Client(client_address(self.request), self.request.cookies.get(DEVICE_COOKIE))

    @property
    def pool(self) -> Models:
        """Return the models."""
        return cast(Models, self.request.state.pool)

    def may(self, action: Action | str) -> bool:
        """Whether the account's role includes an action, and it has signed in all the way."""
        if self.holder is None or self.session.session.stage is not Stage.OPEN:
            return False
        return Role(self.holder.role) in MATRIX[Action(action)]

    def require(self, action: Action) -> None:
        """Raise RoleNotAllowed unless the account's role includes the action."""
        if not self.may(action):
            raise RoleNotAllowed(action)

    def text(self, name: str, most: int = 256) -> str:
        """Return a field of the form without the white space around it; "" when it is not there.

        Raises ConsoleRefusal when it is longer than `most` characters.
        """
        return self.secret(name, most).strip()

    def secret(self, name: str, most: int = 256) -> str:
        """Return a field of the form exactly as it was typed; cut where the form is shown again."""
        values = self.form.get(name, ())
        written = values[0] if values else ""
        if len(written) > most and not self.problem:
            raise ConsoleRefusal("field_long", limit=most)
        return written[:most]

    def texts(self, name: str, most: int = 64) -> list[str]:
        """Return every value of a field of the form, at most `most`."""
        return [value.strip() for value in self.form.get(name, ())][:most]

    def whole(self, name: str) -> int | None:
        """Return a field that is a whole number from 1 on; None when it is empty.

        Raises ConsoleRefusal for anything else.
        """
        written = self.text(name, 12)
        if not written:
            return None
        if not (written.isascii() and written.isdecimal() and int(written) > 0):
            raise ConsoleRefusal("field_number")
        return int(written)

    def query(self, name: str, most: int = 128) -> str:
        """Return a parameter of the address, cut; "" when it is not there."""
        return self.request.query_params.get(name, "")[:most].strip()

    def number_in_path(self, name: str) -> int:
        """Return a number of the path. Raises ConsoleRefusal when it is none."""
        written = str(self.request.path_params[name])
        if not (written.isascii() and written.isdecimal() and len(written) < 16):
            raise ConsoleRefusal("account_unknown")
        return int(written)

    def typed(self, name: str, otherwise: object = "") -> object:
        """Return what a refused form held in a field, for the page that shows it again."""
        values = self.form.get(name)
        return values[0] if values else otherwise

    def page(self, template: str, status: int = 0, **context: object) -> Response:
        """Return a page of the desk; `visit` and the navigation are there for it.

        Its status is 422 where it shows what is wrong with a form.
        """
        status = status or (422 if self.problem else 200)
        said = self.query("done", 40)
        shell = {
            "visit": self,
            "account": self.holder,
            "csrf_token": self.form_token,
            "navigation": sections_for(self.may),
            "path": self.request.url.path,
            "done": f"done_{said}" if f"done_{said}" in self.pages.texts else "",
            "problem": self.problem,
            "typed": self.typed,
        }
        return self._with_cookies(
            self.pages.render(template, self.language, status, **{**shell, **context})
        )

    def json(self, content: object) -> Response:
        """Return a document for a script of ours."""
        return JSONResponse(content, headers=SECURITY)

    def to(self, path: str, done: str = "") -> Response:
        """Return the redirect after a form; `done` names what the next page says was done."""
        return self._with_cookies(redirect(f"{path}?done={done}" if done else path))

    def set_session(self, opened: OpenSession) -> None:
        """Give the browser a session with the answer."""
        self.opened = opened
        self._cookies.append((SESSION_COOKIE, opened.token, 0, "strict"))

    async def reopen(self, account: Account) -> None:
        """Replace a session whose account changed what it signs in with: its id changes too."""
        method = self.session.session.method
        credentials = credentials_of(account.signs_in_with)
        self.set_session(await self.desk.sessions.open(account.id, Stage.OPEN, method, credentials))

    async def remember_device(self, account: Account) -> None:
        """Give the browser of somebody who signed in its device cookie."""
        device = await self.desk.lockout.remember_device(account.name)
        self.set_cookie(DEVICE_COOKIE, device, DEVICE_KEPT_S)

    def set_cookie(self, name: str, value: str, kept_s: int, same_site: str = "strict") -> None:
        """Set a cookie with the answer; `kept_s` 0: until the browser closes, -1: delete it."""
        self._cookies.append((name, value, kept_s, same_site))

    def _with_cookies(self, response: Response) -> Response:
        for name, value, kept_s, same_site in self._cookies:
            age = f"; Max-Age={max(kept_s, 0)}" if kept_s else ""
            cookie = f"{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{age}"
            response.headers.append("Set-Cookie", cookie)
        return response


def require_token(visit: Visit) -> None:
    """Raise FormExpired unless the form holds the token that only our page knows."""
    sent = visit.secret("csrf_token")
    if not (visit.form_token and hmac.compare_digest(sent.encode(), visit.form_token.encode())):
        raise FormExpired("no token of this session")
