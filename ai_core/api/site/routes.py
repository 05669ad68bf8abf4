"""The routes of the site."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ai_core.api.page import read_key
from ai_core.api.site import addresses
from ai_core.api.site.contact import ContactForm
from ai_core.api.site.documents import DOCUMENTS, DocumentPages
from ai_core.api.site.entries import EntryPages
from ai_core.api.site.frames import Templates
from ai_core.api.site.indexing import IndexFiles
from ai_core.api.site.pages import Pages
from ai_core.api.site.question import QuestionPages
from ai_core.settings import Settings
from shared.languages import LANGUAGES


def site_router(settings: Settings) -> APIRouter:
    """Read the templates and the texts; return the routes that serve the pages."""
    router = APIRouter()
    pages = Pages(Templates(settings.site))
    entries, files = EntryPages(pages), IndexFiles(pages)
    documents = DocumentPages(pages, settings)
    pages.serve(router, "/themes", entries.themes)
    pages.serve(router, addresses.theme("{category}"), entries.theme)
    pages.serve(router, addresses.entry("{topic_id}"), entries.entry)
    for name in DOCUMENTS:
        pages.serve(router, f"/{name}", documents.page(name))
    contact = ContactForm(pages, settings.site.contact)
    pages.serve(router, "/contact", contact.show)
    pages.serve(router, "/contact", contact.send, "POST")
    question = QuestionPages(
        pages, read_key(settings.page.key_file), keeps_verdicts=bool(settings.postgres.url)
    )
    pages.serve(router, "/question", question.form)
    pages.serve(router, "/question", question.ask, "POST")
    pages.serve(router, "/question/erase", question.erase, "POST")
    pages.serve(router, "/question/verdict", question.judge, "POST")
    pages.serve(router, "/manifest.webmanifest", files.manifest)

    for language in LANGUAGES:
        if language != addresses.FRENCH:
            home = RedirectResponse(addresses.chat(language), HTTPStatus.TEMPORARY_REDIRECT)
            router.add_api_route(f"/{language}", _always(home), include_in_schema=False)

    @router.get("/robots.txt", include_in_schema=False)
    async def robots(request: Request) -> Response:
        return await files.robots(request)

    @router.get("/sitemap.xml", include_in_schema=False)
    async def sitemap(request: Request) -> Response:
        return await files.sitemap(request)

    return router


def _always(response: Response) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return response

    return answer
