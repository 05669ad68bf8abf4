"""Sends the pages of the site: headers, versions a browser holds, errors as pages."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ai_core.api.site import addresses
from ai_core.api.site.frames import Frame, Templates
from shared.errors import AppError
from shared.languages import LANGUAGES, Language
from shared.web.pages import POLICY, WebFile, security_headers

PUBLIC = "public, max-age=300"
PRIVATE = "no-store"
"""For a page that holds what somebody wrote."""
_POLICY = {
    **POLICY,
    "script-src": "'none'",
    "connect-src": "'none'",
    "form-action": "'self'",
    "manifest-src": "'self'",
}
SECURITY = security_headers(_POLICY) | {"Referrer-Policy": "same-origin"}
"""With `no-referrer` a browser sends `Origin: null` with a form, and nothing tells that it is ours
(https://fetch.spec.whatwg.org/#append-a-request-origin-header)."""
DEFAULT_WAIT_S = 5.0

Endpoint = Callable[[Request, Language], Awaitable[Response]]


class Pages:
    """The pages of one site."""

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        indexed = bool(templates.settings.url)
        self._security = SECURITY if indexed else SECURITY | {"X-Robots-Tag": "noindex"}

    def show(
        self, request: Request, name: str, language: Language, frame: Frame, **facts: Any
    ) -> Response:
        """Return a page that is the same for everybody."""
        body = self.templates.render(name, language, frame, **facts)
        return self.file(request, body, ".html")

    def file(self, request: Request, body: bytes, suffix: str) -> Response:
        """Return a file that is the same for everybody."""
        return self.hand(request, WebFile.of(body, suffix))

    def hand(self, request: Request, file: WebFile) -> Response:
        """Return a file that was made before."""
        return file.answer(request, PUBLIC, self._security)

    def tell(
        self,
        name: str,
        language: Language,
        frame: Frame,
        status: int = HTTPStatus.OK,
        **facts: Any,
    ) -> Response:
        """Return a page for one person: no cache keeps it."""
        body = self.templates.render(name, language, frame, **facts)
        headers = self._security | {"Cache-Control": PRIVATE}
        return Response(body, status, headers, "text/html; charset=utf-8")

    def problem(self, request: Request, error: AppError, language: Language) -> Response:
        """Return an error as a page."""
        say = self.templates.say
        titles = {HTTPStatus.NOT_FOUND: "missing_title", HTTPStatus.GONE: "withheld_title"}
        title = say(titles.get(HTTPStatus(error.status), "problem_title"), language)
        response = self.tell(
            "problem.html",
            language,
            Frame(request.url.path, title, languages=(language,), indexed=False),
            error.status,
            sentence=self.sentence(error, language),
            request_id=request.state.request_id if error.status >= 500 else "",
        )
        if error.retryable:
            response.headers["Retry-After"] = str(_wait_s(error))
        return response

    def sentence(self, error: AppError, language: Language) -> str:
        """Return what a person reads of an error."""
        facts = dict(error.facts)
        if error.retryable:
            facts["retry_after_s"] = _wait_s(error)
        said = self.templates.say(error.sentence, language, **facts)
        return f"{error.said_first} {said}".lstrip()

    def serve(self, router: APIRouter, path: str, endpoint: Endpoint, *methods: str) -> None:
        """Serve a page in each language; `path` is its address in French."""
        for language in LANGUAGES:
            router.add_route(
                addresses.in_language(path, language),
                self._localized(endpoint, language),
                methods=list(methods or ("GET", "HEAD")),
                include_in_schema=False,
            )

    def _localized(
        self, endpoint: Endpoint, language: Language
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request, language)
            except AppError as error:
                return self.problem(request, error, language)

        return answer


def _wait_s(error: AppError) -> int:
    return max(1, ceil(error.retry_after_s or DEFAULT_WAIT_S))
