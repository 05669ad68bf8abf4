"""The site in a real Chromium: reading, writing and asking, by keyboard and without JavaScript."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ai_core.access.keys import KeyRing, Scope
from ai_core.law.corpus import Corpus
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from tests.ai_core.conftest import NOON, SampleLibrary, connected
from tests.ai_core.web.scripted_page import serving
from tests.ai_core.web.site_app import OPERATOR, site_app
from tests.knowledge.invented import HOLIDAYS, LAW, RESIGNING, put_entries
from tests.servers.accessibility import axe_results

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow(20)]

PATHS = (
    "/themes",
    "/themes/termination",
    "/questions/resigning",
    "/about",
    "/legal",
    "/privacy",
    "/accessibility",
    "/contact",
    "/question",
    "/questions/never-written",
)
FITS = "document.documentElement.scrollWidth <= innerWidth"
CONTROLS = "a, button, input:not([type=hidden]), textarea, summary"
TARGETS = """(controls) => [...document.querySelectorAll(controls)]
  .filter((one) => {
    const box = one.getBoundingClientRect();
    const shown = box.width > 0 && box.right > 0 && box.bottom > 0;
    const inline = getComputedStyle(one).display === "inline" || one.matches(".marker, .cards a");
    return shown && !inline && Math.round(box.height) < 44;
  }).map((one) => one.outerHTML)"""


@pytest.fixture(scope="module")
def address(
    redis: RedisServer, sample: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    data_dir = tmp_path_factory.mktemp("site")
    put_entries(data_dir, RESIGNING, HOLIDAYS)
    library = SampleLibrary(sample, wordings_of=dict(LAW))
    contact = {"to": "exploitant@travail.example", "smtp_host": "127.0.0.1", "smtp_port": 9}
    site: dict[str, Any] = OPERATOR | {"contact": contact}
    with ThreadPoolExecutor(1) as pool:  # Playwright's own loop runs in this thread
        key = pool.submit(asyncio.run, page_key(redis)).result()
    app = site_app(redis, library, data_dir, key, **site)
    with serving(app) as address:
        yield address


async def page_key(redis: RedisServer) -> str:
    async with connected(redis.url) as connection:
        await connection.call("FLUSHALL")
        ring = KeyRing(connection, StoppedClock(NOON))
        return (await ring.create("page", Scope.PUBLISHABLE)).secret


@dataclass
class Reader:
    """A person before the site, and what the browser complained of."""

    page: Page
    faults: list[str] = field(default_factory=list)


@contextmanager
def reading(browser: Browser, address: str, **context: Any) -> Iterator[Reader]:
    profile = browser.new_context(**{"locale": "fr-FR", "base_url": address, **context})
    reader = Reader(profile.new_page())
    reader.page.set_default_timeout(30_000)

    def heard(kind: str, text: str) -> None:
        refused = text.startswith("Failed to load resource")  # the browser's own line for a 4xx
        if kind in {"error", "warning"} and not refused:
            reader.faults.append(text)

    reader.page.on("console", lambda message: heard(message.type, message.text))
    reader.page.on("pageerror", lambda error: reader.faults.append(str(error)))
    try:
        yield reader
        assert reader.faults == []
        assert profile.cookies() == []
    finally:
        profile.close()


def assert_usable(page: Page) -> None:
    """Check axe's rules of WCAG 2.2 AA, the width of the page and the size of its targets."""
    results = axe_results(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate(FITS)
    assert page.evaluate(TARGETS, CONTROLS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_usable_on_a_phone_and_a_desk(
    browser: Browser, address: str, subtests: pytest.Subtests, scheme: str
) -> None:
    half = PATHS[::2] if scheme == "light" else PATHS[1::2]  # the colours are the same in all
    with reading(browser, address, color_scheme=scheme) as reader:
        page = reader.page
        for path, prefix in zip(half, cycle(("", "/th", "/en", "/zh")), strict=False):
            with subtests.test(scheme=scheme, path=path, language=prefix):
                page.set_viewport_size({"width": 1280, "height": 800})
                page.goto(prefix + path)
                assert page.evaluate(FITS)
                page.set_viewport_size({"width": 360, "height": 800})
                assert_usable(page)
                page.evaluate("document.documentElement.style.fontSize = '200%'")
                assert page.evaluate(FITS)


def test_without_javascript_a_question_is_asked_and_answered(
    browser: Browser, address: str
) -> None:
    with reading(browser, address, java_script_enabled=False) as reader:
        page = reader.page
        page.goto("/")
        page.locator("#question").fill("préavis de démission ?")
        page.locator("#send").click()
        expect(page.locator("h1")).to_have_text("préavis de démission ?")
        expect(page.locator(".short")).to_contain_text("Deux mois, que vous soyez cadre")
        page.locator(".short a.marker").first.click()
        expect(page.locator("#source-1")).to_be_in_viewport()
        page.locator("button[name=question]").first.click()
        expect(page.locator(".short")).to_contain_text("congé")
        page.get_by_role("button", name="Effacer cette conversation").click()
        expect(page.locator("h1")).to_have_text("Conversation effacée")


def test_an_answer_is_usable_and_prints_its_addresses(browser: Browser, address: str) -> None:
    with reading(browser, address, viewport={"width": 360, "height": 800}) as reader:
        page = reader.page
        page.goto("/question")
        page.locator("#question").fill("préavis de démission ?")
        page.get_by_role("button", name="Demander").click()
        expect(page.locator(".short")).to_be_visible()
        page.locator("details summary").click()
        assert_usable(page)
        page.emulate_media(media="print")
        expect(page.locator("form").first).to_be_hidden()
        expect(page.locator(".short")).to_be_visible()


def test_the_contact_form_by_keyboard_says_what_went_wrong(browser: Browser, address: str) -> None:
    with reading(browser, address) as reader:
        page = reader.page
        page.goto("/en/contact")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(page.locator("#message")).to_be_focused()
        page.keyboard.insert_text("The page on notices is wrong.")
        page.keyboard.press("Tab")
        page.keyboard.insert_text("someone@example.com")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Send")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Your message was not sent")
        expect(page.locator("#message")).to_have_value("The page on notices is wrong.")
        assert_usable(page)


def test_languages_and_themes_lead_to_each_other(browser: Browser, address: str) -> None:
    with reading(browser, address) as reader:
        page = reader.page
        page.goto("/?langue=th")
        expect(page.locator(".pages a").first).to_have_attribute("href", "/th/themes")
        page.locator(".pages a").first.click()
        page.get_by_role("link", name="Français").click()
        page.get_by_role("link", name="Fin du contrat").click()
        page.get_by_role("link", name="Quel préavis dois-je faire").click()
        page.get_by_role("link", name="English").click()
        expect(page.locator("h1")).to_have_text("What notice do I give when I resign?")
        page.get_by_role("link", name="End of the contract").click()
        expect(page.locator("h1")).to_have_text("End of the contract")
        page.get_by_role("link", name="Privacy").click()
        expect(page.locator("h1")).to_have_text("Your personal data")
