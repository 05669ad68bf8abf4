"""Languages, keyboard, screen reader, small screens, dark, paper."""

from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    expect,
)

from tests.ai_core.web.scripted_page import (
    ARTICLE_URL,
    QUOTE,
    ScriptedService,
    Visitor,
    assert_accessible,
    visiting,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


@pytest.mark.parametrize(
    ("locale", "language", "lead", "cited", "day"),
    [
        ("en-GB", "en", "Ask in your own words.", "2 sources quoted", "1 November 2026"),
        ("th-TH", "th", "ถามด้วยถ้อยคำของคุณ", "อ้างอิง 2 แหล่ง", "1 พฤศจิกายน ค.ศ. 2026"),
        ("zh-CN", "zh", "用您自己的话提问", "引用2个来源", "2026年11月1日"),
    ],
)
def test_the_page_speaks_the_language_of_the_browser(
    browser: Browser,
    served: tuple[FastAPI, str],
    service: ScriptedService,
    locale: str,
    language: str,
    lead: str,
    cited: str,
    day: str,
) -> None:
    with visiting(browser, served[1], service, locale=locale) as visitor:
        page = visitor.page
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator(".lead")).to_contain_text(lead)
        french = ["Votre question", "Demander", "Par exemple", "Aucun cookie", "Calculer"]
        shown = page.locator("body").inner_text()
        assert [words for words in french if words in shown] == []
        visitor.ask()
        visitor.answered()
        expect(page.locator("#status")).to_contain_text(cited)
        expect(page.locator(".turn .facts")).to_contain_text(day)
        assert service.languages == [language]
        page.locator("#languages a[hreflang=fr]").click()
        expect(page.locator(".lead")).to_contain_text("Posez votre question")
        expect(page.locator(".masthead nav a")).to_have_attribute("href", "/calculs?langue=fr")


def test_the_page_says_how_recent_the_law_is(visitor: Visitor) -> None:
    told = visitor.page.locator("#corpus").inner_text().replace("\u202f", " ").replace("\xa0", " ")
    assert told == "Textes à jour au 1er novembre 2026 : 11 214 articles, 310 fiches."


def test_the_page_reads_well_to_a_screen_reader(visitor: Visitor) -> None:
    tree = visitor.page.locator("body").aria_snapshot()
    for line in (
        "- banner:",
        "- main:",
        "- contentinfo:",
        '- heading "Code du Travail Neo" [level=1]',
        '- textbox "Votre question"',
        '- button "Demander"',
        '- heading "Par exemple" [level=2]',
        "- status",
    ):
        assert line in tree
    assert_accessible(visitor.page)


def test_an_example_is_asked_where_it_stands(visitor: Visitor) -> None:
    page = visitor.page
    address = page.url
    page.get_by_role("link", name="Que dit l’article L3121-27 ?").click()
    visitor.answered()
    assert page.url == address
    expect(page.locator("#examples")).to_be_hidden()


def test_the_focus_goes_in_reading_order_and_after_an_answer_to_its_sources(
    visitor: Visitor,
) -> None:
    page = visitor.page
    focused = "document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
    expect(page.get_by_role("textbox", name="Votre question")).to_be_focused()
    skip = page.get_by_role("link", name="Aller à la question")
    skip.focus()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    visitor.ask()
    visitor.answered()
    page.keyboard.press("Tab")
    summary = visitor.turn.locator("summary", has_text="Sources (2)")
    expect(summary).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    names = []
    for _ in range(8):
        page.keyboard.press("Tab")
        names.append(page.evaluate(focused))
    assert names == [
        "Article L9142-1",
        "Voir sur Légifrance\xa0: Article L9142-1 (nouvel onglet)",
        "Les congés pour événements familiaux",
        "Lire la fiche complète\xa0: Les congés pour événements familiaux (nouvel onglet)",
        "Copier",
        "Imprimer",
        "Partager",
        "Modifier la question",
    ]
    page.locator("#question").focus()  # the second time, Tab leaves the box as anywhere
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Demander")).to_be_focused()


def test_nothing_is_cut_off_at_200_percent(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> None:
    zoomed = {"width": 640, "height": 400}  # 1280 × 800 at 200 %
    with visiting(browser, served[1], service, viewport=zoomed) as visitor:
        visitor.ask()
        visitor.answered()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == 640
        fresh = visitor.page.get_by_role("button", name="Nouvelle question")
        visitor.turn.locator(".facts").scroll_into_view_if_needed()
        fresh.click()
        expect(visitor.page.locator(".turn")).to_have_count(0)


def test_a_new_question_stays_in_reach_however_far_one_has_read(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> None:
    with visiting(browser, served[1], service, viewport={"width": 360, "height": 740}) as visitor:
        for _ in range(3):
            visitor.page.locator("#question").focus()
            visitor.ask()
            visitor.answered()
        expect(visitor.page.locator(".turn")).to_have_count(3)
        visitor.page.mouse.wheel(0, 400)
        fresh = visitor.page.get_by_role("button", name="Nouvelle question")
        expect(fresh).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_small_screen_in_the_light_and_in_the_dark(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str], scheme: str
) -> None:
    small = {"width": 320, "height": 640}
    context: dict[str, Any] = {
        "viewport": small,
        "color_scheme": scheme,
        "reduced_motion": "reduce",
    }
    with visiting(browser, served[1], service, **context) as visitor:
        page = visitor.page
        width = "document.documentElement.scrollWidth"
        assert page.evaluate(width) == 320
        visitor.ask()
        visitor.answered()
        assert page.evaluate(width) == 320
        assert_accessible(page)
        visitor.open_sources()
        page.get_by_role("button", name="Article L9142-1").click()
        expect(page.locator(".law")).to_contain_text(QUOTE)
        assert page.evaluate(width) == 320
        assert_accessible(page)


def test_the_printed_answer_shows_its_sources_and_their_addresses(visitor: Visitor) -> None:
    visitor.ask()
    visitor.answered()
    page = visitor.page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator(".card")).to_have_count(2)
    printed = page.evaluate(
        "getComputedStyle(document.querySelector('.foot a'), '::after').content"
    )
    assert ARTICLE_URL in printed
