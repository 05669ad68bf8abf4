"""GET /openapi.json, and /docs: the interactive page that shows it.

The page is Swagger UI (https://swagger.io/tools/swagger-ui/) from the package fastapi-offline,
served from our own host. Where the document itself requires a key, the page asks for it.
"""

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.params import Depends
from starlette.requests import Request
from starlette.responses import Response

from shared.web.pages import POLICY, WebFile, security_headers, serve

DOCUMENT = "/openapi.json"
HERE = Path(__file__).parent / "docs"
SWAGGER_UI = files("fastapi_offline") / "static"
TRUSTED_TYPES = {"require-trusted-types-for", "trusted-types"}
DOCS_POLICY = {name: value for name, value in POLICY.items() if name not in TRUSTED_TYPES} | {
    "img-src": "'self' data:"
}
"""Swagger UI sets sanitised markup as text, and draws its icons from data URLs."""
SECURITY = security_headers(DOCS_POLICY)


def docs_router(api: FastAPI, key_check: Sequence[Depends] = ()) -> APIRouter:
    """Return the routes of the document and of its page.

    `key_check` guards the document; the page contains no data and is open, so that a browser can
    show it before its user has entered a key.
    """
    router = APIRouter(include_in_schema=False)
    built: list[WebFile] = []

    @router.get(DOCUMENT, dependencies=key_check)
    async def document(request: Request) -> Response:
        if not built:
            content = orjson.dumps(await asyncio.to_thread(api.openapi))
            built.append(WebFile.of(content, ".json"))
        return built[0].answer(request, "no-cache")

    page = (HERE / "docs.html").read_text(encoding="utf-8")
    page = page.replace("{title}", api.title).replace("{key}", "asked" if key_check else "optional")
    serve(router, "/docs", WebFile.of(page.encode(), ".html"), security=SECURITY)
    for file in (
        HERE / "docs.css",
        HERE / "docs.js",
        SWAGGER_UI / "swagger-ui.css",
        SWAGGER_UI / "swagger-ui-bundle.js",
    ):
        content = WebFile.of(file.read_bytes(), Path(file.name).suffix)
        serve(router, f"/docs/{file.name}", content, security=SECURITY)
    return router
