"""A question, from the person's message to the bot's."""

import asyncio
from pathlib import Path

from shared.ai.scripted import NOTICE
from tests.telegram_service.rig import Rig, running

ALICE = 11
GROUP = -1001


async def test_a_question_is_answered_with_its_sources_and_the_notice(rig: Rig) -> None:
    [answer] = await rig.ask(ALICE, "Quel préavis ?")
    assert answer["text"].startswith("La réponse est dans l'article L9999-1 [1].")
    assert "Réponse d'une IA" in answer["text"]
    labels = [b["text"] for row in answer["reply_markup"]["inline_keyboard"] for b in row]
    assert labels == ["L9999-1", "👍", "👎"]


async def test_the_next_question_continues_the_conversation(rig: Rig) -> None:
    await rig.ask(ALICE, "Quel préavis ?")
    await rig.ask(ALICE, "Et pour un cadre ?")
    first, second = rig.ai.asked
    assert first.conversation_id is None
    assert second.conversation_id == "scripted-00000001"


async def test_reset_begins_a_new_conversation(rig: Rig) -> None:
    await rig.ask(ALICE, "Quel préavis ?")
    [done] = await rig.ask(ALICE, "/reset")
    assert done["text"].startswith("Nouvelle conversation")
    await rig.ask(ALICE, "Et pour un cadre ?")
    assert rig.ai.asked[-1].conversation_id is None


async def test_a_private_answer_is_drafted_while_it_is_written(rig: Rig) -> None:
    rig.ai.script.answer, rig.ai.script.pause_s = "mot " * 60, 0.1
    [answer] = await rig.ask(ALICE, "Racontez.")
    drafts = [text for _, text in rig.account.shown_drafts]
    assert drafts[0] == ""
    assert any(text.startswith("mot") for text in drafts)
    assert answer["text"].startswith("mot mot")
    assert not rig.account.drafts


async def test_a_group_answer_grows_in_its_placeholder(rig: Rig) -> None:
    rig.ai.script.answer, rig.ai.script.pause_s = "mot " * 60, 0.1
    written = await rig.ask(GROUP, "@CodeDuTravailNeoBot racontez", person=ALICE)
    [answer] = written
    assert answer["text"].startswith("mot mot")
    assert rig.account.edits[GROUP, answer["message_id"]] >= 2
    assert not rig.account.shown_drafts


async def test_a_group_hears_nothing_unless_it_addresses_the_bot(rig: Rig) -> None:
    assert await rig.ask(GROUP, "On mange où ?", person=ALICE) == []


async def test_a_group_tells_speakers_apart_without_their_names(rig: Rig) -> None:
    for person in (ALICE, 12, ALICE):
        await rig.ask(GROUP, "@CodeDuTravailNeoBot bonjour", person=person)
    spoken = [chat.messages[-1].content for chat in rig.ai.asked]
    assert spoken == ["A : bonjour", "B : bonjour", "A : bonjour"]


async def test_personal_data_are_masked_before_they_leave_and_the_person_is_told(
    rig: Rig,
) -> None:
    rig.ai.script.echo = True
    [answer] = await rig.ask(ALICE, "Mon adresse est jeanne@example.org, que faire ?")
    assert rig.ai.asked[0].messages[-1].content == "Mon adresse est <EMAIL_1>, que faire ?"
    assert "Masqué avant envoi : 1 × adresse électronique" in answer["text"]


async def test_a_long_answer_comes_in_messages_telegram_takes(rig: Rig) -> None:
    rig.ai.script.answer = "\n\n".join(f"Paragraphe {n}. " + "mot " * 80 for n in range(40))
    rig.ai.script.piece_characters = 2000
    written = await rig.ask(ALICE, "Tout.")
    assert len(written) > 2
    whole = "".join(message["text"] for message in written)
    assert all(f"Paragraphe {n}." in whole for n in range(40))
    assert "reply_markup" not in written[0]
    assert "reply_markup" in written[-1]


async def test_stop_ends_the_run_in_ai_core_and_keeps_what_came(rig: Rig) -> None:
    rig.ai.script.answer, rig.ai.script.pause_s = "mot " * 400, 0.05
    rig.account.say(ALICE, "Racontez longuement.")
    await rig.until(lambda: len(rig.account.shown_drafts) > 1)
    rig.account.say(ALICE, "/stop")
    await rig.settled()
    texts = rig.account.texts(ALICE)
    assert any(text.startswith("mot") and "arrêtée à votre demande" in text for text in texts)
    await rig.until(lambda: rig.ai.hung_up == 1)


async def test_telegrams_own_stop_does_the_same(rig: Rig) -> None:
    rig.ai.script.answer, rig.ai.script.pause_s = "mot " * 400, 0.05
    rig.account.say(ALICE, "Racontez longuement.")
    await rig.until(lambda: len(rig.account.shown_drafts) > 1)
    rig.account.stop_draft(ALICE, next(iter(rig.account.drafts))[1])
    await rig.settled()
    assert "arrêtée à votre demande" in rig.account.texts(ALICE)[0]


async def test_a_question_asked_while_ai_core_is_down_is_answered_when_it_is_back(
    rig: Rig,
) -> None:
    rig.ai.script.status = 503
    rig.account.say(ALICE, "Quel préavis ?")
    await rig.until(lambda: len(rig.account.texts(ALICE)) == 1)
    assert "Votre question est gardée" in rig.account.texts(ALICE)[0]
    await asyncio.sleep(0.5)
    rig.ai.script.status = 200
    await rig.settled(patience_s=20)
    assert len(rig.account.texts(ALICE)) == 2
    assert rig.account.texts(ALICE)[1].startswith("La réponse")


async def test_a_text_split_by_the_client_is_one_question(rig: Rig) -> None:
    rig.account.say(ALICE, "a" * 4096)
    rig.account.say(ALICE, "b" * 100)
    await rig.settled()
    assert [chat.messages[-1].content for chat in rig.ai.asked] == ["a" * 4096 + "b" * 100]
    assert len(rig.account.texts(ALICE)) == 1


async def test_an_edit_replaces_a_question_that_still_waits(rig: Rig) -> None:
    rig.ai.script.pause_s = 0.1
    rig.account.say(ALICE, "Première ?")
    await rig.until(lambda: len(rig.ai.asked) == 1)
    second = rig.account.say(ALICE, "Secnde ?")
    await asyncio.sleep(0.05)
    rig.account.change(second, "Seconde ?")
    await rig.settled()
    asked = [chat.messages[-1].content for chat in rig.ai.asked]
    assert asked == ["Première ?", "Seconde ?"]


async def test_a_sealed_copy_is_kept_and_nothing_in_clear(rig: Rig) -> None:
    await rig.ask(ALICE, "Une phrase reconnaissable ?")
    await rig.parts.store.migrate()
    await rig.parts.journal.drain()
    kept = await rig.parts.store.messages(ALICE)
    assert [message.author for message in kept][-2:] == ["person", "assistant"]
    assert kept[-2].body == "Une phrase reconnaissable ?"
    rows = await rig.parts.store._postgres.fetch("TABLE messages")
    assert all(b"reconnaissable" not in row["body"] for row in rows)


async def test_who_blocked_the_bot_is_left_alone(rig: Rig) -> None:
    rig.account.blocked.add(ALICE)
    await rig.ask(ALICE, "Quel préavis ?")
    numbers = await rig.parts.counter.read()
    assert numbers.lost == 0
    assert numbers.counts["ignored"] == 1


async def test_a_group_that_became_a_supergroup_is_answered_there(rig: Rig) -> None:
    rig.account.moved[-5] = -1005
    rig.account.say(-5, "@CodeDuTravailNeoBot bonjour", person=ALICE)
    await rig.settled()
    assert len(rig.account.texts(-1005)) == 1


async def test_a_person_over_quota_is_told_when_to_come_back(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"questions_per_minute": 2}
    async with running(redis_url, database_url, key_file, limits=limits) as rig:
        for _ in range(3):
            await rig.ask(ALICE, "Et ?")
        assert "Réessayez dans une minute" in rig.account.texts(ALICE)[-1]
        assert len(rig.ai.asked) == 2


async def test_what_the_answer_says_itself_is_not_said_again(rig: Rig) -> None:
    rig.ai.script.answer = f"Voici la loi.\n\n{NOTICE}"
    [answer] = await rig.ask(ALICE, "Quel préavis ?")
    assert answer["text"] == f"Voici la loi.\n\n{NOTICE}"
