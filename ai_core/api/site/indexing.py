"""GET /sitemap.xml, /robots.txt and the web app manifests: what machines read of the site.

https://www.sitemaps.org/protocol.html, RFC 9309, https://www.w3.org/TR/appmanifest/.
"""

import asyncio
from collections.abc import Iterator
from datetime import date
from xml.sax.saxutils import escape

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ai_core.api.site import addresses
from ai_core.api.site.documents import DOCUMENTS
from ai_core.api.site.entries import THEMES
from ai_core.api.site.pages import Pages
from ai_core.knowledge.entries_in_use import EntriesInUse
from shared.errors import NotFound
from shared.languages import LANGUAGES, Language
from shared.web.pages import WebFile

CLOSED = ("/api/", "/v1/", "/console", "/docs", "/metrics")
"""What search engines have no use for."""
ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-maskable-512.png", "512x512", "maskable"),
)


class IndexFiles:
    """The files about the site."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._base = pages.templates.settings.url
        self._sitemap: tuple[EntriesInUse, WebFile] | None = None

    async def robots(self, request: Request) -> Response:
        """Return who may read what; nobody anything, where the public address is not set."""
        if self._base:
            closed = [f"Disallow: {path}" for path in CLOSED]
            lines = ["User-agent: *", *closed, f"Sitemap: {self._base}/sitemap.xml"]
        else:
            lines = ["User-agent: *", "Disallow: /"]
        return self._pages.file(request, "\n".join([*lines, ""]).encode(), ".txt")

    async def sitemap(self, request: Request) -> Response:
        """Return the pages to read. Raises NotFound without a public address, CorpusMissing."""
        if not self._base:
            raise NotFound("AI_CORE_SITE__URL is not set")
        in_use: EntriesInUse = await request.state.entries.current()
        if self._sitemap is None or self._sitemap[0] is not in_use:
            self._sitemap = in_use, await asyncio.to_thread(_sitemap, self._base, in_use)
        return self._pages.hand(request, self._sitemap[1])

    async def manifest(self, request: Request, language: Language) -> Response:
        """Return what an installed page is called and begins with."""
        name = self._pages.templates.say("site_name", language)
        body = {
            "id": "/",
            "name": name,
            "short_name": "Travail Neo",
            "description": self._pages.templates.say("about_description", language),
            "lang": language,
            "dir": "ltr",
            "start_url": addresses.chat(language),
            "scope": "/",
            "display": "standalone",
            "background_color": "#faf8f4",
            "theme_color": "#8a1c2b",
            "categories": ["education", "productivity"],
            "icons": [
                {"src": f"/web/{file}", "sizes": sizes, "type": "image/png", "purpose": purpose}
                for file, sizes, purpose in ICONS
            ],
            "shortcuts": [
                {
                    "name": self._pages.templates.say(key, language),
                    "url": url,
                }
                for key, url in (
                    ("themes", addresses.in_language("/themes", language)),
                    ("calculate", addresses.calculators(language)),
                )
            ],
        }
        return self._pages.file(request, orjson.dumps(body), ".webmanifest")


def _sitemap(base: str, in_use: EntriesInUse) -> WebFile:
    """Return the sitemap; with 460 entries it takes some 15 ms, most of it to compress."""
    urls = "\n".join(
        f"<url><loc>{escape(base + address)}</loc>"
        + (f"<lastmod>{day.isoformat()}</lastmod>" if day else "")
        + "</url>"
        for address, day in _addresses(in_use)
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}\n</urlset>\n'
    )
    return WebFile.of(body.encode(), ".xml")


def _addresses(in_use: EntriesInUse) -> Iterator[tuple[str, date | None]]:
    """Yield the address of each page, and the day it was last compared with the law."""
    held = {entry.category for entry in in_use.entries.values()}
    themes = [addresses.theme(theme) for theme in THEMES if theme in held]
    documents = [f"/{name}" for name in DOCUMENTS]
    yield addresses.CHAT, None
    yield addresses.CALCULATORS, None
    for path in ("/themes", *themes, *documents, "/contact"):
        for language in LANGUAGES:
            yield addresses.in_language(path, language), None
    for entry in in_use.entries.values():
        for language in entry.languages():
            path = addresses.entry(entry.topic_id)
            yield addresses.in_language(path, language), entry.checked_on
