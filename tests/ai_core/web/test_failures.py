"""What goes wrong, and hostile text."""

import pytest
from fastapi import FastAPI
from fastapi.responses import Response
from playwright.sync_api import (
    Browser,
    expect,
)

from tests.ai_core.web.scripted_page import (
    CITATIONS,
    Visitor,
    asks,
    assert_accessible,
    event,
    problem,
    stream,
    visiting,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


def test_a_refusal_says_why_and_waits_as_long_as_it_is_asked_to(visitor: Visitor) -> None:
    refusal = problem(
        429, "over_quota", "Le quota de cette clé est épuisé.", **{"Retry-After": "1"}
    )
    visitor.service.replies = [refusal]
    visitor.ask()
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Le quota de cette clé est épuisé.")
    expect(alert).to_contain_text("Identifiant de la requête : r1")
    again = alert.get_by_role("button", name="Réessayer")
    expect(again).to_have_attribute("aria-disabled", "true")
    assert_accessible(visitor.page)
    expect(again).to_have_text("Réessayer")
    again.click()
    visitor.answered()
    expect(alert).to_be_hidden()
    assert len(visitor.service.asked) == 2


def test_a_failure_after_the_first_words_keeps_them_and_says_so(visitor: Visitor) -> None:
    document = {"status": 503, "code": "unavailable", "detail": "Panne.", "request_id": "r2"}
    cut = stream()[:6]
    visitor.service.replies = [[*cut, event(document, "error")], cut]
    visitor.ask()
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Panne.")
    expect(visitor.page.locator(".prose")).to_contain_text("Le congé dépend")
    visitor.ask("Encore ?")
    expect(visitor.page.locator(".turn").last.get_by_role("alert")).to_contain_text(
        "La connexion s’est coupée avant la fin de la réponse."
    )


def test_offline_and_an_error_without_a_document_are_shown_in_french(visitor: Visitor) -> None:
    visitor.service.replies = [Response("<h1>Bad gateway</h1>", 502)]
    visitor.ask()
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Le service a répondu par l’erreur 502.")
    visitor.page.context.set_offline(True)
    visitor.page.get_by_role("button", name="Réessayer").click()
    expect(alert).to_contain_text("Votre appareil est hors ligne.")
    visitor.page.context.set_offline(False)
    visitor.page.get_by_role("button", name="Réessayer").click()
    visitor.answered()


def test_without_a_key_the_page_asks_for_one_and_keeps_it_in_memory(
    browser: Browser, keyless: tuple[FastAPI, str]
) -> None:
    app, address = keyless
    service = app.state.service
    with visiting(browser, address, service) as visitor:
        field = visitor.page.get_by_label("Clé d’accès")
        expect(field).to_be_visible()
        assert_accessible(visitor.page)
        field.fill("a-key-of-mine")
        field.press("Enter")
        expect(field).to_be_hidden()
        visitor.ask()
        visitor.answered()
        assert service.keys == ["a-key-of-mine"]
        service.replies = [problem(401, "not_authenticated", "Clé inconnue.")]
        visitor.ask()
        expect(field).to_be_focused()
        expect(field).to_be_in_viewport()


HOSTILE = (
    "<img src=x onerror=document.title='pris'><script>document.title='pris'</script>"
    "<a href=javascript:document.title='pris'>ici</a> [javascript:1](javascript:1)"
)


def test_markup_in_a_question_an_answer_and_the_law_stays_text(visitor: Visitor) -> None:
    wicked = "javascript:void(document.title='pris')"
    citation = CITATIONS[0] | {"title": HOSTILE, "quote": HOSTILE, "url": wicked}
    fiche = CITATIONS[1] | {"title": HOSTILE, "quote": HOSTILE, "url": wicked}
    abstained = {"reason": "no_source", "contact": {"name": HOSTILE, "url": wicked}}
    visitor.service.replies = [
        stream(f"{HOSTILE} [1]\n\n> {HOSTILE}\n\n- {HOSTILE}", [citation, fiche],
               notice=f"a {HOSTILE}", clarification=asks(f"b {HOSTILE}"), abstained=abstained)
    ]  # fmt: skip
    visitor.service.article |= {"text": HOSTILE, "nota": HOSTILE, "url": wicked,
                                "section_path": [HOSTILE]}  # fmt: skip
    page = visitor.page
    visitor.ask(HOSTILE)
    visitor.answered()
    visitor.open_sources()
    page.get_by_role("button", name="Article L9142-1").click()
    expect(page.locator(".law")).to_contain_text("<script>")
    assert page.title() == "Code du Travail Neo"
    assert page.locator("main img, dialog img, main script, dialog script").count() == 0
    addresses = page.eval_on_selector_all("a[href]", "links => links.map(a => a.protocol)")
    assert set(addresses) <= {"http:", "https:"}
    assert HOSTILE in page.locator(".prose").inner_text()


def test_the_policy_stops_a_script_that_would_get_in(visitor: Visitor) -> None:
    wrote = visitor.page.evaluate(
        """() => {
            try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); return true; }
            catch { return false; }
        }"""
    )
    assert wrote is False
    visitor.faults.clear()
