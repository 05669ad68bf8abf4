"""What the page asks back, and the facts a person sets."""

import pytest
from playwright.sync_api import (
    expect,
)

from tests.ai_core.web.scripted_page import (
    HELP_URL,
    NOTICE,
    Visitor,
    asks,
    assert_accessible,
    stream,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


def test_a_choice_and_a_suggestion_are_asked_by_their_buttons(visitor: Visitor) -> None:
    asked = asks("Quelle convention ?") | {"choices": ["IDCC 1486 : Syntec", "IDCC 16"]}
    following = ["Et pour un cadre ?"]
    visitor.service.replies = [stream(clarification=asked, suggestions=following), stream()]
    visitor.ask()
    visitor.answered()
    page = visitor.page
    turn = page.locator(".turn").first
    expect(turn.locator(".precision")).to_contain_text("Quelle convention")
    expect(turn.get_by_role("button", name="Quelle convention")).to_have_count(0)
    assert_accessible(page)
    turn.get_by_role("button", name="IDCC 1486").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_count(2)
    visitor.answered()
    expect(turn.locator(".precision")).to_contain_text("Votre réponse\xa0: IDCC 1486\xa0: Syntec")
    expect(turn.get_by_role("button", name="IDCC 16", exact=True)).to_have_count(0)
    turn.locator("summary", has_text="Vous pouvez aussi demander").click()
    turn.get_by_role("button", name="Et pour un cadre").click()
    expect(page.locator(".turn")).to_have_count(3)
    visitor.answered()
    sent = [request["messages"][0]["content"] for request in visitor.service.asked]
    assert sent[1:] == ["IDCC 1486 : Syntec", "Et pour un cadre ?"]
    assert visitor.service.asked[1]["conversation_id"] == "conversation-1"
    expect(page.locator(".turn").last.locator(".next, .precision").first).to_be_hidden()


def test_a_refusal_says_once_why_and_who_can_help(visitor: Visitor) -> None:
    help_from = {"name": "Services de renseignement", "url": HELP_URL}
    abstained = {"reason": "out_of_scope", "contact": help_from}
    said = "Cette question ne porte pas sur le droit du travail."
    section = {"kind": "help", "title": "Qui peut vous aider", "citations": []}
    section |= {"text": f"Services de renseignement — {HELP_URL}"}
    whole = f"{said}\n\n**{section['title']}**\n\n{section['text']}\n\n{NOTICE}"
    visitor.service.replies = [
        stream(whole, [], abstained=abstained, summary=said, sections=[section]),
        stream(said, [], abstained=abstained, summary=said),
    ]
    visitor.ask("Une recette de tarte ?")
    visitor.answered()
    told = visitor.turn.inner_text()
    assert (told.count("droit du travail"), told.count("Services de renseignement")) == (1, 1)
    person = visitor.turn.locator(".part.help").get_by_role("link")
    assert person.get_attribute("href") == HELP_URL
    assert_accessible(visitor.page)
    visitor.ask("Et une tarte aux pommes ?")
    visitor.answered()
    referral = visitor.turn.get_by_role("complementary", name="À qui s’adresser")
    expect(referral.get_by_role("link", name="Services de renseignement")).to_be_visible()


def test_an_open_question_is_answered_in_a_field_of_its_own(visitor: Visitor) -> None:
    asked = asks("Depuis quand y travaillez-vous ?")
    visitor.service.replies = [stream(clarification=asked), stream(clarification=asked)]
    visitor.ask()
    visitor.answered()
    visitor.turn.get_by_label("Depuis quand y travaillez-vous").fill("trois ans")
    assert_accessible(visitor.page)
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator(".turn")).to_have_count(2)
    visitor.answered()
    visitor.turn.get_by_role("button", name="Je ne sais pas").click()
    expect(visitor.page.locator(".turn")).to_have_count(3)
    visitor.answered()
    sent = [request["messages"][-1]["content"] for request in visitor.service.asked]
    assert sent[1:] == ["trois ans", "Je ne sais pas"]
    first = visitor.page.locator(".turn").first
    expect(first.locator(".precision")).to_contain_text("Votre réponse\xa0: trois ans")


def test_an_agreement_is_picked_by_keyboard_from_what_it_is_called(visitor: Visitor) -> None:
    asked = asks("Quelle est votre convention collective ?") | {"fact": "agreement"}
    visitor.service.replies = [stream(clarification=asked)]
    visitor.ask()
    visitor.answered()
    page = visitor.page
    box = visitor.turn.get_by_role("combobox", name="Convention collective")
    box.focus()
    page.keyboard.type("horlo")
    expect(box).to_have_attribute("aria-expanded", "true")
    options = visitor.turn.get_by_role("option")
    expect(options).to_have_count(2)
    expect(page.get_by_role("status")).to_have_text("2 conventions trouvées.")
    assert_accessible(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.last).to_have_attribute("aria-selected", "true")
    active = box.get_attribute("aria-activedescendant")
    assert options.last.get_attribute("id") == active
    page.keyboard.press("Escape")
    expect(options.first).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(options.first).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(box).to_have_value("Horlogerie de gare (IDCC 9002)")
    page.keyboard.press("Enter")
    expect(page.locator(".turn")).to_have_count(2)
    visitor.answered()
    sent = visitor.service.asked[1]["messages"][-1]["content"]
    assert sent == "Horlogerie de gare (IDCC 9002)"


def test_the_facts_a_person_sets_go_with_each_question_until_they_are_erased(
    visitor: Visitor,
) -> None:
    page = visitor.page
    page.get_by_role("button", name="Préciser votre situation").click()
    dialog = page.get_by_role("dialog", name="Votre situation")
    dialog.get_by_label("Vous êtes").select_option("Salarié ou salariée")
    dialog.get_by_label("Catégorie professionnelle").select_option("Cadre")
    dialog.get_by_label("Années").fill("3")
    dialog.get_by_label("Mois").fill("6")
    dialog.get_by_role("combobox", name="Convention collective").fill("vitrail")
    assert_accessible(page)
    dialog.get_by_role("button", name="Enregistrer").click()
    expect(dialog).to_be_hidden()
    situation = page.locator("#situation")
    expect(situation).to_have_text(
        "Votre situation\xa0: Salarié ou salariée, Vitrail, Cadre, 3\xa0ans 6\xa0mois"
    )
    page.locator("#question").focus()
    visitor.ask()
    visitor.answered()
    assert visitor.service.asked[0]["profile"] == {
        "role": "employee",
        "category": "cadre",
        "seniority_months": 42,
        "agreement": {"idcc": "9003"},
    }
    situation.click()
    dialog.get_by_role("button", name="Tout effacer").click()
    expect(situation).to_have_text("Préciser votre situation")
    page.locator("#question").focus()
    visitor.ask("Et ensuite ?")
    expect(page.locator(".turn")).to_have_count(2)
    visitor.answered()
    assert "profile" not in visitor.service.asked[1]


def test_a_fact_corrected_against_what_was_said_begins_a_new_conversation(
    visitor: Visitor,
) -> None:
    told = {"category": "cadre", "seniority_months": 12, "agreement": None, "events": []}
    visitor.service.replies = [stream(profile=told)]
    visitor.ask("Je suis cadre depuis un an : quel préavis ?")
    visitor.answered()
    page = visitor.page
    situation = page.locator("#situation")
    expect(situation).to_have_text("Votre situation\xa0: Cadre, 1\xa0an")
    situation.click()
    dialog = page.get_by_role("dialog", name="Votre situation")
    dialog.get_by_label("Catégorie professionnelle").select_option("Ouvrier")
    dialog.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_role("status")).to_contain_text("ouvre une nouvelle conversation")
    assert [name for name, _ in visitor.service.erased] == ["conversation-1"]
    page.locator("#question").focus()
    visitor.ask("Et maintenant ?")
    expect(page.locator(".turn")).to_have_count(2)
    visitor.answered()
    sent = visitor.service.asked[1]
    assert "conversation_id" not in sent
    assert [message["role"] for message in sent["messages"]] == ["user"]
    assert sent["profile"] == {"category": "ouvrier", "seniority_months": 12}
