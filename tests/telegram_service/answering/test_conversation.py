"""A question, from the person's message to the bot's."""

import io
import json
from pathlib import Path

import pytest

from shared.ai.contract import AnswerSection, Clarification
from shared.ai.scripted import NOTICE, SOURCE, AiScript, ScriptedShape
from shared.distress import help_lines
from shared.logs import set_up_logs
from tests.telegram_service.running_app import RunningApp, running

pytestmark = pytest.mark.slow

ALICE = 11
GROUP = -1001


async def test_the_next_question_continues_the_conversation(app: RunningApp) -> None:
    await app.ask(ALICE, "Quel préavis ?")
    await app.ask(ALICE, "Et pour un cadre ?")
    first, second = app.ai.asked
    assert first.conversation_id is None
    assert second.conversation_id == "scripted-00000001"


async def test_ai_core_s_log_names_a_question_as_the_worker_s_does(app: RunningApp) -> None:
    written = io.StringIO()
    set_up_logs("telegram_service", "info", written)
    try:
        await app.ask(ALICE, "Quel préavis ?")
    finally:
        set_up_logs("telegram_service", "warning")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    [update] = [line["update_id"] for line in lines if line["event"] == "update"]
    assert app.ai.request_ids == [f"update-{update}"]


async def test_reset_begins_a_new_conversation(app: RunningApp) -> None:
    await app.ask(ALICE, "Quel préavis ?")
    [done] = await app.ask(ALICE, "/reset")
    assert done["text"].startswith("Nouvelle conversation")
    await app.ask(ALICE, "Et pour un cadre ?")
    assert app.ai.asked[-1].conversation_id is None


async def test_a_private_answer_is_drafted_while_it_is_written(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 60, 0.1
    [answer] = await app.ask(ALICE, "Racontez.")
    drafts = [text for _, text in app.account.shown_drafts]
    assert drafts[0] == ""
    assert any(text.startswith("mot") for text in drafts)
    assert answer["text"].startswith("mot mot")
    assert not app.account.drafts


async def test_a_group_answer_grows_in_its_placeholder(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 60, 0.1
    written = await app.ask(GROUP, "@CodeDuTravailNeoBot racontez", person=ALICE)
    [answer] = written
    assert answer["text"].startswith("mot mot")
    assert app.account.edits[GROUP, answer["message_id"]] >= 2
    assert not app.account.shown_drafts


async def test_a_group_gets_no_answer_unless_it_addresses_the_bot(app: RunningApp) -> None:
    assert await app.ask(GROUP, "On mange où ?", person=ALICE) == []


async def test_a_group_tells_speakers_apart_without_their_names(app: RunningApp) -> None:
    for person in (ALICE, 12, ALICE):
        await app.ask(GROUP, "@CodeDuTravailNeoBot bonjour", person=person)
    spoken = [chat.messages[-1].content for chat in app.ai.asked]
    assert spoken == ["A : bonjour", "B : bonjour", "A : bonjour"]


async def test_a_long_answer_comes_in_messages_telegram_takes(app: RunningApp) -> None:
    app.ai.script.answer = "\n\n".join(f"Paragraphe {n}. " + "mot " * 80 for n in range(40))
    app.ai.script.piece_characters = 2000
    written = await app.ask(ALICE, "Tout.")
    assert len(written) > 2
    whole = "".join(message["text"] for message in written)
    assert all(f"Paragraphe {n}." in whole for n in range(40))
    assert "reply_markup" not in written[0]
    assert "reply_markup" in written[-1]


async def test_stop_ends_the_run_in_ai_core_and_keeps_what_came(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 400, 0.05
    app.account.say(ALICE, "Racontez longuement.")
    await app.until(lambda: any(text.startswith("mot") for _, text in app.account.shown_drafts))
    app.account.say(ALICE, "/stop")
    await app.settled()
    texts = app.account.texts(ALICE)
    assert any(text.startswith("mot") and "arrêtée à votre demande" in text for text in texts)
    await app.until(lambda: app.ai.hung_up == 1)


async def test_telegrams_own_stop_does_the_same(app: RunningApp) -> None:
    app.ai.script.answer, app.ai.script.pause_s = "mot " * 400, 0.05
    app.account.say(ALICE, "Racontez longuement.")
    await app.until(lambda: len(app.account.shown_drafts) > 1)
    app.account.stop_draft(ALICE, next(iter(app.account.drafts))[1])
    await app.settled()
    assert "arrêtée à votre demande" in app.account.texts(ALICE)[0]


async def test_a_question_asked_while_ai_core_is_down_is_answered_when_it_is_back(
    app: RunningApp,
) -> None:
    app.ai.script.status = 503
    app.account.say(ALICE, "Quel préavis ?")
    await app.until(lambda: len(app.account.texts(ALICE)) == 1)
    assert "Votre question est gardée" in app.account.texts(ALICE)[0]
    await app.until_claimed(ALICE, times=2)
    app.ai.script.status = 200
    await app.settled(timeout_s=20)
    assert len(app.account.texts(ALICE)) == 2
    assert app.account.texts(ALICE)[1].startswith("La réponse")


async def test_a_text_split_by_the_client_is_one_question(app: RunningApp) -> None:
    app.account.say(ALICE, "a" * 4096)
    app.account.say(ALICE, "b" * 100)
    await app.settled()
    assert [chat.messages[-1].content for chat in app.ai.asked] == ["a" * 4096 + "b" * 100]
    assert len(app.account.texts(ALICE)) == 1


async def test_an_edit_replaces_a_question_that_still_waits(app: RunningApp) -> None:
    app.ai.script.pause_s = 0.1
    app.account.say(ALICE, "Première ?")
    await app.until(lambda: len(app.ai.asked) == 1)
    second = app.account.say(ALICE, "Secnde ?")
    await app.until(lambda: app.api.delivery.delivered == 2)
    app.account.change(second, "Seconde ?")
    await app.settled()
    asked = [chat.messages[-1].content for chat in app.ai.asked]
    assert asked == ["Première ?", "Seconde ?"]


async def test_a_sealed_copy_is_kept_and_nothing_in_clear(app: RunningApp) -> None:
    await app.ask(ALICE, "Une phrase reconnaissable ?")
    await app.services.store.migrate()
    await app.services.journal.drain()
    kept = await app.services.store.messages(ALICE)
    assert [message.author for message in kept][-2:] == ["person", "assistant"]
    assert kept[-2].body == "Une phrase reconnaissable ?"
    rows = await app.services.store._postgres.fetch("TABLE messages")
    assert all(b"reconnaissable" not in row["body"] for row in rows)


async def test_who_blocked_the_bot_is_left_alone(app: RunningApp) -> None:
    app.account.blocked.add(ALICE)
    await app.ask(ALICE, "Quel préavis ?")
    statistics = await app.services.counters.read()
    assert statistics.lost == 0
    assert statistics.counts["ignored"] == 1


async def test_a_group_that_became_a_supergroup_is_answered_there(app: RunningApp) -> None:
    app.account.say(-5, "@CodeDuTravailNeoBot bonjour", person=ALICE)
    supergroup = app.account.upgrade(-5, ALICE)
    await app.settled()
    assert len(app.account.texts(supergroup)) == 1


async def test_a_person_over_quota_is_told_when_to_retry(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"questions_per_minute": 2}
    async with running(redis_url, database_url, key_file, limits=limits) as app:
        for _ in range(3):
            await app.ask(ALICE, "Et ?")
        assert "Réessayez dans une minute" in app.account.texts(ALICE)[-1]
        assert len(app.ai.asked) == 2

        await app.ask(ALICE, "je veux en finir")
        assert "3114" in app.account.texts(ALICE)[-2]


async def test_a_notice_already_in_the_answer_is_not_repeated(app: RunningApp) -> None:
    app.ai.script.answer = f"Voici la loi.\n\n{NOTICE}"
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    assert answer["text"] == f"Voici la loi.\n\n{NOTICE}"


def shaped_script() -> AiScript:
    """Return an answer as ai_core shapes it; its conditions are longer than a chat shows open."""
    conditions = "\n".join(f"- Condition {n}. " + "mot " * 90 for n in range(4))
    parts = (
        ("conditions", "Conditions", conditions),
        ("steps", "Que faire", "- Écrire."),
        ("sources", "Les textes", f"Article L9999-1 [1]\n\n> {SOURCE.quote}\n\n{SOURCE.url}"),
        ("help", "Qui peut aider", "Un conseil — https://www.justice.fr/"),
    )
    sections = tuple(
        AnswerSection.model_validate({"kind": kind, "title": title, "text": text, "citations": [1]})
        for kind, title, text in parts
    )
    told = "".join(f"\n\n**{each.title}**\n\n{each.text}" for each in sections)
    asked = Clarification(question="Quelle convention ?", choices=["IDCC 1486 : Syntec"])
    closing = f"Pour préciser : {asked.question}\n\nVersion du 1er. {NOTICE}"
    shape = ScriptedShape("Oui. [1]", sections, ("Et pour un cadre ?",), asked)
    return AiScript(answer=f"Oui. [1]{told}\n\n{closing}", shape=shape)


async def test_the_short_answer_stands_open_and_the_texts_are_folded(app: RunningApp) -> None:
    app.ai.script = shaped_script()
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    [fold] = [each for each in answer["entities"] if each["type"] == "expandable_blockquote"]
    text = answer["text"]
    before, after = text[: fold["offset"]], text[fold["offset"] + fold["length"] :]
    folded = text[fold["offset"] :][: fold["length"]]
    assert before.startswith("Oui. [1]\n\nConditions\n\n• Condition 0.")
    assert len(before) <= 1_400
    for words in ("Qui peut aider", "https://www.justice.fr/", "Quelle convention ?"):
        assert before.count(words) == text.count(words) == 1
    for words in ("Condition 3.", "Que faire", SOURCE.quote):
        assert folded.count(words) == text.count(words) == 1
    assert SOURCE.url not in text
    assert after.strip() == f"Version du 1er. {NOTICE}"
    labels = [[each["text"] for each in row] for row in answer["reply_markup"]["inline_keyboard"]]
    assert labels == [["IDCC 1486 : Syntec"], ["Et pour un cadre ?"], ["L9999-1"], ["👍", "👎"]]


async def test_a_choice_and_a_suggestion_are_asked_when_they_are_touched(app: RunningApp) -> None:
    app.ai.script = shaped_script()
    await app.ask(ALICE, "Quel préavis ?")
    app.ai.script = AiScript()
    [first] = app.account.written(ALICE)
    for label in ("IDCC 1486 : Syntec", "Et pour un cadre ?"):
        await app.tap(ALICE, label)
        assert app.ai.asked[-1].messages[-1].content == label
        assert app.ai.asked[-1].conversation_id == "scripted-00000001"
        assert app.account.texts(ALICE)[-2] == f"💬 {label}"
        assert app.account.texts(ALICE)[-1].startswith("La réponse")
    rows = first["reply_markup"]["inline_keyboard"]
    forged = rows[0][0]["callback_data"].replace("|0|", "|1|")
    app.account.tap(ALICE, first["message_id"], forged)
    await app.settled()
    assert len(app.ai.asked) == 3


async def test_a_sum_stands_open_with_its_steps_and_long_labels_are_buttons(
    app: RunningApp,
) -> None:
    """Labels of agreements are longer than what a button may carry back."""
    label = "Salariés occupant un emploi technique de la coiffure et des professions connexes"
    steps = "**Selon le Code : 4 025 €**\n\n- 1/4 × 2 300 € × 7 ans = 4 025 € [1]"
    quoted = f"Article L9999-1 [1]\n\n> {SOURCE.quote}\n\n{SOURCE.url}"
    sections = tuple(
        AnswerSection.model_validate({"kind": kind, "title": title, "text": text, "citations": [1]})
        for kind, title, text in (
            ("calculation", "Le calcul", steps),
            ("sources", "Les textes", quoted),
        )
    )
    told = "".join(f"\n\n**{each.title}**\n\n{each.text}" for each in sections)
    asked = Clarification(question="Quelle est la catégorie ?", choices=[label])
    shape = ScriptedShape("Indemnité : 4 025 €.", sections, (), asked)
    app.ai.script = AiScript(answer=f"Indemnité : 4 025 €.{told}\n\n{NOTICE}", shape=shape)
    [answer] = await app.ask(ALICE, "Combien si on me licencie ?")
    [fold] = [each for each in answer["entities"] if each["type"] == "expandable_blockquote"]
    before = answer["text"][: fold["offset"]]
    for words in ("Indemnité : 4 025 €.", "Le calcul", "1/4 × 2 300 € × 7 ans = 4 025 €"):
        assert words in before
    await app.tap(ALICE, label)
    assert app.ai.asked[-1].messages[-1].content == label


async def test_every_choice_has_its_button_and_suggestions_take_what_room_is_left(
    app: RunningApp,
) -> None:
    choices = [f"Niveau {number}" for number in range(1, 13)]
    asked = Clarification(question="Quel est le niveau ?", choices=choices)
    shape = ScriptedShape("Il manque le niveau.", (), ("Et pour un cadre ?",), asked)
    app.ai.script = AiScript(answer=f"Il manque le niveau.\n\n{NOTICE}", shape=shape)
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    labels = [each["text"] for row in answer["reply_markup"]["inline_keyboard"] for each in row]
    assert labels[:12] == choices
    assert "Et pour un cadre ?" not in labels
    await app.tap(ALICE, "Niveau 12")
    assert app.ai.asked[-1].messages[-1].content == "Niveau 12"


async def test_a_choice_waits_for_the_answer_being_written(app: RunningApp) -> None:
    app.ai.script = shaped_script()
    await app.ask(ALICE, "Quel préavis ?")
    [answer] = app.account.written(ALICE)
    app.ai.script = AiScript(echo=True, pause_s=0.05)
    app.account.say(ALICE, "Première ?")
    await app.until(lambda: len(app.ai.asked) == 2)
    data = answer["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    app.account.tap(ALICE, answer["message_id"], data)
    await app.settled()
    written = app.account.texts(ALICE)[1:]
    assert written[0].startswith("« Première ? »")
    assert written[1] == "💬 IDCC 1486 : Syntec"
    assert written[2].startswith("« IDCC 1486 : Syntec »")


async def test_who_to_call_is_set_off(app: RunningApp) -> None:
    lines = help_lines("J'ai envie de mourir", "fr")
    assert lines
    app.ai.script.answer = f"{lines.sentence}\n\nUn mois."
    [answer] = await app.ask(ALICE, "Un préavis ?")
    assert answer["text"].startswith(f"🆘 {lines.sentence}\n\nUn mois.")
    assert answer["entities"][0]["type"] == "bold"
    assert answer["entities"][0]["length"] == len(lines.sentence)


async def test_a_stranger_in_a_group_may_not_ask_by_a_button(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    bot = {"allowed_users": [ALICE]}
    async with running(redis_url, database_url, key_file, bot=bot) as app:
        app.ai.script = shaped_script()
        await app.ask(GROUP, "@CodeDuTravailNeoBot un préavis ?", person=ALICE)
        await app.tap(GROUP, "IDCC 1486", person=12)
        assert len(app.ai.asked) == 1
        await app.tap(GROUP, "IDCC 1486", person=ALICE)
        assert len(app.ai.asked) == 2


async def test_clauses_of_one_agreement_are_told_apart_by_their_buttons(app: RunningApp) -> None:
    convention = "Convention collective nationale inventée des bureaux du 15 décembre 1987"
    app.ai.script.citations = tuple(
        SOURCE.model_copy(update={"kind": "agreement", "id": key, "number": number, "title": title})
        for key, number, title in (
            ("KALIARTI1", "IDCC 1486 art. 15", f"{convention} – Préavis"),
            ("KALIARTI2", "IDCC 1486", f"{convention} – Accord du 1er avril 2014 – Forfaits"),
            ("KALIARTI3", "IDCC 1486", convention),
        )
    )
    [answer] = await app.ask(ALICE, "Quel préavis ?")
    labels = [each["text"] for row in answer["reply_markup"]["inline_keyboard"] for each in row]
    assert labels[:3] == ["Art. 15 Préavis", "Forfaits", "Convention collective n…"]
