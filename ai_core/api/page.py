"""GET / and its files: the page where a person asks a question.

The files are read once, when the app is put together. The page calls the API like any other
client, with the publishable key that `/page.json` hands it; without one it asks the person for a
key. What the page may load or connect to is this host alone.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ai_core.settings import PageSettings
from shared.settings import WrongSettings

WEB = Path(__file__).parent.parent / "web"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/: no policy can be created,
so no script of the page can turn a text into markup."""
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file of the page, in memory; `etag` is a hash of its bytes."""

    body: bytes
    media_type: str
    etag: str

    def answer(self, request: Request, cache_control: str) -> Response:
        """Return the file, or 304 when the caller holds this very one (RFC 9110, 13.1.2)."""
        headers = {**SECURITY, "Cache-Control": cache_control, "ETag": self.etag}
        held = request.headers.get("if-none-match", "").replace("W/", "")
        if self.etag in (tag.strip() for tag in held.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def _web_file(body: bytes, suffix: str) -> WebFile:
    return WebFile(body, TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')


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


def page_router(settings: PageSettings) -> APIRouter:
    """Read the page and its key; return the routes that serve them.

    Raises WrongSettings as read_key does.
    """
    router = APIRouter()
    for path in WEB.iterdir():
        if path.suffix in TYPES:
            address = "/" if path.name == "index.html" else f"/web/{path.name}"
            _serve(router, address, _web_file(path.read_bytes(), path.suffix), "no-cache")
    handed = orjson.dumps({"key": read_key(settings.key_file)})
    _serve(router, "/page.json", _web_file(handed, ".json"), "no-store")
    return router


def _serve(router: APIRouter, address: str, file: WebFile, cache_control: str) -> None:
    async def answer(request: Request) -> Response:
        return file.answer(request, cache_control)

    router.add_api_route(address, answer, methods=["GET", "HEAD"], include_in_schema=False)
