"""Routes of the desk: each declares its action, and is checked before its function runs.

In this order: the Host is ours; the session is there and at the stage the route is for; the role
includes the action; a form comes from our own page (Origin, then the session's token). Errors are
answered as pages.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, cast
from urllib.parse import parse_qs

from fastapi import APIRouter
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from ai_core.api.console.rendering import Pages, redirect
from ai_core.api.console.visit import FORM_COOKIE, SESSION_COOKIE, Visit, require_token
from ai_core.console.desk import Desk
from ai_core.console.roles import Action
from ai_core.console.sessions import Session, Stage, credentials_of
from ai_core.errors import (
    ConsoleRefusal,
    FormExpired,
    HostNotAllowed,
    OriginNotAllowed,
    SignInRefused,
    TooManySignIns,
)
from ai_core.records.accounts import Account, ConsoleLanguage
from shared.errors import AppError, BadInput, TooLarge, Unavailable
from shared.languages import preferred_language

ROOT = "/console"
LOGIN = f"{ROOT}/login"
MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 1_000
FORM_TOKEN_CHARACTERS = 32
FORM_TYPE = "application/x-www-form-urlencoded"
NEXT = re.compile(r"/console(?:/[a-z0-9_-]+){0,4}")
WAITING_AT = {Stage.SECOND_FACTOR: f"{ROOT}/code", Stage.ENROLMENT: f"{ROOT}/enrol"}
SHOWN_AGAIN = (ConsoleRefusal, SignInRefused, TooManySignIns)

Screen: TypeAlias = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a route asks for: an action (of an open session), or a stage of signing in.

    Neither: the page before signing in.
    """

    action: Action | None = None
    stage: Stage | None = None


class Route(NamedTuple):
    """A route of the desk: its function, and the one that shows its form again."""

    method: str
    path: str
    declared: Declared
    screen: Screen
    back: Screen | None
    max_bytes: int


class Screens:
    """The routes of one screen. `action` is what the role must include."""

    def __init__(self) -> None:
        self.declared: list[Route] = []

    def page(self, path: str, action: Action) -> Callable[[Screen], Screen]:
        """Add a page."""
        return self._add("GET", path, Declared(action))

    def form(
        self, path: str, action: Action, back: Screen | None = None, max_bytes: int = MAX_FORM_BYTES
    ) -> Callable[[Screen], Screen]:
        """Add what a form is sent to; its function answers with `visit.to` or a page.

        `back` shows the page with the form again, with what is wrong (`problem`), when the function
        raises ConsoleRefusal.
        """
        return self._add("POST", path, Declared(action), back, max_bytes)

    def page_before(self, path: str, stage: Stage | None) -> Callable[[Screen], Screen]:
        """Add a page of signing in, for sessions at that stage or for nobody known."""
        return self._add("GET", path, Declared(stage=stage))

    def form_before(
        self, path: str, stage: Stage | None, back: Screen
    ) -> Callable[[Screen], Screen]:
        """Add what a form of signing in is sent to; `back` as in `form`."""
        return self._add("POST", path, Declared(stage=stage), back)

    def _add(
        self,
        method: str,
        path: str,
        declared: Declared,
        back: Screen | None = None,
        max_bytes: int = MAX_FORM_BYTES,
    ) -> Callable[[Screen], Screen]:
        def add(screen: Screen) -> Screen:
            self.declared.append(Route(method, ROOT + path, declared, screen, back, max_bytes))
            return screen

        return add


def add_screens(router: APIRouter, screens: Screens, pages: Pages) -> None:
    """Add the routes of a screen to the router of the desk."""
    for route in screens.declared:
        router.add_api_route(
            route.path,
            _endpoint(route, pages),
            methods=[route.method],
            include_in_schema=False,
            response_model=None,
        )


def _endpoint(route: Route, pages: Pages) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = Visit(request, cast(Desk, request.state.desk), pages, _language(request))
        try:
            return await _check(visit, route.declared, route.max_bytes) or await route.screen(visit)
        except RedisError as error:
            return _problem(visit, Unavailable(f"Redis: {type(error).__name__}"))
        except AppError as error:
            if route.back is None or not isinstance(error, SHOWN_AGAIN):
                return _problem(visit, error)
            visit.problem = sentence_of(visit, error)
            response = await route.back(visit)
            response.status_code = error.status
            return _with_wait(response, error)

    return answer


async def _check(visit: Visit, declared: Declared, max_bytes: int) -> Response | None:
    """Check a request; return where to go instead when its session is missing."""
    request, desk = visit.request, visit.desk
    host = desk.hosts.host_of(request)
    if host is None:
        raise HostNotAllowed
    await _find_session(visit)
    stage = visit.opened.session.stage if visit.opened else None
    wanted = Stage.OPEN if declared.action else declared.stage
    if stage is not wanted and wanted is not None:
        return _elsewhere(visit, stage)
    if declared.action:
        visit.require(declared.action)
    if request.method == "POST":
        _check_origin(request, host)
        visit.form = await _read_form(request, max_bytes)
        require_token(visit)
    return None


async def _find_session(visit: Visit) -> None:
    """Find the session and its account; one whose account changed since is ended."""
    token = visit.request.cookies.get(SESSION_COOKIE)
    opened = await visit.desk.sessions.find(token) if token else None
    if opened:
        session = opened.session
        account = await visit.desk.accounts.accounts.by_id(session.account_id)
        if account and _still_valid(session, account):
            visit.opened, visit.holder = opened, account
            visit.language = account.language
            visit.form_token = session.csrf_token
            return
        await visit.desk.sessions.close(session.account_id, opened.digest)
    held = visit.request.cookies.get(FORM_COOKIE, "")
    if len(held) < FORM_TOKEN_CHARACTERS:
        held = secrets.token_urlsafe(32)
        visit.set_cookie(FORM_COOKIE, held, 0)
    visit.form_token = held


def _still_valid(session: Session, account: Account) -> bool:
    """Whether an account may go on with a session that it signed in to before."""
    same = session.credentials == credentials_of(account.signs_in_with)
    return same and account.disabled_at is None


def _elsewhere(visit: Visit, stage: Stage | None) -> Response:
    """Return where somebody goes who is not at the stage a route is for."""
    if stage in WAITING_AT:
        return redirect(WAITING_AT[stage])
    if stage is Stage.OPEN:
        return redirect(ROOT)
    path = visit.request.url.path
    if visit.request.method == "GET" and NEXT.fullmatch(path) and path != ROOT:
        return redirect(f"{LOGIN}?next={path}")
    return redirect(LOGIN)


def _check_origin(request: Request, host: str) -> None:
    """Raise OriginNotAllowed unless a form comes from a page of ours."""
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise OriginNotAllowed
    elif origin not in {f"https://{host}", f"http://{host}"}:
        raise OriginNotAllowed


async def _read_form(request: Request, max_bytes: int) -> dict[str, list[str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise BadInput("not a form")
    body = await request.body()
    if len(body) > max_bytes:
        raise TooLarge(limit=max_bytes)
    try:
        return parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise BadInput("not a form") from error


def _language(request: Request) -> ConsoleLanguage:
    asked = request.query_params.get("language") or preferred_language(
        request.headers.get("accept-language")
    )
    return "fr" if asked == "fr" else "en"


def _problem(visit: Visit, error: AppError) -> Response:
    """Return the page that says what is wrong; what was refused is never repeated."""
    if isinstance(error, FormExpired | OriginNotAllowed | HostNotAllowed):
        visit.form_token = ""
    told = sentence_of(visit, error)
    response = visit.page("problem.html", error.status, error=error, sentence=told)
    return _with_wait(response, error)


def _with_wait(response: Response, error: AppError) -> Response:
    """Say in a response when to try again."""
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return response


def sentence_of(visit: Visit, error: AppError) -> str:
    """Return what an error says: the desk's own sentence, or the service's."""
    reason = getattr(error, "reason", error.code)
    key = f"problem_{reason}"
    if key in visit.pages.texts:
        return visit.pages.texts.say(key, visit.language, **error.facts)
    return visit.pages.service_texts.say(error.sentence, visit.language, **error.facts)
