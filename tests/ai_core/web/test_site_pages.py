"""The pages to read: themes, entries, who operates the site, and what machines read of it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest
from asgi_lifespan import LifespanManager
from justhtml import JustHTML
from pydantic import PostgresDsn
from starlette.requests import Request

from ai_core.api.site.documents import DocumentPages
from ai_core.api.site.frames import Templates
from ai_core.api.site.pages import Pages
from ai_core.settings import PostgresSettings, Settings, SiteSettings
from deploy.local.redis_server import RedisServer
from shared.languages import LANGUAGES, Language
from tests.ai_core.conftest import START_TIMEOUT_S, SampleLibrary, fresh_keys
from tests.ai_core.web.site_app import OPERATOR, site_app
from tests.knowledge.invented import HOLIDAYS, LAW, RESIGNING, put_entries

PAGES = ("/themes", "/themes/termination", "/questions/resigning")
DOCUMENTS = ("/about", "/legal", "/privacy", "/accessibility")


def prefix(language: Language) -> str:
    return "" if language == "fr" else f"/{language}"


@pytest.fixture
def settings() -> dict[str, Any]:
    return dict(OPERATOR)


@pytest.fixture
def entries() -> tuple[str, ...]:
    return (RESIGNING, HOLIDAYS)


@pytest.fixture
async def web(
    redis: RedisServer,
    library: SampleLibrary,
    tmp_path: Path,
    settings: dict[str, Any],
    entries: tuple[str, ...],
) -> AsyncIterator[httpx2.AsyncClient]:
    await asyncio.to_thread(put_entries, tmp_path, *entries)
    library.wordings_of = dict(LAW)
    await fresh_keys(redis)
    asgi = await asyncio.to_thread(lambda: site_app(redis, library, tmp_path, **settings))
    async with (
        LifespanManager(asgi, START_TIMEOUT_S, START_TIMEOUT_S) as manager,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(manager.app), base_url="http://ai_core"
        ) as client,
    ):
        yield client


def parsed(response: httpx2.Response) -> Any:
    """Parse a page, which must be valid: no tag unclosed, misplaced or unknown to HTML."""
    return JustHTML(response.text, strict=True, sanitize=False)


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", page.query("main")[0].to_text())


async def test_every_page_is_valid_in_every_language_and_closed_to_scripts(
    web: httpx2.AsyncClient, subtests: pytest.Subtests
) -> None:
    for language in LANGUAGES:
        for path in (*PAGES, *DOCUMENTS):
            with subtests.test(language=language, path=path):
                response = await web.get(prefix(language) + path)
                page = parsed(response)
                assert response.status_code == 200
                assert page.query("html")[0].attrs["lang"] == language
                ids = [one.attrs["id"] for one in page.query("[id]")]
                assert len(ids) == len(set(ids))
                [heading] = page.query("h1")
                assert heading.to_text().strip()
                [described] = page.query("meta[name=description]")
                assert 10 <= len(described.attrs["content"]) <= 240
                for script in page.query("script"):
                    assert script.attrs["type"] == "application/ld+json"
                    assert json.loads(script.to_text())["@context"] == "https://schema.org"
                policy = response.headers["content-security-policy"]
                assert "script-src 'none'" in policy
                assert "unsafe" not in policy
                alternates = {
                    one.attrs["hreflang"]: one.attrs["href"]
                    for one in page.query("link[rel=alternate]")
                }
                assert alternates == {
                    one: f"https://travail.example{prefix(one)}{path}" for one in LANGUAGES
                }
                [canonical] = page.query("link[rel=canonical]")
                assert canonical.attrs["href"] == alternates[language]


async def test_an_entry_is_a_page_with_its_law_its_date_and_who_checked_it(
    web: httpx2.AsyncClient,
) -> None:
    page = parsed(await web.get("/questions/resigning"))
    read = text_of(page)
    assert page.query("h1")[0].to_text() == "Quel préavis dois-je faire si je démissionne\xa0?"
    assert "Deux mois, que vous soyez cadre ou employé" in read
    assert "l'employeur peut accepter un départ immédiat" in read
    assert "Écrivez votre démission et gardez une preuve de la date." in read
    assert "doit un préavis de deux mois" in page.query("#source-1 blockquote")[0].to_text()
    assert "Aucun juriste ne l’a relu" in read
    assert "pas un conseil juridique" in read
    assert "1er juillet 2026" in read
    assert "votre convention collective, la nature du contrat" in read
    marker = page.query(".short a.marker")[0]
    assert marker.attrs["href"] == "#source-1"
    assert "L1237-1" in marker.attrs["aria-label"]
    [related] = page.query("[aria-labelledby=related-title] a")
    assert related.attrs["href"] == "/questions/holidays"
    crumbs = [one.attrs["href"] for one in page.query(".crumbs a")]
    assert crumbs == ["/", "/themes", "/themes/termination"]
    data = {one["@type"]: one for one in map(json.loads, scripts(page))}
    [asked] = data["FAQPage"]["mainEntity"]
    assert asked["name"] == "Quel préavis dois-je faire si je démissionne ?"
    assert asked["acceptedAnswer"]["text"] == "Deux mois, que vous soyez cadre ou employé."
    assert data["FAQPage"]["lastReviewed"] == "2026-07-01"
    assert [one["position"] for one in data["BreadcrumbList"]["itemListElement"]] == [1, 2, 3, 4]


def scripts(page: Any) -> list[str]:
    return [one.to_text() for one in page.query("script")]


async def test_what_the_law_no_longer_bears_out_is_gone_from_every_list(
    web: httpx2.AsyncClient, library: SampleLibrary
) -> None:
    assert (await web.get("/th/questions/resigning")).status_code == 200
    assert library.wordings_of
    library.wordings_of["L1237-1"] = replace(LAW["L1237-1"], text="Le préavis est d'un mois.")
    gone = await web.get("/th/questions/resigning")
    assert gone.status_code == 410
    assert "กฎหมายเปลี่ยนแล้ว" in text_of(parsed(gone))
    assert "noindex" in gone.text
    assert "resigning" not in (await web.get("/sitemap.xml")).text
    assert "resigning" not in (await web.get("/questions/holidays")).text
    assert (await web.get("/themes/termination")).status_code == 404


async def test_an_address_without_a_page_is_a_page_that_says_so(web: httpx2.AsyncClient) -> None:
    for path in ("/questions/never-written", "/en/themes/astronomy", "/zh/questions/<b>x"):
        response = await web.get(path)
        assert response.status_code == 404
        page = parsed(response)
        assert page.query(".next a")
        assert "noindex" in response.text
        assert "<b>" not in response.text


class TestWithoutALanguage:
    """An operator's own entry that nobody has put into Chinese."""

    @pytest.fixture
    def entries(self) -> tuple[str, ...]:
        return (re.sub(r"^zh = .*\n", "", RESIGNING, flags=re.MULTILINE),)

    async def test_it_is_listed_in_another_and_has_no_page_in_it(
        self, web: httpx2.AsyncClient
    ) -> None:
        page = parsed(await web.get("/zh/themes/termination"))
        [listed] = page.query(".links a")
        assert (listed.attrs["href"], listed.attrs["lang"]) == ("/en/questions/resigning", "en")
        assert (await web.get("/zh/questions/resigning")).status_code == 404
        french = parsed(await web.get("/questions/resigning"))
        codes = {one.attrs["hreflang"] for one in french.query("link[rel=alternate]")}
        assert codes == {"fr", "en", "th"}


async def test_the_sitemap_lists_each_page_that_there_is(web: httpx2.AsyncClient) -> None:
    robots = (await web.get("/robots.txt")).text
    assert "Sitemap: https://travail.example/sitemap.xml" in robots
    assert "Disallow: /api/" in robots
    assert "x-robots-tag" not in (await web.get("/")).headers
    found = ElementTree.fromstring((await web.get("/sitemap.xml")).text)  # noqa: S314 - ours
    space = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    places = [one.text or "" for one in found.findall("s:url/s:loc", space)]
    assert len(places) == len(set(places))
    assert "https://travail.example/zh/questions/resigning" in places
    for place in places:
        path = place.removeprefix("https://travail.example")
        assert (await web.get(path)).status_code == 200, path


async def test_the_address_of_a_language_alone_leads_to_the_page_in_it(
    web: httpx2.AsyncClient,
) -> None:
    for address in ("/th", "/th/"):
        response = await web.get(address, follow_redirects=True)
        assert (response.status_code, str(response.url)) == (200, "http://ai_core/?langue=th")


async def test_a_page_the_browser_holds_is_not_sent_again(web: httpx2.AsyncClient) -> None:
    first = await web.get("/questions/resigning")
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "public, max-age=300"
    held = {"If-None-Match": first.headers["etag"]}
    again = await web.get("/questions/resigning", headers=held)
    assert (again.status_code, again.content) == (304, b"")


async def test_the_operator_is_named(web: httpx2.AsyncClient) -> None:
    legal, privacy = parsed(await web.get("/legal")), parsed(await web.get("/privacy"))
    for value in ("operator", "address", "telephone", "email", "publication_director", "hosting"):
        assert OPERATOR[value] in text_of(legal)
    assert not legal.query(".problem")
    assert not privacy.query(".problem")
    assert "Association Exemple" in text_of(privacy)
    assert "24 heures après votre dernière question" in text_of(privacy)
    assert "intérêt légitime" in text_of(privacy)


async def test_the_page_on_privacy_tells_of_what_postgres_keeps() -> None:
    kept = PostgresSettings(
        url=PostgresDsn("postgresql://127.0.0.1/x"),
        events_days=90,
        texts_days=7,
        keep_questions=True,
    )
    pages = Pages(await asyncio.to_thread(Templates, SiteSettings()))
    document = DocumentPages(pages, Settings(postgres=kept)).page("privacy")
    request = Request({"type": "http", "headers": [], "method": "GET", "path": "/privacy"})
    response = await document(request, "en")
    page: Any = JustHTML(bytes(response.body), strict=True, sanitize=False)
    rows = {
        one.query("td")[0].to_text(): one.query("td")[1].to_text() for one in page.query("tr")[1:]
    }
    days = {what[:20]: how_long for what, how_long in rows.items() if how_long.endswith("days")}
    assert days == {
        "Statistics without p": "90 days",
        "A comment that you l": "7 days",
        "The words of your qu": "7 days",
    }
    assert "to improve the answers" in text_of(page)


class TestWithoutSettings:
    """What an operator sees who has filled nothing in."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {}

    async def test_missing_facts_are_said_to_be_missing(self, web: httpx2.AsyncClient) -> None:
        legal, privacy = parsed(await web.get("/legal")), parsed(await web.get("/privacy"))
        assert "n’a pas encore indiqué son nom" in legal.query(".problem")[0].to_text()
        assert len(legal.query(".missing")) == 6
        assert len(privacy.query(".problem")) == 2
        english = parsed(await web.get("/en/legal"))
        assert "has not yet given a name" in english.query(".problem")[0].to_text()

    async def test_search_engines_are_told_to_stay_away(self, web: httpx2.AsyncClient) -> None:
        assert (await web.get("/robots.txt")).text == "User-agent: *\nDisallow: /\n"
        assert (await web.get("/sitemap.xml")).status_code == 404
        page = await web.get("/questions/resigning")
        assert page.headers["x-robots-tag"] == "noindex"
        assert (await web.get("/")).headers["x-robots-tag"] == "noindex"
        assert not parsed(page).query("link[rel=canonical]")


async def test_the_page_can_be_installed(web: httpx2.AsyncClient) -> None:
    response = await web.get("/th/manifest.webmanifest")
    manifest = response.json()
    assert response.headers["content-type"] == "application/manifest+json"
    assert (manifest["lang"], manifest["start_url"]) == ("th", "/?langue=th")
    assert {one["purpose"] for one in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        served = await web.get(icon["src"])
        assert served.headers["content-type"] == "image/png"
        width = int.from_bytes(served.content[16:20])  # https://www.w3.org/TR/png-3/#11IHDR
        assert f"{width}x{width}" == icon["sizes"]
