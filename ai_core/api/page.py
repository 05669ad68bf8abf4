"""GET /, GET /calculs and their files: where a person asks a question or fills in a form.

The files are read once, when the app is put together; `web/parts/` has what both pages include.
The pages call the API like any other client, with the publishable key in `/page.json`; without one
they ask for a key. They may load from and connect to this host alone.

`web/translations.json` holds the sentences of the pages by the French ones; a browser loads those
of its language (`/web/translations.th.js`).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import orjson
from fastapi import APIRouter
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import Response

from ai_core.settings import PageSettings
from shared.languages import LANGUAGES, Language, preferred_language
from shared.settings import WrongSettings
from shared.web.pages import MEDIA_TYPES, POLICY, WebFile, security_headers, serve

WEB = Path(__file__).parent.parent / "web"
TEMPLATES = Environment(loader=FileSystemLoader(WEB), autoescape=True, keep_trailing_newline=True)
PAGES = {"index.html": "/", "calculators.html": "/calculs"}
TRANSLATIONS = "translations.json"
EXAMPLE = re.compile(r'href="/question\?example=\d">([^<]+)</a>')
SECURITY = security_headers({**POLICY, "form-action": "'self'", "manifest-src": "'self'"})
"""Without JavaScript the question is sent by its form."""


def read_key(file: Path | None) -> str | None:
    """Return the publishable key the page works with, or None when there is no file.

    Raises WrongSettings when the file is empty, or holds more than one word.
    """
    if file is None or not file.exists():
        return None
    words = file.read_text(encoding="utf-8").split()
    if len(words) != 1:
        raise WrongSettings(f"AI_CORE_PAGE__KEY_FILE: {file} must hold one key")
    return words[0]


def translation_modules() -> dict[str, bytes]:
    """Return a JavaScript module for each language but French, by file name."""
    told = orjson.loads((WEB / TRANSLATIONS).read_bytes())
    modules = {}
    for language in LANGUAGES:
        if language != "fr":
            sentences = {french: versions[language] for french, versions in told.items()}
            module = b"export const TRANSLATIONS = " + orjson.dumps(sentences) + b";\n"
            modules[f"translations.{language}.js"] = module
    return modules


def markup_of(name: str) -> str:
    """Return a page of `PAGES`, with the parts that it includes. Blocks on the disk."""
    return TEMPLATES.get_template(name).render()


def examples() -> dict[Language, tuple[str, ...]]:
    """Return the example questions of the page at `/`, which link to them by number from 1 on."""
    french = EXAMPLE.findall(markup_of("index.html"))
    told = orjson.loads((WEB / TRANSLATIONS).read_bytes())
    return {
        language: tuple(one if language == "fr" else told[one][language] for one in french)
        for language in LANGUAGES
    }


def _serve_page(
    router: APIRouter, address: str, file: WebFile, security: Mapping[str, str]
) -> None:
    """Serve a page, which names the translations it is about to need (RFC 8288)."""

    async def answer(request: Request) -> Response:
        response = file.answer(request, "no-cache", security)
        response.headers["Vary"] = "Accept-Encoding, Accept-Language"
        chosen = request.query_params.get("langue")
        language = preferred_language(chosen or request.headers.get("accept-language"))
        if language != "fr":
            response.headers["Link"] = f"</web/translations.{language}.js>; rel=modulepreload"
        return response

    router.add_route(address, answer, methods=["GET", "HEAD"], include_in_schema=False)


def page_router(settings: PageSettings, *, indexed: bool = False) -> APIRouter:
    """Read the page and its key; return the routes that serve them.

    `indexed`: search engines may list the pages. Raises WrongSettings as read_key does.
    """
    router = APIRouter()
    security = SECURITY if indexed else SECURITY | {"X-Robots-Tag": "noindex"}
    for path in WEB.iterdir():
        if path.suffix in MEDIA_TYPES and path.name != TRANSLATIONS:
            if address := PAGES.get(path.name):
                file = WebFile.of(markup_of(path.name).encode(), path.suffix)
                _serve_page(router, address, file, security)
            else:
                file = WebFile.of(path.read_bytes(), path.suffix)
                serve(router, f"/web/{path.name}", file, security=SECURITY)
    for name, module in translation_modules().items():
        serve(router, f"/web/{name}", WebFile.of(module, ".js"), security=SECURITY)
    handed = orjson.dumps({"key": read_key(settings.key_file)})
    serve(router, "/page.json", WebFile.of(handed, ".json"), "no-store")
    return router
