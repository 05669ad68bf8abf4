"""The review page: static files that use the API with the reviewer's key."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parents[1] / "web"
KINDS = {"review.html": "text/html", "review.css": "text/css", "review.js": "text/javascript"}
FILES = {name: (FOLDER / name).read_bytes() for name in KINDS}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@router.get("/")
async def page() -> Response:
    """Return the page."""
    return _file("review.html")


@router.get("/review.css")
async def style() -> Response:
    """Return the page's style."""
    return _file("review.css")


@router.get("/review.js")
async def script() -> Response:
    """Return the page's script."""
    return _file("review.js")


def _file(name: str) -> Response:
    return Response(FILES[name], media_type=KINDS[name], headers=HEADERS)
