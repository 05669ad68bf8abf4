"""A person on WhatsApp: what they write, send and tap, and what they get."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.ai.contract import AnswerSection
from shared.ai.scripted import ScriptedShape
from telegram_service.emulators.whatsapp.people import Contact, contact
from tests.telegram_service.channels.whatsapp.whatsapp_app import (
    WhatsAppApp,
    generous,
    whatsapp_app,
)
from tests.telegram_service.voice.speaking import recording, spoken
from tests.telegram_service.voice.tiny_whisper import DULL

pytestmark = pytest.mark.slow

QUESTION = "Quel est le préavis d'un cadre qui démissionne ?"
UNREADABLE = "Je ne peux rien faire de ce type de message."
HIDDEN = Contact("33639987777", name="Dominique", hidden=True)


@pytest.fixture
async def app(redis_url: str, database_url: str, key_file: Path) -> AsyncIterator[WhatsAppApp]:
    async with whatsapp_app(redis_url, database_url, key_file, generous()) as app:
        yield app


async def test_a_question_is_read_and_answered_once_with_choices_to_tap(app: WhatsAppApp) -> None:
    app.api.delivery.twice = 1.0
    [answer] = await app.ask(1, QUESTION)
    assert "La réponse est dans l'article L9999-1" in answer.shown
    assert [label for _, label, _ in answer.choices][-2:] == ["👍", "👎"]
    assert app.account.typing[0][0] == contact(1).number
    assert app.account.read == set(app.account.received)
    assert (await app.counts())["duplicates"] == app.api.delivery.repeated_messages > 0
    await app.tap(1, "👍")
    assert (await app.counts())["thumbs_up"] == 1
    assert set(app.ai.channels) == {"whatsapp"}


async def test_a_person_whose_number_is_withheld_is_answered(app: WhatsAppApp) -> None:
    [answer] = await app.ask(HIDDEN, QUESTION)
    assert "L9999-1" in answer.shown
    assert answer.body["recipient"] == HIDDEN.user_id
    assert "to" not in answer.body


async def test_a_choice_longer_than_a_row_is_asked_whole(app: WhatsAppApp) -> None:
    suggestion = "Et si je démissionne pendant ma période d'essai, quel délai dois-je respecter ?"
    app.ai.script.shape = ScriptedShape(suggestions=(suggestion, "Et pour un CDD ?"))
    await app.ask(1, QUESTION)
    signs = len(app.account.typing)
    await app.tap(1, "pendant ma période")
    assert len(app.account.typing) > signs
    assert app.ai.asked[-1].messages[-1].content == suggestion


async def test_what_an_answer_quotes_is_behind_a_choice(app: WhatsAppApp) -> None:
    quoted = "> Le contrat est rompu par la démission."
    law = AnswerSection(kind="sources", title="Les textes", text=quoted, citations=[])
    app.ai.script.answer = f"Un mois [1].\n\n**Les textes**\n\n{quoted}"
    app.ai.script.shape = ScriptedShape(summary="Un mois [1].", sections=(law,))
    [answer] = await app.ask(1, QUESTION)
    assert "rompu par la démission" not in answer.shown
    assert "📚 Sources" in [label for _, label, _ in answer.choices]
    [texts] = await app.tap(1, "Sources")
    assert "Le contrat est rompu par la démission." in texts.shown


async def test_what_cannot_be_read_gets_one_honest_sentence(
    app: WhatsAppApp, subtests: pytest.Subtests
) -> None:
    place = {"latitude": 48.85, "longitude": 2.35}
    card = [{"name": {"formatted_name": "Camille"}, "phones": []}]
    broken = {"errors": [{"code": 131051, "title": "Message type unknown"}]}
    for number, (kind, content, more) in enumerate(
        [
            ("location", place, {}),
            ("contacts", card, {}),
            ("sticker", {"id": "1", "mime_type": "image/webp"}, {}),
            ("order", {"catalog_id": "1", "product_items": []}, {}),
            ("unsupported", {"type": "poll_creation"}, broken),
            ("a_kind_of_next_year", {"something": 1}, {}),
        ]
    ):
        with subtests.test(kind=kind):
            person = 10 + number
            app.account.receive(person, kind, content, **more)
            await app.settled()
            [reply] = app.account.texts(person)
            assert reply.startswith(UNREADABLE)
    app.account.send_file(20, "audio", b"voice", "audio/ogg", voice=True)
    app.account.send_file(21, "image", b"picture", "image/jpeg", caption="Ma lettre")
    await app.settled()
    assert len(app.account.texts(20)) == len(app.account.texts(21)) == 1


async def test_pictures_sent_together_are_one_question(app: WhatsAppApp) -> None:
    app.services.documents._scans.missing = ["rapidocr"]
    app.account.send_file(1, "image", b"picture", "image/jpeg", caption="Ce contrat est-il légal ?")
    for _ in range(2):
        app.account.send_file(1, "image", b"picture", "image/jpeg")
    await app.settled()
    [asked] = [request.messages[-1].content for request in app.ai.asked]
    assert asked == "Ce contrat est-il légal ?"
    [answer] = app.account.texts(1)
    assert answer.count("Je ne sais pas lire les images") == 1


async def test_what_asks_nothing_gets_no_answer(app: WhatsAppApp) -> None:
    [answer] = await app.ask(1, QUESTION)
    app.account.react(1, answer.id, "👍")
    app.account.react(1, answer.id, "")
    app.account.change_number(1, contact(2))
    app.account.receive(3, "text", {"body": QUESTION}, group_id="a-group")
    await app.settled()
    assert len(app.account.sent) == 1
    assert (await app.counts())["whatsapp_ignored"] == 4


async def test_a_document_is_read_and_its_question_answered(app: WhatsAppApp) -> None:
    app.account.send_file(
        1, "document", b"Votre contrat prend fin le 31 mars.", "text/plain",
        filename="lettre.txt", caption="Que puis-je faire ?",
    )  # fmt: skip
    await app.settled()
    asked = app.ai.asked[-1].messages[-1].content
    assert "Que puis-je faire ?" in asked
    assert "prend fin le 31 mars" in asked
    assert "L9999-1" in app.account.texts(1)[-1]


async def test_a_file_is_fetched_from_metas_hosts_only(app: WhatsAppApp) -> None:
    app.api.files_at = "http://attacker.invalid/file"
    app.account.send_file(1, "document", b"texte", "text/plain", filename="lettre.txt")
    await app.settled()
    [refusal] = app.account.texts(1)
    assert refusal.startswith("Je n'ai pas pu lire ce fichier")


async def test_data_are_exported_as_documents_and_erased(app: WhatsAppApp) -> None:
    await app.ask(1, QUESTION)
    exported = await app.ask(1, "/mesdonnees")
    names = [each.body["document"]["filename"] for each in exported]
    assert names == ["mes-donnees.md", "mes-donnees.json"]
    readable = app.account.media[exported[0].body["document"]["id"]].content.decode()
    assert QUESTION in readable
    await app.ask(1, "/supprimer")
    await app.tap(1, "ffacer")
    await app.tap(1, "Oui")
    [empty] = await app.ask(1, "/mesdonnees")
    assert "document" not in empty.body


async def test_a_long_answer_comes_in_several_messages_within_the_limits(app: WhatsAppApp) -> None:
    paragraph = "Le préavis dépend de l'ancienneté et de la convention collective. " * 12
    app.ai.script.answer = f"{paragraph}\n\n" * 12
    app.ai.script.piece_characters = 500
    written = await app.ask(1, QUESTION)
    assert len(written) > 1
    assert not app.account.refusals
    shown = "".join("".join(each.shown.split()) for each in written)
    assert shown.count("".join(paragraph.split())) == 12
    assert written[-1].choices
    assert not any(each.choices for each in written[:-1])


async def test_no_id_of_whatsapp_is_in_redis_in_clear(app: WhatsAppApp) -> None:
    person = contact(1)
    await app.ask(person, QUESTION)
    await app.tap(person, "👍")
    secrets = [person.number, person.user_id, *app.account.received, app.account.sent[0].id]
    keys = await app.services.redis.call("KEYS", "*")
    dumped = b"".join([key + (await app.services.redis.call("DUMP", key) or b"") for key in keys])
    assert not [secret for secret in secrets if secret.encode() in dumped]


async def test_a_voice_message_is_shown_as_heard_and_answered(
    redis_url: str, database_url: str, key_file: Path, voice_model: Path
) -> None:
    note = recording(spoken("Mon employeur refuse mes congés ?"))
    voice = {"model": voice_model, "threads": 1}
    async with whatsapp_app(redis_url, database_url, key_file, generous(), voice=voice) as app:
        app.account.send_file(1, "audio", note, "audio/ogg; codecs=opus", voice=True)
        await app.settled()
        shown, answer = app.account.texts(1)[:2]
        assert shown == f"🎤 J'ai entendu : « {' '.join(DULL)} »"
        assert "La réponse" in answer
        assert app.account.typing  # shown while it is listened to
