"""An operator's morning in a real Chromium: a bad answer of yesterday, an entry, a revoked key."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import cast

import pytest
from playwright.sync_api import Browser, Page, expect

from ai_core.access.keys import Scope
from ai_core.console.roles import Role
from ai_core.records.events import AnswerEvent, AskedQuestion
from shared.languages import LANGUAGES
from tests.ai_core.conftest import SampleLibrary
from tests.ai_core.console.conftest import RunningDesk
from tests.ai_core.console.test_desk_in_chromium import chromium, opened, sign_in, wrong_on
from tests.ai_core.console.test_knowledge import ENTRY, QUESTION, emptied, form_of
from tests.knowledge.invented import LAW

__all__ = ["chromium"]

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow(10)]


@pytest.fixture(autouse=True)
def yesterday(desk: RunningDesk) -> Iterator[None]:
    """Have a question of yesterday refused, and the law say what the entry quotes."""
    library = cast(SampleLibrary, desk.state["library"])
    before, library.wordings_of = library.wordings_of, dict(LAW)
    event = AnswerEvent(
        at=desk.desk.clock.now() - timedelta(days=1),
        answer_id="of-yesterday",
        channel="page",
        language="fr",
        outcome="refused",
        model="extractive",
        cached=False,
        latency_ms=5,
        reason="no_source",
    )
    desk.loop.call_soon_threadsafe(
        desk.state["event_writer"].put, event, AskedQuestion(QUESTION, None)
    )
    desk.call(desk.state["event_writer"].written())
    yield
    desk.call(emptied(desk))
    library.wordings_of = before


def write_entry(page: Page) -> None:
    """Fill in the form that the question opened."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Rédiger une réponse")
    assert page.locator("#question_fr").input_value() == QUESTION
    fields = form_of(ENTRY)
    for name, value in fields.items():
        field = page.locator(f"[id='{name}']")
        if name not in {"base", "category"} and field.count():
            field.fill(value)
    page.locator("#category").select_option(fields["category"])


def test_a_bad_answer_of_yesterday_is_mended_a_key_revoked_and_all_is_in_the_audit_log(
    chromium: Browser, desk: RunningDesk
) -> None:
    made = desk.call(desk.desk.ring.create("Clé perdue", Scope.INFERENCE))
    with opened(chromium, desk) as page:
        name = sign_in(page, desk, Role.OWNER)
        page.goto("/console")
        wrong = wrong_on(page)
        page.get_by_role("navigation").get_by_role("link", name="Questions à améliorer").click()
        page.get_by_role("link", name=QUESTION).click()
        wrong += wrong_on(page)
        page.get_by_role("link", name="En faire une réponse rédigée").click()
        write_entry(page)
        page.get_by_role("button", name="Enregistrer le brouillon").click()
        page.get_by_role("button", name="Reposer la question").click()
        now, after = page.locator(".reply").nth(0), page.locator(".reply").nth(1)
        expect(after).to_contain_text("Deux mois, que vous soyez cadre")
        expect(now).not_to_contain_text("Deux mois, que vous soyez cadre")
        wrong += wrong_on(page)
        page.get_by_role("link", name="Ouvrir « resigning »").click()
        for language in LANGUAGES:
            expect(page.locator(f"article[lang={language}]")).to_be_visible()
        wrong += wrong_on(page)
        page.get_by_role("button", name="Publier la version 1").click()
        expect(page.get_by_role("status")).to_contain_text("elle répond dès maintenant")
        page.goto("/console/questions/of-yesterday")
        page.get_by_role("button", name="Reposer la question").click()
        expect(page.locator(".reply").nth(0)).to_contain_text("Deux mois, que vous soyez cadre")
        page.goto(f"/console/keys/{made.key.id}")
        page.get_by_text("Révoquer…").click()
        page.get_by_role("button", name="Révoquer définitivement").click()
        expect_done(page, name, ("Clé révoquée", "Réponse publiée", "Brouillon enregistré"))
        assert not wrong


def expect_done(page: Page, name: str, done: Sequence[str]) -> None:
    """Find what an account did in the audit log, the latest first."""
    page.goto("/console/audit")
    rows = page.locator("tbody tr").filter(has_text=name)
    for n, did in enumerate(done):
        expect(rows.nth(n)).to_contain_text(did)
