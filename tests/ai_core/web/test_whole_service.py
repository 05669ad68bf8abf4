"""The pages before the real service over the sample corpus."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    expect,
)

from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from tests.ai_core.conftest import SampleLibrary
from tests.ai_core.web.scripted_page import (
    assert_accessible,
    publishable_key,
    serving,
    visiting,
)
from tests.knowledge.invented import LAW, RESIGNING, put_entries

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


def test_the_real_service_answers_in_the_page(browser: Browser, whole_service: str) -> None:
    with visiting(browser, whole_service) as visitor:
        page = visitor.page
        expect(page.locator("#corpus")).to_contain_text("Textes à jour au")
        visitor.ask("Quelle est la durée du préavis en cas de démission ?")
        visitor.answered()
        visitor.open_sources()
        page.get_by_role("button", name="Article L1237-1").first.click()
        dialog = page.get_by_role("dialog", name="Article L1237-1")
        expect(dialog.locator(".law")).to_contain_text("En cas de démission")
        law = dialog.get_by_role("link", name="Voir sur Légifrance")
        address = law.get_attribute("href") or ""
        assert address.startswith("https://www.legifrance.gouv.fr/codes/article_lc/LEGIARTI")
        page.keyboard.press("Escape")
        page.get_by_role("textbox", name="Votre question").focus()
        visitor.ask("Que dit l'article L3121-27 ?")
        expect(page.locator(".turn")).to_have_count(2)
        visitor.answered()
        answer = page.locator(".turn").last
        expect(answer.locator(".prose").first).to_contain_text("trente-cinq heures")
        visitor.open_sources()
        expect(answer.get_by_role("button", name="Article L3121-27")).to_be_visible()
        expect(answer.locator(".facts")).to_contain_text("intelligence artificielle")
        assert_accessible(page)


CALL = """async ([service, key, path, body]) => {
  const answer = {};
  try {
    const reply = await fetch(service + path, {
      method: body ? "POST" : "GET",
      headers: {
        Authorization: `Bearer ${key}`, "X-Deadline-Ms": "60000",
        ...(body ? { "Content-Type": "application/json" } : {}),
      },
      body: body ? JSON.stringify(body) : undefined,
    });
    answer.status = reply.status;
    answer.request_id = reply.headers.get("x-request-id");
    answer.wait = reply.headers.get("retry-after");
    answer.text = await reply.text();
  } catch (error) {
    answer.failed = String(error);
  }
  return answer;
}"""


def test_a_script_of_an_allowed_origin_reads_replies_streams_and_errors_and_no_other_does(
    browser: Browser, redis: RedisServer, whole_service: str
) -> None:
    site = FastAPI()
    site.get("/")(lambda: "a page of another origin")
    question = {"messages": [{"role": "user", "content": "Quelle est la durée du préavis ?"}]}
    with serving(site) as ours, serving(site) as theirs, ThreadPoolExecutor(1) as thread:
        clock = StoppedClock(datetime(2026, 11, 20, 12, tzinfo=UTC))
        making = thread.submit(asyncio.run, publishable_key(redis.url, clock, ours))
        key = making.result(timeout=10)

        def call(origin: str, path: str, body: object = None, key: str = key) -> dict[str, Any]:
            page = browser.new_page()
            page.goto(origin)
            found: dict[str, Any] = page.evaluate(CALL, [whole_service, key, path, body])
            page.close()
            return found

        answer = call(ours, "/api/v1/chat", question)
        stream = call(ours, "/api/v1/chat", question | {"stream": True})
        search = call(ours, "/api/v1/search?q=pr%C3%A9avis")
        refused = call(ours, "/api/v1/chat", question | {"knowledge": False})
        unknown = call(ours, "/api/v1/chat", question, key="cdt_live_nobody")
        elsewhere = call(theirs, "/api/v1/chat", question)

    assert (answer["status"], search["status"]) == (200, 200)
    assert json.loads(answer["text"])["citations"]
    assert stream["text"].endswith("data: [DONE]\n\n")
    assert (refused["status"], unknown["status"]) == (403, 401)
    assert json.loads(refused["text"])["request_id"] == refused["request_id"]
    assert "Failed to fetch" in elsewhere["failed"]


@pytest.fixture
def resigning(tmp_path: Path, library: SampleLibrary) -> None:
    """An entry that a calculator belongs to, in the service's folder before it starts."""
    library.wordings_of = dict(LAW)
    calculated = RESIGNING.replace("related =", 'calculator = "resignation_notice"\nrelated =')
    with ThreadPoolExecutor(1, "put-entries") as thread:
        thread.submit(put_entries, tmp_path, calculated).result(timeout=10)


@pytest.mark.usefixtures("resigning")
def test_an_entry_leads_and_offers_its_calculator(browser: Browser, whole_service: str) -> None:
    with visiting(browser, whole_service) as visitor:
        page = visitor.page
        visitor.ask("durée préavis démission ?")
        visitor.answered()
        expect(page.locator(".turn .prose").first).to_contain_text("Deux mois, que vous soyez")
        page.get_by_role("link", name="Calculer pour votre cas").click()
        page.wait_for_selector('html[data-form="resignation_notice"]')


def test_without_javascript_the_form_brings_an_answer(browser: Browser, whole_service: str) -> None:
    profile = browser.new_context(java_script_enabled=False, locale="fr-FR")
    page = profile.new_page()
    try:
        page.goto(whole_service)
        page.get_by_label("Votre question").fill("Que dit l'article L3121-27 ?")
        page.get_by_role("button", name="Demander").click()
        expect(page.locator("main")).to_contain_text("trente-cinq heures par semaine")
    finally:
        profile.close()
