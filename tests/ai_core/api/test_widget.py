"""/widget.js and its frame over HTTP: who may embed it, and what its look can hold."""

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ai_core.access.keys import Scope
from ai_core.access.widgets import MAX_LOGO_BYTES, WidgetLook, luminance, read_logo
from shared.languages import LANGUAGES

SITE = "https://mairie.example"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


async def test_the_frame_is_for_the_origins_of_its_key_alone(app: Any) -> None:
    key = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE, "https://annexe.example"])
    for name in ("frame", "look"):
        page = await app.client.get(f"/widget/{name}", params={"key": key, "language": "th"})
        policy = page.headers["content-security-policy"]
        assert f"frame-ancestors 'self' {SITE} https://annexe.example;" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "x-frame-options" not in page.headers
        assert '<html lang="th">' in page.text

    for wrong in ("", "cdt_live_x", app.keys[Scope.INFERENCE]):
        refused = await app.client.get("/widget/frame", params={"key": wrong})
        assert refused.status_code == 401
    await app.revoke(key)
    await app.client.get("/api/v1/search?q=x", headers=app.key_header())  # the keys are read again
    assert (await app.client.get("/widget/frame", params={"key": key})).status_code == 401


async def test_the_script_is_for_every_site_and_may_be_cached(app: Any) -> None:
    script = await app.client.get("/widget.js")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert script.headers["access-control-allow-origin"] == "*"
    assert script.headers["cache-control"] == "public, max-age=3600"
    tag = {"If-None-Match": script.headers["etag"]}
    assert (await app.client.get("/widget.js", headers=tag)).status_code == 304


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_frame_speaks_its_language_whole(app: Any, language: str) -> None:
    key = await app.new_key(Scope.PUBLISHABLE)
    text = (await app.client.get("/widget/frame", params={"key": key, "language": language})).text
    for french in ("Votre question", "Recherche dans", "Réessayer", "Fermer"):
        assert (french in text) == (language == "fr"), french


async def test_a_look_is_written_as_text_and_nothing_else(app: Any) -> None:
    hostile = '"><script>alert(1)</script>'
    look = WidgetLook(
        title=hostile[:40], greetings={"fr": hostile}, logo=base64.b64encode(PNG).decode()
    )
    key = await app.new_key(Scope.PUBLISHABLE, widget=look)
    for name in ("frame", "look"):
        page = await app.client.get(f"/widget/{name}", params={"key": key})
        assert "<script>alert" not in page.text
    logo = await app.client.get("/widget/logo", params={"key": key})
    assert (logo.content, logo.headers["content-type"]) == (PNG, "image/png")
    assert logo.headers["x-content-type-options"] == "nosniff"


def test_a_look_takes_no_css_no_markup_and_no_other_file(tmp_path: Path) -> None:
    for colour in ("red", "#fff", "#ffffff;}*{display:none", "url(https://x.example)", "#FFFFFF\n"):
        with pytest.raises(ValidationError):
            WidgetLook(colour=colour)
    wrong: list[dict[str, object]] = [
        {"position": "center"}, {"title": "x" * 41}, {"greetings": {"de": "Hallo"}}
    ]  # fmt: skip
    for one in wrong:
        with pytest.raises(ValidationError):
            WidgetLook.model_validate(one)
    file = tmp_path / "logo"
    for content in (b"<svg onload=alert(1)>", b"GIF89a", PNG + b"\0" * MAX_LOGO_BYTES):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="a logo"):
            read_logo(file)


def test_words_on_any_colour_can_be_read() -> None:
    for red in range(0, 256, 51):
        for green in range(0, 256, 51):
            for blue in range(0, 256, 51):
                look = WidgetLook(colour=f"#{red:02x}{green:02x}{blue:02x}")
                pair = sorted((luminance(look.colour), luminance(look.text_colour)))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, look.colour
