"""GET /widget.js and the frame it opens over a page of another site (docs/widget.md).

The frame is the page's conversation: its modules, its styles and the shapes of its HTML, in one
language. Only pages of the key's origins may show it (`frame-ancestors`), which is what binds the
key to them: inside the frame, requests come from our own origin. Creating the pages reads files.
"""

import base64
import hashlib
import re
from functools import cache, partial
from html import escape, unescape

import jinja2
import orjson
from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ai_core.access.gate import Gate
from ai_core.access.keys import Key
from ai_core.api.page import TRANSLATIONS, WEB, markup_of
from ai_core.errors import UnknownKey
from shared.languages import LANGUAGES, Language, preferred_language
from shared.texts import Texts
from shared.web.pages import POLICY, WebFile, security_headers, serve

WIDGET = WEB / "widget"
WIDGET_TEXTS = WEB.parent / "texts" / "widget" / "widget.toml"
STYLES = (WEB / "theme.css", WEB / "page.css", WIDGET / "widget.css")
SHAPES = ("turn", "card", "problem", "words", "reply-field", "reply-agreement", "picker", "useful")
"""Templates of the page that an answer in the frame is made of."""
FILES = ("frame.js", "line.js", "language.js", "memory.js", "look.js")
PRELOADED = (
    *(f"/web/widget/{name}" for name in ("line.js", "language.js", "memory.js")),
    *(f"/web/{name}.js" for name in ("prose", "session", "wire", "words")),
)
IMPORTS = orjson.dumps({"imports": {"/web/language.js": "/web/widget/language.js"}}).decode()
IMPORTS_HASH = base64.b64encode(hashlib.sha256(IMPORTS.encode()).digest()).decode()
ORIGIN = re.compile(r"https?://[a-z0-9.\[\]:-]+")
EMBEDDED = {"Cross-Origin-Resource-Policy": "cross-origin"}
SCRIPT = {
    **EMBEDDED,
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
SCRIPT_CACHE = "public, max-age=3600"
LOOK_CACHE = "private, max-age=300"


class WidgetPages:
    """The pages of the frame, in each language."""

    def __init__(self) -> None:
        self._texts = Texts.read(WIDGET_TEXTS)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(WIDGET),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )
        self._templates = {
            name: environment.get_template(name) for name in ("frame.html", "look.html")
        }
        self._shapes = {language: Markup(shapes(language)) for language in LANGUAGES}  # noqa: S704

    def render(self, name: str, key: Key, secret: str, language: Language) -> bytes:
        """Return a page for the key that has `secret`."""
        say = partial(self._texts.say, language=language)
        return (
            self._templates[name]
            .render(
                language=language,
                say=say,
                key=secret,
                look=key.widget,
                title=key.widget.title or say("widget_title"),
                greeting=key.widget.greetings.get(language) or say("widget_greeting"),
                imports=Markup(IMPORTS),  # noqa: S704 - a constant of this module
                modules=PRELOADED,
                shapes=self._shapes[language],
            )
            .encode()
        )


def shapes(language: Language) -> str:
    """Return the templates and the dialog of the page that answers need, in a language."""
    page = markup_of("index.html")
    found = [_part(page, "template", name) for name in SHAPES] + [_part(page, "dialog", "reading")]
    told = {} if language == "fr" else _translations(language)
    return re.sub(
        r'>([^<>]+)<|((?:aria-label|placeholder)=")([^"]+)"',
        partial(_translated, told),
        "\n".join(found),
    )


def _part(page: str, tag: str, name: str) -> str:
    found = re.search(rf'<{tag} id="{name}".*?</{tag}>', page, re.DOTALL)
    if found is None:
        raise LookupError(f"the page has no {tag} {name}")
    return found[0].replace(" autofocus", "")  # refused in another site's page


@cache
def _translations(language: Language) -> dict[str, str]:
    told = orjson.loads((WEB / TRANSLATIONS).read_bytes())
    return {french: versions[language] for french, versions in told.items()}


def _translated(told: dict[str, str], found: re.Match[str]) -> str:
    text, opening, value = found.groups()
    if value is not None:
        return f'{opening}{escape(_told(told, value))}"'
    words = text.strip()
    return found[0].replace(words, escape(_told(told, words), quote=False)) if words else found[0]


def _told(told: dict[str, str], words: str) -> str:
    plain = unescape(words)
    return told.get(" ".join(plain.split()), plain)


def frame_headers(key: Key) -> dict[str, str]:
    """Return the headers of a page that only this host and the key's origins may embed."""
    origins = [origin for origin in key.allowed_origins if ORIGIN.fullmatch(origin)]
    policy = {
        **POLICY,
        "script-src": f"'self' 'sha256-{IMPORTS_HASH}'",
        "frame-ancestors": " ".join(("'self'", *origins)),
    }
    headers = security_headers(policy) | EMBEDDED
    del headers["X-Frame-Options"]  # it knows no list of origins
    return headers | {
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Permissions-Policy": headers["Permissions-Policy"] + ", clipboard-write=(self)",
    }


def widget_router() -> APIRouter:
    """Read the files; return the routes that serve them."""
    router, pages = APIRouter(), WidgetPages()
    loader = WebFile.of((WIDGET / "widget.js").read_bytes(), ".js")
    serve(router, "/widget.js", loader, SCRIPT_CACHE, SCRIPT)
    for name in FILES:
        path = WIDGET / name
        serve(router, f"/web/widget/{name}", WebFile.of(path.read_bytes(), path.suffix))
    styles = b"\n".join(path.read_bytes() for path in STYLES)
    serve(router, "/web/widget/frame.css", WebFile.of(styles, ".css"))
    for name, cache_control in (("frame", "no-store"), ("look", LOOK_CACHE)):
        router.add_api_route(
            f"/widget/{name}",
            partial(_page, pages, f"{name}.html", cache_control),
            methods=["GET"],
            include_in_schema=False,
        )
    router.add_api_route("/widget/logo", _logo, methods=["GET"], include_in_schema=False)
    return router


async def _page(pages: WidgetPages, name: str, cache_control: str, request: Request) -> Response:
    secret = request.query_params.get("key", "")
    key = await _key(request, secret)
    wanted = request.query_params.get("language") or request.headers.get("accept-language")
    body = pages.render(name, key, secret, preferred_language(wanted))
    page = WebFile.of(body, ".html")
    return page.answer(request, cache_control, frame_headers(key))


async def _logo(request: Request) -> Response:
    logo = (await _key(request, request.query_params.get("key", ""))).widget.logo_file()
    if logo is None:
        raise UnknownKey("the widget of the key has no logo")
    content, media_type = logo
    headers = {**security_headers(), "Cache-Control": LOOK_CACHE}
    return Response(content, headers=headers, media_type=media_type)


async def _key(request: Request, secret: str) -> Key:
    gate: Gate = request.state.gate
    return await gate.publishable_key(secret)
