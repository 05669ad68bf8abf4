"""The review page: static files that use the API with the reviewer's key."""

from pathlib import Path

from fastapi import APIRouter

from shared.web.pages import WebFile, serve

WEB = Path(__file__).parents[1] / "web"

router = APIRouter()
for address, name in {
    "/": "review.html",
    "/review.css": "review.css",
    "/review.js": "review.js",
    "/feedback/style.css": "feedback.css",
}.items():
    path = WEB / name
    serve(router, address, WebFile.of(path.read_bytes(), path.suffix))
