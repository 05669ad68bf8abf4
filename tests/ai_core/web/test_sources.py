"""The panel of sources, and the dialog that opens one in place."""

import pytest
from playwright.sync_api import (
    expect,
)

from tests.ai_core.web.scripted_page import (
    ARTICLE,
    ARTICLE_URL,
    CITATIONS,
    FICHE_URL,
    QUOTE,
    SECTION_PATH,
    WHOLE,
    Visitor,
    assert_accessible,
    stream,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


def test_a_card_opens_the_whole_article_and_gives_the_focus_back(visitor: Visitor) -> None:
    visitor.ask()
    visitor.answered()
    page = visitor.page
    visitor.open_sources()
    opener = page.get_by_role("button", name="Article L9142-1")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Article L9142-1")
    expect(dialog.locator(".law")).to_contain_text(QUOTE)
    expect(dialog.get_by_role("cell", name="Mariage")).to_be_visible()
    assert dialog.get_by_role("list", name="Place dans le code").get_by_role(
        "listitem"
    ).all_inner_texts() == [title.replace(" :", "\xa0:") for title in SECTION_PATH]
    expect(dialog).to_contain_text("En vigueur depuis le 10 août 2016")
    expect(dialog).to_contain_text("Texte écrit pour les essais.")
    law = dialog.get_by_role("link", name="Voir sur Légifrance (nouvel onglet)")
    assert law.get_attribute("href") == ARTICLE_URL
    fiche = dialog.get_by_role("link", name="Les congés pour événements familiaux")
    assert fiche.get_attribute("href") == FICHE_URL
    expect(dialog.get_by_role("heading", level=2)).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_an_article_that_cannot_be_read_says_why(visitor: Visitor) -> None:
    visitor.service.article["id"] = "LEGIARTI900000000002"
    visitor.ask()
    visitor.answered()
    visitor.open_sources()
    visitor.page.get_by_role("button", name="Article L9142-1").click()
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_role("alert")).to_contain_text("Aucun article ne porte ce numéro.")
    visitor.service.article["id"] = ARTICLE["id"]
    dialog.get_by_role("button", name="Réessayer").click()
    expect(dialog.locator(".law")).to_contain_text(QUOTE)


def test_markers_and_addresses_link_only_to_real_sources(visitor: Visitor) -> None:
    visitor.ask()
    visitor.answered()
    prose = visitor.page.locator(".prose")
    assert [link.get_attribute("href") for link in prose.get_by_role("link").all()] == [
        "#source-1-1",
        "#source-1-2",
        ARTICLE_URL,
    ]
    assert "[9]" in prose.inner_text()
    assert FICHE_URL not in prose.inner_text()
    assert "https://ailleurs.example/piege" in prose.inner_text()
    prose.get_by_role("link", name="Source 2").click()
    card = visitor.page.get_by_role("listitem", name="Source 2")
    expect(card).to_be_focused()
    expect(visitor.turn.locator(".sources")).to_have_attribute("open", "")
    fiche = card.get_by_role("link", name="Lire la fiche complète")
    assert fiche.get_attribute("href") == FICHE_URL


def test_a_fiche_and_a_clause_open_in_place_like_an_article(visitor: Visitor) -> None:
    clause = CITATIONS[0] | {
        "kind": "agreement", "id": "KALIARTI9", "number": "IDCC 9001 art. 4.2",
        "title": "Horlogerie du dimanche", "in_force_since": None,
    }  # fmt: skip
    visitor.service.replies = [stream(citations=[CITATIONS[1], clause])]
    visitor.ask()
    visitor.answered()
    visitor.open_sources()
    for name in ("Les congés pour événements familiaux", "Horlogerie du dimanche"):
        visitor.turn.get_by_role("button", name=name).click()
        dialog = visitor.page.get_by_role("dialog", name=name)
        expect(dialog.locator(".law")).to_have_text(WHOLE)
        expect(dialog).to_contain_text("Mis à jour le 3 février 2026")
        assert_accessible(visitor.page)
        visitor.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
    assert visitor.service.sources_read == [("fiche-1", None), ("KALIARTI9", "9001")]
