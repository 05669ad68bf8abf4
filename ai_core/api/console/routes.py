"""All screens of the desk, and the files their pages load."""

from pathlib import Path

from fastapi import APIRouter

from ai_core.api.console import (
    accounts,
    audit,
    channels,
    keys,
    knowledge,
    law,
    letters,
    models,
    own,
    questions,
    sign_in,
    today,
)
from ai_core.api.console.rendering import TEMPLATES, Pages
from ai_core.api.console.routing import Screens, add_screens
from shared.texts import Texts
from shared.web.pages import WebFile, serve

SCREENS: tuple[Screens, ...] = (
    sign_in.screens,
    own.screens,
    today.screens,
    questions.screens,
    knowledge.screens,
    channels.screens,
    letters.screens,
    models.screens,
    keys.screens,
    law.screens,
    accounts.screens,
    audit.screens,
)


def console_router(texts: Texts) -> APIRouter:
    """Return the routes of the desk. Blocks on the disk.

    Raises ValueError for an address that two screens declare.
    """
    router = APIRouter()
    pages = Pages(texts)
    taken: set[tuple[str, str]] = set()
    for screens in SCREENS:
        for route in screens.declared:
            if (route.method, route.path) in taken:
                raise ValueError(f"{route.method} {route.path} is declared twice")
            taken.add((route.method, route.path))
        add_screens(router, screens, pages)
    for file in sorted(TEMPLATES.iterdir()):
        if file.suffix in {".css", ".js"}:
            content = WebFile.of(file.read_bytes(), Path(file.name).suffix)
            serve(router, f"/console/files/{file.name}", content)
    return router
