"""What a person on LINE gets."""

from pathlib import Path

import orjson
import pytest

from shared.ai.contract import AnswerSection
from shared.ai.scripted import ScriptedShape
from shared.errors import TooLarge
from telegram_service.errors import ChannelRefused
from tests.mail_service.polling import becomes
from tests.telegram_service.channels.line.running_line import (
    ALICE,
    BOB,
    GROUP,
    RunningLine,
    running_line,
)
from tests.telegram_service.voice.speaking import recording, spoken
from tests.telegram_service.voice.tiny_whisper import DULL

pytestmark = pytest.mark.slow


async def test_a_question_is_answered_free_in_one_call_with_a_card_and_quick_replies(
    line: RunningLine,
) -> None:
    text, card = await line.ask(ALICE, "Quel préavis ?")
    assert text["text"].startswith("La réponse est dans l'article L9999-1 [1].")
    assert "Réponse d'une IA" in text["text"]
    assert card["altText"] == "📖 L9999-1"
    assert [item["action"]["label"] for item in card["quickReply"]["items"]] == ["👍", "👎"]
    assert {message["via"] for message in (text, card)} == {"reply"}
    assert (line.calls("/reply"), line.account.pushed) == (1, 0)
    assert set(line.account.loading) == {(ALICE, 60)}


async def test_who_follows_is_greeted_in_the_language_of_the_app(line: RunningLine) -> None:
    [hello] = await line.seen(line.account.follow(ALICE, language="th"))
    assert "สวัสดี" in hello["text"]
    [hello] = await line.seen(line.account.follow(BOB, language="en-GB"))
    assert "artificial intelligence" in hello["text"]
    assert line.account.pushed == 0


async def test_an_article_is_shown_from_the_card(line: RunningLine) -> None:
    await line.ask(ALICE, "Quel préavis ?")
    [article] = await line.tap(ALICE, "L9999-1")
    assert "L9999-1" in article["text"]
    assert article["via"] == "reply"


async def test_a_group_is_greeted_and_answered_where_it_names_us(line: RunningLine) -> None:
    [hello] = await line.seen(line.account.join(GROUP, ALICE, BOB))
    assert "Telegram" not in hello["text"]
    assert hello["via"] == "reply"
    assert await line.ask(ALICE, "On mange où ?", chat=GROUP) == []
    answer, _ = await line.ask(BOB, "Quel préavis ?", chat=GROUP, mention=True)
    assert answer["text"].startswith("La réponse")
    assert line.account.loading == []
    assert line.ai.asked[-1].messages[-1].content.endswith("Quel préavis ?")
    assert "Code du Travail Neo" not in line.ai.asked[-1].messages[-1].content


async def test_the_texts_behind_an_answer_are_a_button_away(line: RunningLine) -> None:
    quoted = "> Le contrat est rompu par la démission."
    law = AnswerSection(kind="sources", title="Les textes", text=quoted, citations=[])
    line.ai.script.answer = f"Un mois [1].\n\n**Les textes**\n\n{quoted}"
    line.ai.script.shape = ScriptedShape(summary="Un mois [1].", sections=(law,))
    text, card = await line.ask(ALICE, "Quel préavis ?")
    assert "rompu par la démission" not in text["text"]
    labels = [item["action"]["label"] for item in card["quickReply"]["items"]]
    assert labels == ["📚 Sources", "👍", "👎"]
    [texts] = await line.tap(ALICE, "Sources")
    assert "Le contrat est rompu par la démission." in texts["text"]
    assert (texts["via"], line.account.pushed) == ("reply", 0)


async def test_a_suggested_question_is_said_by_the_person_s_app(line: RunningLine) -> None:
    asked = "Et si mon employeur refuse de me payer mes heures supplémentaires ?"
    line.ai.script.shape = ScriptedShape(suggestions=(asked,))
    await line.ask(ALICE, "Quel préavis ?")
    await line.tap(ALICE, "Et si mon employeur")
    assert line.ai.asked[-1].messages[-1].content == asked


async def test_a_thumb_down_asks_why_with_buttons(line: RunningLine) -> None:
    await line.ask(ALICE, "Quel préavis ?")
    [why] = await line.tap(ALICE, "👎")
    labels = [item["action"]["label"] for item in why["quickReply"]["items"]]
    assert len(labels) == 4
    [thanks] = await line.tap(ALICE, labels[0])
    assert "Merci" in thanks["text"]
    assert (await line.services.counters.read()).counts["thumbs_down"] == 1
    assert await becomes(lambda: bool(line.ai.judged), 60.0)
    assert set(line.ai.channels) == {"line"}


async def test_settings_are_changed_by_quick_replies(line: RunningLine) -> None:
    await line.ask(ALICE, "/settings")
    await line.tap(ALICE, "Langue")
    [shown] = await line.tap(ALICE, "English")
    assert "english" in shown["text"].lower()
    [status] = await line.ask(ALICE, "/status")
    assert "State of the service" in status["text"]


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "buttons"])
async def test_the_export_is_sent_as_messages_and_an_erasure_leaves_nothing(
    line: RunningLine, typed: bool
) -> None:
    await line.ask(ALICE, "Quel préavis pour un cadre ?")
    export = "\n".join(message["text"] for message in await line.ask(ALICE, "/mesdonnees"))
    assert "Quel préavis pour un cadre ?" in export
    assert "/mesdonnees json" in export
    as_json = "".join(message["text"] for message in await line.ask(ALICE, "/mesdonnees json"))
    found = orjson.loads(as_json[as_json.index("{") :])
    assert found["messages"][0]["body"] == "Quel préavis pour un cadre ?"
    [asked] = await line.ask(ALICE, "/supprimer")
    assert "/supprimer oui" in asked["text"]
    if typed:
        receipt = await line.ask(ALICE, "/supprimer OUI")
    else:
        await line.tap(ALICE, "Effacer")
        receipt = await line.tap(ALICE, "Oui")
    assert len(receipt) == 1
    assert receipt[0]["via"] == "reply"
    assert await line.services.store.messages(f"line:{ALICE}") == []
    assert len(line.ai.erased) == 1
    [nothing] = await line.ask(ALICE, "/mesdonnees")
    assert nothing["text"].startswith("Je ne garde")


async def test_files_are_fetched_once_transcoded_and_a_document_is_read(line: RunningLine) -> None:
    event = line.account.attach(
        ALICE, "file", b"Clause : le salaire est de 2000 euros.", name="c.txt"
    )
    answer = await line.seen(event)
    assert answer[0]["text"].startswith("La réponse")
    assert "2000 euros" in line.ai.asked[-1].messages[-1].content
    line.account.transcoding_s = 0.2
    voice = line.account.attach(ALICE, "audio", b"sound")
    assert await line.channel.download(voice["message"]["id"], 100) == b"sound"
    with pytest.raises(TooLarge):
        await line.channel.download(voice["message"]["id"], 3)
    await line.settled()


async def test_a_film_kept_elsewhere_is_not_fetched(line: RunningLine) -> None:
    elsewhere = {"type": "external", "originalContentUrl": "http://127.0.0.1:9/film.mp4"}
    event = line.account.attach(ALICE, "video", b"")
    event["message"]["contentProvider"] = elsewhere
    await line.settled()
    update = line.channel.parse(orjson.dumps(event), 1)
    assert update.message is not None
    assert update.message.video is not None
    with pytest.raises(ChannelRefused):
        await line.channel.download(update.message.video.file_id, 100)


async def test_a_message_taken_back_while_it_waits_is_not_answered(line: RunningLine) -> None:
    line.ai.script.pause_s = 0.2
    line.account.say(ALICE, "première")
    second = line.account.say(ALICE, "deuxième")
    line.account.unsend(second)
    line.account.say(ALICE, "troisième")
    await line.settled()
    asked = [request.messages[-1].content for request in line.ai.asked]
    assert asked == ["première", "troisième"]


async def test_an_answer_that_comes_late_is_pushed(
    line: RunningLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telegram_service.channels.line.client.FIRST_USE_MS", -1)
    answer = await line.ask(ALICE, "Quel préavis ?")
    assert {message["via"] for message in answer} == {"push"}
    assert line.account.pushed == 1


async def test_while_line_limits_us_nobody_calls_and_the_answer_comes_once(
    line: RunningLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telegram_service.channels.line.api.WAIT_AFTER_429_S", 0.6)
    line.account.rate_limit(0.5)
    answer = await line.ask(ALICE, "Quel préavis ?")
    await line.ask(BOB, "Quel préavis ?")
    assert len([m for m in answer if m["type"] == "text"]) == 1
    assert line.account.violations <= 2  # the loading animation and the reply that met it first
    assert (await line.services.counters.read()).counts["refused_429"] >= 1


async def test_a_month_used_up_is_counted_and_replies_go_on(
    line: RunningLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.account.quota = 0
    with monkeypatch.context() as late:
        late.setattr("telegram_service.channels.line.client.FIRST_USE_MS", -1)
        late.setattr("telegram_service.worker.RETRY_AFTER_FAILURE_S", 0.05)
        assert await line.ask(ALICE, "Quel préavis ?") == []
    counts = (await line.services.counters.read()).counts
    assert counts["line_quota_used_up"] >= 1
    assert counts["dead"] == 1
    answer = await line.ask(ALICE, "Et la démission ?")
    assert {message["via"] for message in answer} == {"reply"}


async def test_what_line_delivers_twice_is_answered_once(line: RunningLine) -> None:
    line.api.delivery.twice = 1.0
    answer = await line.ask(ALICE, "Quel préavis ?")
    assert len(answer) == 2
    assert len(line.ai.asked) == 1


async def test_events_that_ask_nothing_get_no_answer(line: RunningLine) -> None:
    await line.seen(line.account.join(GROUP, ALICE))
    before = line.calls("/reply")
    line.account.member_joins(GROUP, BOB)
    line.account.leave(GROUP)
    line.account.unfollow(BOB)
    standby = line.account.say(ALICE, "pas pour nous")
    standby["mode"] = "standby"
    for kind in ("beacon", "videoPlayComplete", "membership", "invented2027"):
        line.account.say(ALICE, "x")["type"] = kind
    await line.settled()
    assert (line.calls("/reply"), line.calls("/push"), line.calls("/start")) == (before, 0, 0)
    assert (await line.services.counters.read()).counts.get("dead", 0) == 0


async def test_personal_data_are_masked_before_they_leave(line: RunningLine) -> None:
    line.ai.script.echo = True
    answer, _ = await line.ask(ALICE, "Mon adresse est jeanne@example.org, que faire ?")
    assert line.ai.asked[0].messages[-1].content == "Mon adresse est <EMAIL_1>, que faire ?"
    assert "Masqué avant envoi" in answer["text"]


async def test_who_asks_over_the_quota_is_told(
    redis_url: str, database_url: str, key_file: Path
) -> None:
    limits = {"questions_per_day": 1}  # a minute may end between the two
    async with running_line(redis_url, database_url, key_file, limits=limits) as line:
        await line.ask(ALICE, "Quel préavis ?")
        [told] = await line.ask(ALICE, "Et encore ?")
    assert len(line.ai.asked) == 1
    assert "permis en un jour" in told["text"]


async def test_a_voice_message_is_shown_as_heard_and_answered(
    redis_url: str, database_url: str, key_file: Path, voice_model: Path
) -> None:
    note = recording(spoken("Mon employeur refuse mes congés ?"), container="ipod", codec="aac")
    voice = {"model": voice_model, "threads": 1}
    async with running_line(redis_url, database_url, key_file, voice=voice) as line:
        shown, answer, _card = await line.seen(line.account.attach(ALICE, "audio", note))
        assert shown["text"] == f"🎤 J'ai entendu : « {' '.join(DULL)} »"
        assert answer["text"].startswith("La réponse")
        assert line.account.loading  # shown while it is listened to


async def test_what_cannot_be_read_gets_one_honest_sentence(line: RunningLine) -> None:
    sent = line.account
    for send in (sent.stick, sent.locate, lambda person: sent.attach(person, "video", b"film")):
        [told] = await line.seen(send(ALICE))
        assert told["via"] == "reply"
    assert line.ai.asked == []
    assert await line.seen(sent.stick(ALICE, chat=GROUP)) == []
