"""A question asked by a form, answered as a page: the same rules as for the API."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asgi_lifespan import LifespanManager
from justhtml import JustHTML

from ai_core.access.keys import KeyRing, Scope
from ai_core.access.rate_limits import RateLimits
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from tests.ai_core.conftest import NOON, START_TIMEOUT_S, SampleLibrary, connected, fresh_keys
from tests.ai_core.web.site_app import site_app
from tests.knowledge.invented import HOLIDAYS, LAW, RESIGNING, put_entries

OURS = {"Origin": "http://ai_core", "Sec-Fetch-Site": "same-origin", "Accept-Language": "fr"}
QUESTIONS_A_MINUTE = 30


@pytest.fixture
def has_key() -> bool:
    return True


@pytest.fixture
async def web(
    redis: RedisServer, library: SampleLibrary, tmp_path: Path, has_key: bool
) -> AsyncIterator[httpx2.AsyncClient]:
    await asyncio.to_thread(put_entries, tmp_path, RESIGNING, HOLIDAYS)
    library.wordings_of = dict(LAW)
    await fresh_keys(redis)
    async with connected(redis.url) as connection:
        limits = RateLimits(requests_per_minute=QUESTIONS_A_MINUTE)
        ring = KeyRing(connection, StoppedClock(NOON))
        key = (await ring.create("page", Scope.PUBLISHABLE, limits=limits)).secret
    key = key if has_key else ""
    asgi = await asyncio.to_thread(lambda: site_app(redis, library, tmp_path, key))
    async with (
        LifespanManager(asgi, START_TIMEOUT_S, START_TIMEOUT_S) as manager,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(manager.app, client=("203.0.113.5", 1)),
            base_url="http://ai_core",
        ) as client,
    ):
        yield client


def parsed(response: httpx2.Response) -> Any:
    return JustHTML(response.text, strict=True, sanitize=False)


def main_text(response: httpx2.Response) -> str:
    return " ".join(parsed(response).query("main")[0].to_text().split())


async def ask(
    web: httpx2.AsyncClient,
    question: str,
    conversation: str = "",
    path: str = "/question",
    headers: dict[str, str] = OURS,
) -> httpx2.Response:
    fields = {"question": question, "conversation": conversation}
    return await web.post(path, data=fields, headers=headers)


async def test_the_answer_its_conditions_steps_and_sources_are_a_page(
    web: httpx2.AsyncClient,
) -> None:
    response = await ask(web, "préavis de démission ?")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    page = parsed(response)
    assert page.query("h1")[0].to_text() == "préavis de démission ?"
    assert "Deux mois, que vous soyez cadre ou employé" in page.query(".short")[0].to_text()
    assert page.query(".short strong")
    read = main_text(response)
    assert "Écrivez votre démission et gardez une preuve de la date." in read
    assert "pas un conseil juridique" in read
    marker = page.query(".short a.marker")[0]
    source = page.query(marker.attrs["href"])[0]
    assert "Article L1237-1" in source.to_text()
    assert "doit un préavis de deux mois" in page.query("details blockquote")[0].to_text()
    assert "noindex" in response.text
    assert "**" not in read


async def test_the_next_question_goes_on_and_a_conversation_can_be_erased(
    web: httpx2.AsyncClient,
) -> None:
    page = parsed(await ask(web, "préavis de démission ?"))
    conversation = page.query("input[name=conversation]")[0].attrs["value"]
    choices = [one.attrs["value"] for one in page.query("button[name=question]")]
    assert choices
    again = await ask(web, choices[0], conversation)
    assert again.status_code == 200
    held = parsed(again).query("input[name=conversation]")[0].attrs["value"]
    assert held == conversation
    fields = {"conversation": conversation}
    erased = await web.post("/question/erase", data=fields, headers=OURS)
    assert "ne sont plus gardées nulle part" in main_text(erased)
    lost = await ask(web, "Et pour un cadre ?", conversation)
    assert lost.status_code == 404
    assert parsed(lost).query("#question")[0].to_text().strip() == "Et pour un cadre ?"


async def test_what_is_masked_is_told_and_nothing_written_becomes_markup(
    web: httpx2.AsyncClient,
) -> None:
    response = await ask(web, "<img src=x onerror=alert(1)> démission, mon 06 12 34 56 78")
    page = parsed(response)
    assert "numéro de téléphone" in page.query(".masked")[0].to_text()
    assert page.query("img") == []
    assert "<img src=x" in page.query("h1")[0].to_text()


async def test_the_language_of_the_question_is_that_of_the_page(web: httpx2.AsyncClient) -> None:
    page = parsed(await ask(web, "ลาออกต้องแจ้งล่วงหน้ากี่วัน", path="/th/question"))
    assert page.query("html")[0].attrs["lang"] == "th"
    assert "2 เดือน" in page.query(".short")[0].to_text()
    form = parsed(await web.get("/zh/question")).query("form")[0]
    assert form.attrs["action"] == "/zh/question"


async def test_other_sites_cannot_ask_in_a_visitor_s_name(web: httpx2.AsyncClient) -> None:
    foreign: tuple[dict[str, str], ...] = (
        {},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Host": "evil.example"},
    )
    for headers in foreign:
        response = await ask(web, "préavis de démission ?", headers=headers)
        assert response.status_code == 403, headers
        assert "ne vient pas d’une page de ce site" in main_text(response)
    # A page with the policy `no-referrer` sends its forms so.
    hidden = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert (await ask(web, "préavis de démission ?", headers=hidden)).status_code == 200


async def test_limits_and_faults_leave_the_question_in_the_form(web: httpx2.AsyncClient) -> None:
    empty = await ask(web, "  \r\n")
    assert empty.status_code == 422
    assert "Écrivez d’abord votre question." in main_text(empty)
    long = await ask(web, "a" * 32_001)
    assert long.status_code in (413, 422)
    answers = [await ask(web, "préavis de démission ?") for _ in range(QUESTIONS_A_MINUTE)]
    refused = next(one for one in answers if one.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert parsed(refused).query("#question")[0].to_text().strip() == "préavis de démission ?"
    danger = await ask(web, "je veux mourir, mon patron me harcèle")
    assert danger.status_code == 429
    assert "3114" in main_text(danger)


async def test_the_examples_of_the_page_lead_to_a_form_that_holds_them(
    web: httpx2.AsyncClient,
) -> None:
    links = parsed(await web.get("/")).query("#examples a")
    assert len(links) == 4
    for number, link in enumerate(links, start=1):
        form = parsed(await web.get(link.attrs["href"] or ""))
        assert form.query("#question")[0].to_text().strip() == link.to_text().strip()
        thai = parsed(await web.get(f"/th/question?example={number}"))
        assert re.search("[\u0e01-\u0e5b]", thai.query("#question")[0].to_text())
    for odd in ("0", "9", "x", "99", "1e1", "²", "%3Cb%3E"):
        empty = parsed(await web.get(f"/question?example={odd}"))
        assert not empty.query("#question")[0].to_text().strip()


class TestWithoutAKey:
    """A site whose page asks its visitors for a key."""

    @pytest.fixture
    def has_key(self) -> bool:
        return False

    async def test_it_says_that_a_question_needs_one(self, web: httpx2.AsyncClient) -> None:
        for response in (await web.get("/question"), await ask(web, "Combien de congés ?")):
            assert "demande une clé" in main_text(response)
            assert parsed(response).query("form") == []
