"""A question and its answer: what stands open, what is folded, what is told with it."""

import pytest
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    Route,
    expect,
)

from shared.distress import help_lines
from tests.ai_core.web.scripted_page import (
    ARTICLE_URL,
    HELP_URL,
    KEY,
    NOTICE,
    QUESTION,
    QUOTE,
    ScriptedService,
    Visitor,
    asks,
    assert_accessible,
    event,
    stream,
    visiting,
)

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow]


def test_a_question_by_keyboard_brings_an_answer_and_its_sources(visitor: Visitor) -> None:
    visitor.page.keyboard.type(QUESTION)
    visitor.page.keyboard.press("Enter")
    visitor.answered()
    turn = visitor.page.locator(".turn")
    assert visitor.service.asked == [
        {
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": True,
            "fallback": "extractive",
        }
    ]
    assert visitor.service.deadlines_ms == ["120000"]
    assert visitor.service.keys == [KEY]
    assert "Combien de jours de congé" in turn.get_by_role("heading", level=2).inner_text()
    expect(turn.locator(".prose strong")).to_have_text("familial")
    assert turn.locator(".prose li").count() == 2
    assert QUOTE in turn.locator(".prose blockquote").inner_text()
    expect(turn.locator("summary", has_text="Sources (2)")).to_be_visible()
    expect(turn.locator(".facts")).to_have_text(
        "Textes à jour au 1er novembre 2026. Information donnée par une intelligence "
        "artificielle, pas un conseil juridique."
    )
    assert NOTICE not in turn.locator(".prose").inner_text()
    expect(visitor.page.get_by_role("status")).to_have_text("Réponse prête, 2 sources citées.")
    assert_accessible(visitor.page)


SECTIONS = [
    {"kind": kind, "title": title, "text": text, "citations": [1]}
    for kind, title, text in (
        ("conditions", "Conditions et exceptions", "- sauf dans un cas [1]"),
        ("model", "Ajouté par un petit modèle", "En bref, quatre jours."),
        ("sources", "Ce que disent les textes", f"Article [1]\n\n> {QUOTE}\n\n{ARTICLE_URL}"),
        ("help", "Qui peut vous aider", f"Un conseil — {HELP_URL}"),
    )
]


SHAPED = (
    "Oui, quatre jours [1]."
    + "".join(f"\n\n**{section['title']}**\n\n{section['text']}" for section in SECTIONS)
    + f"\n\nÀ noter : la convention 1486.\n\nVersion publiée hier. {NOTICE}"
)


def test_the_short_answer_stands_open_and_the_texts_are_folded(visitor: Visitor) -> None:
    shaped = stream(SHAPED, summary="Oui, quatre jours [1].", sections=SECTIONS)
    first_words = len(SHAPED[: SHAPED.index(ARTICLE_URL)]) // 9
    visitor.service.replies = [[*shaped[:first_words], "wait", *shaped[first_words:]]]
    visitor.ask()
    page, turn = visitor.page, visitor.page.locator(".turn")
    expect(turn.locator(".prose strong").last).to_have_text("Ce que disent les textes")
    visitor.service.go_on.set()
    visitor.answered()
    lead = turn.locator(".answer > .prose")
    assert lead.inner_text().split("\n\n") == [
        "Oui, quatre jours\xa01.", "À noter\xa0: la convention 1486."
    ]  # fmt: skip
    titles = turn.locator(".answer").get_by_role("heading", level=3)
    assert titles.all_inner_texts() == [
        "Conditions et exceptions", "Ajouté par un petit modèle", "Qui peut vous aider"
    ]  # fmt: skip
    expect(turn.locator(".part.model")).to_contain_text("En bref, quatre jours.")
    help_link = turn.locator(".part.help").get_by_role("link")
    assert help_link.get_attribute("href") == HELP_URL
    assert_accessible(page)
    quote = turn.locator("blockquote", has_text=QUOTE)
    assert quote.count() == 1  # the texts are quoted once
    expect(quote).to_be_hidden()
    turn.locator("summary", has_text="Sources (2)").focus()
    page.keyboard.press("Enter")
    expect(quote).to_have_text(QUOTE)
    assert turn.inner_text().count("Version publiée hier") == 0
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(quote).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(quote).to_be_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(quote).to_be_hidden()


MANY = "\n".join(f"- une condition, la {n}e, {'assez longue ' * 6}[1]" for n in range(1, 5))


def test_a_phone_folds_what_is_long_and_a_wide_screen_shows_it(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> None:
    sections = [{"kind": "conditions", "title": "Conditions", "text": MANY, "citations": [1]}]
    long = stream(f"Oui [1].\n\n**Conditions**\n\n{MANY}", sections=sections)
    seen = []
    for width in (360, 1280):
        service.replies = [long]
        with visiting(browser, served[1], service, viewport={"width": width, "height": 780}) as one:
            one.ask()
            one.answered()
            items = one.turn.locator(".part li")
            expect(items).to_have_count(4)
            seen.append([item.is_visible() for item in items.all()])
            more = one.turn.locator("summary", has_text="3 autres précisions")
            if width == 360:
                assert one.page.evaluate("document.documentElement.scrollWidth") == 360
                more.click()
            expect(items.last).to_be_visible()
            assert_accessible(one.page)
    assert seen == [[True, False, False, False], [True] * 4]


def test_an_answer_is_copied_with_its_question_and_printed_alone(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visiting(browser, served[1], service, permissions=permissions) as visitor:
        page = visitor.page
        page.evaluate("window.print = () => { window.printed = document.body.className; }")
        visitor.ask("Première ?")
        visitor.answered()
        visitor.turn.get_by_role("button", name="Copier").click()
        expect(page.get_by_role("status")).to_have_text("Réponse copiée.")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("Première ?\n\nLe congé dépend de l'événement familial")
        assert ARTICLE_URL in copied
        page.locator("#question").focus()
        visitor.ask("Deuxième ?")
        expect(page.locator(".turn")).to_have_count(2)
        visitor.answered()
        visitor.turn.get_by_role("button", name="Imprimer").click()
        assert "printing-one" in page.evaluate("window.printed")
        page.emulate_media(media="print")
        expect(page.locator(".turn").first).to_be_hidden()
        expect(visitor.turn).to_be_visible()
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        expect(page.locator(".turn").first).to_be_visible()


def test_a_person_says_whether_an_answer_helped_where_that_is_recorded(visitor: Visitor) -> None:
    visitor.service.replies = [stream(answer_id="answer-1"), stream(answer_id="answer-2"), stream()]
    useful = visitor.turn.locator(".useful")
    for place, verdict in enumerate(("Oui", "Non", ""), 1):
        visitor.page.locator("#question").focus()
        visitor.ask(f"Question {place} ?")
        expect(visitor.page.locator(".turn")).to_have_count(place)
        visitor.answered()
        if verdict:
            useful.get_by_role("button", name=verdict).click()
        if verdict == "Non":
            useful.get_by_label("Que lui manque-t-il").fill("Le montant.")
            assert_accessible(visitor.page)
            useful.get_by_role("button", name="Envoyer").click()
        if verdict:
            expect(useful).to_have_text("Merci, votre avis est enregistré.")
    expect(useful).to_be_hidden()
    assert visitor.service.feedback == [
        {"answer_id": "answer-1", "conversation_id": "conversation-1", "verdict": "up"},
        {
            "answer_id": "answer-2",
            "conversation_id": "conversation-1",
            "verdict": "down",
            "comment": "Le montant.",
        },
    ]


SMALL_TARGETS = """() => [
    ...document.querySelectorAll(
        "button, summary, select, input, nav a, #languages a, .foot a")]
  .map((one) => [one.textContent.trim() || one.id, one.getBoundingClientRect()])
  .filter(([, box]) => box.height && (box.height < 43.5 || box.width < 43.5))
  .map(([name]) => name)"""


def test_what_can_be_touched_is_as_large_as_a_finger(
    browser: Browser, service: ScriptedService, served: tuple[FastAPI, str]
) -> None:
    service.replies = [
        stream(suggestions=["Et après ?"], answer_id="a", clarification=asks("Quel âge ?"))
    ]
    small = {"width": 360, "height": 780}
    with visiting(browser, served[1], service, viewport=small, has_touch=True) as visitor:
        assert visitor.page.evaluate(SMALL_TARGETS) == []
        visitor.ask()
        visitor.answered()
        visitor.open_sources()
        headings = visitor.turn.locator(".card h3 button").all_inner_texts()
        assert visitor.page.evaluate(SMALL_TARGETS) == headings  # a card is their target as a whole
        assert len(headings) == 2


def test_who_to_call_stands_out_and_stays_out_of_other_answers(visitor: Visitor) -> None:
    lines = help_lines("J'ai envie de mourir", "fr")
    assert lines
    visitor.service.replies = [stream(f"{lines.sentence}\n\nUn mois."), stream()]
    visitor.ask()
    visitor.answered()
    call = visitor.page.locator(".turn .call")
    expect(call).to_contain_text("appelez tout de suite le 3114")
    expect(visitor.page.locator(".turn .prose").first).to_have_text("Un mois.")
    assert_accessible(visitor.page)
    visitor.ask()
    visitor.answered()
    expect(call.last).to_be_hidden()


def test_what_was_masked_in_the_question_is_told_under_its_answer(visitor: Visitor) -> None:
    told = "Masqué dans votre question avant toute lecture : 1 × numéro de téléphone."
    visitor.service.replies = [stream(masked={"phone": 1}, masked_notice=told), stream()]
    visitor.ask("Quel préavis ? 06 12 34 56 78")
    visitor.answered()
    expect(visitor.page.locator(".turn").last.locator(".masked")).to_have_text(told)
    assert_accessible(visitor.page)
    visitor.ask(QUESTION)
    visitor.answered()
    expect(visitor.page.locator(".turn").last.locator(".masked")).to_be_hidden()


def test_the_answer_is_shown_as_it_is_written_and_read_out_once(visitor: Visitor) -> None:
    visitor.service.replies = [[*stream()[:6], "wait", *stream()[6:]]]
    visitor.ask()
    prose = visitor.page.locator(".prose")
    expect(prose).to_contain_text("Le congé dépend de l'événement")
    expect(prose).to_have_attribute("aria-hidden", "true")
    expect(visitor.page.locator(".answer")).to_have_attribute("aria-live", "polite")
    expect(visitor.page.get_by_role("button", name="Arrêter")).to_be_visible()
    visitor.service.go_on.set()
    visitor.answered()
    assert prose.get_attribute("aria-hidden") is None
    expect(visitor.page.get_by_role("button", name="Demander")).to_be_visible()


def test_the_place_in_the_queue_is_shown_and_read_out(visitor: Visitor) -> None:
    queued = [event({"position": 3, "wait_s": 41.2}, "queue")]
    next_one = event({"position": 1, "wait_s": None}, "queue")
    visitor.service.replies = [[*queued, "wait", next_one, "pause", *stream()]]
    visitor.ask()
    waiting = visitor.page.locator(".turn .waiting")
    expect(waiting).to_have_text("3 questions passent avant la vôtre. Attente : environ 42 s.")
    status = visitor.page.get_by_role("status")
    expect(status).to_have_text("3 questions passent avant la vôtre.")
    visitor.service.go_on.set()
    expect(waiting).to_have_text("Une question passe avant la vôtre.")
    visitor.service.goes_on.set()
    visitor.answered()
    expect(waiting).to_be_hidden()


def test_the_wait_for_the_summary_is_shown_below_the_law_that_came_first(
    visitor: Visitor,
) -> None:
    queued = event({"position": 2, "wait_s": 12.4}, "queue")
    quoted = event({"delta": "Le Code dit."})
    visitor.service.replies = [[quoted, queued, "wait", *stream()]]
    visitor.ask()
    waiting = visitor.page.locator(".turn .waiting")
    expect(waiting).to_have_text("2 questions passent avant la vôtre. Attente : environ 13 s.")
    expect(waiting).to_be_visible()
    visitor.service.go_on.set()
    visitor.answered()
    expect(waiting).to_be_hidden()


def test_an_example_is_asked_as_it_stands(visitor: Visitor) -> None:
    visitor.page.get_by_role("link", name="Que dit l’article L3121-27").click()
    visitor.answered()
    assert visitor.service.asked[0]["messages"][0]["content"] == "Que dit l’article L3121-27 ?"


def test_shift_enter_writes_a_line_and_an_empty_question_is_not_sent(visitor: Visitor) -> None:
    page = visitor.page
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Écrivez d’abord votre question.")
    page.keyboard.type("Une ligne")
    page.keyboard.press("Shift+Enter")
    visitor.ask("puis une autre")
    visitor.answered()
    assert [a["messages"][0]["content"] for a in visitor.service.asked] == [
        "Une ligne\npuis une autre"
    ]


def test_stop_ends_the_request_and_keeps_what_was_written(visitor: Visitor) -> None:
    visitor.service.replies = [[*stream()[:6], "wait", *stream()[6:]]]
    visitor.ask()
    expect(visitor.page.locator(".prose")).to_contain_text("Le congé dépend")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("button", name="Arrêter")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator(".cut")).to_be_visible()
    expect(visitor.page.locator(".prose")).to_contain_text("Le congé dépend")
    expect(visitor.page.get_by_role("textbox", name="Votre question")).to_be_focused()
    assert visitor.service.left.wait(timeout=5)


def test_a_question_sent_before_the_settings_came_waits_for_them(
    browser: Browser, served: tuple[FastAPI, str], service: ScriptedService
) -> None:
    profile = browser.new_context(locale="fr-FR")
    page = profile.new_page()
    page.set_default_timeout(30_000)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/page.json", hold)
    try:
        page.goto(served[1])
        page.locator("#question").fill(QUESTION)
        page.keyboard.press("Enter")
        expect(page.locator(".turn .waiting")).to_be_visible()
        assert service.keys == []
        held[0].continue_()
        expect(page.locator(".turn .facts")).to_be_visible()
        assert service.keys == [KEY]
        expect(page.locator("#key-form")).to_be_hidden()
    finally:
        profile.close()
