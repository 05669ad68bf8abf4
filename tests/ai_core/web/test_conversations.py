"""The running conversation, and the history of those before."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    Dialog,
    Locator,
    expect,
)

from tests.ai_core.web.scripted_page import (
    QUOTE,
    ScriptedService,
    Visitor,
    asks,
    assert_accessible,
    problem,
    stream,
    visiting,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


def test_a_second_question_continues_the_conversation_until_a_fresh_start(
    visitor: Visitor,
) -> None:
    visitor.ask()
    visitor.answered()
    visitor.ask("Et pour un Pacs ?")
    expect(visitor.page.locator(".turn")).to_have_count(2)
    visitor.answered()
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.locator(".turn")).to_have_count(0)
    expect(visitor.page.get_by_role("textbox", name="Votre question")).to_be_focused()
    visitor.ask("Autre chose ?")
    visitor.answered()
    told = [asked.get("conversation_id") for asked in visitor.service.asked]
    assert told == [None, "conversation-1", None]


def test_a_fresh_start_erases_the_conversation_at_the_service_and_says_so(
    visitor: Visitor,
) -> None:
    visitor.ask()
    visitor.answered()
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("précédente est effacée")
    assert [name for name, _ in visitor.service.erased] == ["conversation-1"]
    assert visitor.service.erased[0][1] == visitor.service.keys[0]
    visitor.service.erasing_fails = True
    visitor.ask("Autre chose ?")
    visitor.answered()
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.get_by_role("status")).to_contain_text("n’a pas pu être effacée")


def test_a_reload_shows_the_running_conversation_and_goes_on_with_it(visitor: Visitor) -> None:
    asked = asks("Quel âge ?") | {"choices": ["Vingt ans", "Trente ans"]}
    visitor.service.replies = [stream(clarification=asked), stream(clarification=asked)]
    visitor.ask("Première ?")
    visitor.answered()
    visitor.turn.get_by_role("button", name="Vingt ans").click()
    expect(visitor.page.locator(".turn")).to_have_count(2)
    visitor.answered()
    visitor.page.reload()
    visitor.page.wait_for_selector("html[data-ready]")
    first, second = visitor.page.locator(".turn").all()
    expect(first.locator("h2")).to_contain_text("Première ?")
    expect(first.locator(".precision")).to_contain_text("Votre réponse\xa0: Vingt ans")
    expect(second.locator(".prose li")).to_have_count(2)
    expect(second.locator("summary", has_text="Sources (2)")).to_be_visible()
    assert_accessible(visitor.page)
    second.get_by_role("button", name="Trente ans").click()
    expect(visitor.page.locator(".turn")).to_have_count(3)
    visitor.answered()
    assert visitor.service.asked[2]["conversation_id"] == "conversation-1"
    visitor.page.get_by_role("button", name="Nouvelle question").click()
    expect(visitor.page.locator(".turn")).to_have_count(0)
    assert visitor.page.evaluate("sessionStorage.getItem('conversation')") is None


def test_a_reload_while_an_answer_is_written_offers_to_ask_again(visitor: Visitor) -> None:
    visitor.service.replies = [[*stream()[:6], "wait"]]
    visitor.ask("Coupée ?")
    expect(visitor.turn.locator(".prose")).to_contain_text("Le congé dépend")
    visitor.page.reload()
    visitor.page.wait_for_selector("html[data-ready]")
    expect(visitor.turn.get_by_role("alert")).to_contain_text("s’est coupée")
    visitor.turn.get_by_role("button", name="Réessayer").click()
    visitor.answered()
    assert [one["messages"][-1]["content"] for one in visitor.service.asked] == ["Coupée ?"] * 2


def test_a_question_that_is_edited_replaces_what_came_after_it(visitor: Visitor) -> None:
    for question in ("Première ?", "Deuxième ?", "Troisième ?"):
        visitor.page.locator("#question").focus()
        visitor.ask(question)
        expect(visitor.turn.locator("h2")).to_contain_text(question.replace(" ?", "\xa0?"))
        visitor.answered()
    second = visitor.page.locator(".turn").nth(1)
    second.get_by_role("button", name="Modifier la question").click()
    box = visitor.page.get_by_role("textbox", name="Votre question")
    expect(box).to_have_value("Deuxième ?")
    expect(box).to_be_focused()
    expect(visitor.page.locator("#editing")).to_be_visible()
    assert_accessible(visitor.page)
    box.fill("Deuxième, mieux dite ?")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator(".turn")).to_have_count(2)
    visitor.answered()
    sent = visitor.service.asked[3]
    assert "conversation_id" not in sent
    assert [one["content"] for one in sent["messages"] if one["role"] == "user"] == [
        "Première ?",
        "Deuxième, mieux dite ?",
    ]
    assert [name for name, _ in visitor.service.erased] == ["conversation-1"]


def test_a_conversation_that_the_service_forgot_is_told_again(visitor: Visitor) -> None:
    visitor.ask("Première ?")
    visitor.answered()
    visitor.service.replies = [problem(404, "unknown_conversation", "Conversation inconnue.")]
    visitor.ask("Deuxième ?")
    expect(visitor.page.locator(".turn")).to_have_count(2)
    visitor.answered()
    roles = [message["role"] for message in visitor.service.asked[2]["messages"]]
    assert roles == ["user", "assistant", "user"]
    expect(visitor.turn.get_by_role("alert")).to_be_hidden()


def test_a_link_shares_the_question_alone_and_none_that_holds_personal_data(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> None:
    service.replies = [stream(), stream(masked={"phone": 1}, masked_notice="Masqué : 1.")]
    permissions = ["clipboard-read", "clipboard-write"]
    with visiting(browser, served[1], service, permissions=permissions) as visitor:
        page = visitor.page
        visitor.ask("Puis-je & dois-je partir ?")
        visitor.answered()
        visitor.turn.get_by_role("button", name="Partager").click()
        expect(page.get_by_role("status")).to_contain_text("Lien copié")
        link = page.evaluate("navigator.clipboard.readText()")
        page.locator("#question").focus()
        visitor.ask("Mon numéro : 06 12 34 56 78")
        expect(page.locator(".turn")).to_have_count(2)
        visitor.answered()
        visitor.turn.get_by_role("button", name="Partager").click()
        expect(visitor.turn.locator(".note")).to_contain_text("ne peut pas être partagée")
        assert page.evaluate("navigator.clipboard.readText()") == link
        assert_accessible(page)
    assert link.startswith(f"{served[1]}/#question=")
    with visiting(browser, served[1], service, path=link.removeprefix(served[1])) as visitor:
        box = visitor.page.get_by_role("textbox", name="Votre question")
        expect(box).to_have_value("Puis-je & dois-je partir ?")
        assert "#" not in visitor.page.url
        assert len(service.asked) == 2  # it is sent by the person, not by the link
        visitor.page.keyboard.press("Enter")
        visitor.answered()


def two_conversations_kept(visitor: Visitor) -> Locator:
    """Talk, choose the history, talk again; return its dialog, open."""
    page = visitor.page
    history = page.get_by_role("dialog", name="Historique")
    visitor.ask("Avant le choix ?")
    visitor.answered()
    page.get_by_role("button", name="Historique").click()
    expect(history.get_by_role("checkbox")).not_to_be_checked()
    assert page.evaluate("localStorage.length") == 0
    history.get_by_role("checkbox").check()
    expect(history.locator(".conversation")).to_have_count(1)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Nouvelle question").click()
    expect(page.locator(".turn")).to_have_count(0)
    visitor.ask("Une éclipse au bureau ?")
    visitor.answered()
    page.get_by_role("button", name="Historique").click()
    expect(history.locator(".conversation")).to_have_count(2)
    return history


def test_the_history_is_searched_renamed_exported_and_opened(visitor: Visitor) -> None:
    page = visitor.page
    history = two_conversations_kept(visitor)
    assert_accessible(page)
    history.get_by_label("Chercher").fill("eclipse")
    expect(history.locator(".conversation")).to_have_count(1)
    history.get_by_role("button", name="Renommer : Une éclipse").click()
    history.get_by_label("Nouveau nom").fill("Le zénith")
    page.keyboard.press("Enter")
    history.get_by_label("Chercher").fill("zenith")
    expect(history.locator(".conversation")).to_contain_text("Le zénith")
    with page.expect_download() as saved:
        history.get_by_role("button", name="Exporter : Le zénith").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert text.startswith("# Le zénith\n\n20")
    assert QUOTE in text
    assert "Avant le choix" not in text
    history.get_by_label("Chercher").fill("avant")
    history.locator(".opener").click()
    expect(history).to_be_hidden()
    expect(visitor.turn.locator("h2")).to_contain_text("Avant le choix")
    visitor.keeps_history = True


def test_the_history_is_erased_one_by_one_or_whole(visitor: Visitor) -> None:
    page = visitor.page
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    history = two_conversations_kept(visitor)
    history.get_by_role("button", name="Effacer : Avant").click()
    expect(history.locator(".conversation")).to_have_count(1)
    assert asked == ["Effacer « Avant le choix ? » ?"]
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("button", name="Historique").click()
    expect(history.locator(".conversation")).to_contain_text("Une éclipse au bureau")
    history.get_by_role("checkbox").uncheck()
    expect(history.locator(".conversation")).to_have_count(0)
    assert asked[1:] == ["Effacer tout l’historique de ce navigateur ?"]
    assert page.evaluate("localStorage.length") == 0
