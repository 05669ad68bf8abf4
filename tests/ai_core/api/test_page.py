"""GET / and its files, as a browser receives them."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from ai_core.api.page import TRANSLATIONS, WEB, page_router
from ai_core.settings import PageSettings
from shared.languages import LANGUAGES
from shared.settings import WrongSettings

KEY = "publishable-key-of-the-page"
UNTRANSLATED = {"Code du Travail Neo", "Code du Travail", "Neo"}


class Sentences(HTMLParser):
    """The French sentences of a page that a browser with JavaScript shows."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the attributes that are read."""
        self._unseen += tag in ("script", "noscript")
        told = dict(attrs)
        names = ["placeholder", "aria-label"]
        names += ["content"] if told.get("name") == "description" else []
        for name in names:
            self._take(told.get(name) or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a tag."""
        self._unseen -= tag in ("script", "noscript")

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not self._unseen:
            self._take(data)

    def _take(self, text: str) -> None:
        text = " ".join(text.split())
        if re.search(r"[^\W\d_]", text):
            self.found.add(text)


async def test_every_sentence_of_the_pages_is_in_every_language(files: httpx2.AsyncClient) -> None:
    told = json.loads((WEB / TRANSLATIONS).read_text(encoding="utf-8"))
    shown: set[str] = set()
    for address in ("/", "/calculs"):
        page = Sentences()
        page.feed((await files.get(address)).text)
        shown |= page.found
    assert shown - told.keys() == UNTRANSLATED
    assert told.keys() - shown == set()
    for french, versions in told.items():
        assert set(versions) == set(LANGUAGES) - {"fr"}, french
        for version in versions.values():
            assert set(re.findall(r"{\w+}", version)) == set(re.findall(r"{\w+}", french)), french
    script = (await files.get("/web/translations.th.js")).text
    assert json.loads(script[script.index("{") : script.rindex("}") + 1])["Oui"] == "ใช่"
    assert (await files.get("/web/translations.json")).status_code == 404


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    key_file = tmp_path / "page.key"
    key_file.write_text(f"{KEY}\n", encoding="utf-8")
    app = FastAPI()
    app.include_router(page_router(PageSettings(key_file=key_file)))
    return app


@pytest.fixture
async def files(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://page") as client:
        yield client


async def test_each_file_comes_with_its_type_and_a_closed_policy(files: httpx2.AsyncClient) -> None:
    types = {
        "/": "text/html; charset=utf-8",
        "/calculs": "text/html; charset=utf-8",
        "/web/page.css": "text/css; charset=utf-8",
        "/web/page.js": "text/javascript; charset=utf-8",
        "/web/icon.svg": "image/svg+xml",
        "/page.json": "application/json",
    }
    for address, media_type in types.items():
        reply = await files.get(address)
        policy = reply.headers["content-security-policy"]
        assert (reply.status_code, reply.headers["content-type"]) == (200, media_type)
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in reply.headers


async def test_a_file_the_browser_holds_is_not_sent_again(files: httpx2.AsyncClient) -> None:
    first = await files.get("/web/page.css")
    etag = first.headers["etag"]
    again = await files.get("/web/page.css", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    changed = await files.get("/web/page.css", headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_the_page_has_no_script_or_style_of_its_own(files: httpx2.AsyncClient) -> None:
    for address in ("/", "/calculs"):
        page = (await files.get(address)).text
        assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=", page)


async def test_no_other_file_is_served(files: httpx2.AsyncClient) -> None:
    for address in ("/web/page.py", "/web/..%2Fsettings.py", "/web/%2e%2e/settings.py", "/web/"):
        assert (await files.get(address)).status_code == 404


async def test_the_key_is_handed_over_and_never_kept_by_a_cache(files: httpx2.AsyncClient) -> None:
    reply = await files.get("/page.json")
    assert reply.json() == {"key": KEY}
    assert reply.headers["cache-control"] == "no-store"


def test_a_key_file_that_holds_anything_else_refuses_to_start(tmp_path: Path) -> None:
    for words in ("", "two words"):
        file = tmp_path / "page.key"
        file.write_text(words, encoding="utf-8")
        with pytest.raises(WrongSettings, match="KEY_FILE"):
            page_router(PageSettings(key_file=file))


async def test_a_file_is_sent_compressed_to_whom_takes_it_and_each_encoding_has_its_tag(
    files: httpx2.AsyncClient,
) -> None:
    plain = await files.get("/web/page.css", headers={"Accept-Encoding": "identity"})
    refused = await files.get("/web/page.css", headers={"Accept-Encoding": "gzip;q=0, br"})
    small = await files.get("/web/page.css", headers={"Accept-Encoding": "br, gzip"})

    assert "content-encoding" not in plain.headers | refused.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert small.content == plain.content
    assert small.headers["etag"] != plain.headers["etag"]
    held = {"If-None-Match": small.headers["etag"], "Accept-Encoding": "gzip"}
    assert (await files.get("/web/page.css", headers=held)).status_code == 304


async def test_a_page_names_the_translations_it_is_about_to_need(files: httpx2.AsyncClient) -> None:
    thai = {"Accept-Language": "th-TH,th;q=0.9,en;q=0.8"}
    links = [
        (await files.get(address, headers=headers)).headers.get("link")
        for address, headers in (("/", thai), ("/?langue=zh", thai), ("/calculs?langue=fr", thai))
    ]
    thai_module, chinese_module = (
        f"</web/translations.{one}.js>; rel=modulepreload" for one in ("th", "zh")
    )
    assert links == [thai_module, chinese_module, None]
    assert (await files.get("/")).headers["vary"] == "Accept-Encoding, Accept-Language"
