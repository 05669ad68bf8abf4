"""Messages that are one question to the person who writes them."""

from typing import Any

import pytest

from telegram_service.answering.joining import continues, count_parts, pause_for
from telegram_service.channels.update import Chat, IncomingMessage
from tests.telegram_service.answering.test_documents import docx
from tests.telegram_service.running_app import RunningApp

pytestmark = pytest.mark.slow

ALICE = 11
PIXEL = b"no picture at all"
FORWARDED: dict[str, Any] = {
    "forward_origin": {"type": "hidden_user", "sender_user_name": "Drh", "date": 1}
}


def asked(app: RunningApp) -> list[str]:
    return [str(chat.messages[-1].content) for chat in app.ai.asked]


async def test_an_album_gets_one_answer_and_one_word_on_what_was_not_read(app: RunningApp) -> None:
    app.services.documents._scans.missing = ["rapidocr"]
    app.account.send_album(ALICE, [app.account.photo(PIXEL)] * 4, "Ce préavis est-il dû ?")
    await app.settled()
    assert asked(app) == ["Ce préavis est-il dû ?"]
    [answer] = app.account.texts(ALICE)
    assert answer.count("Je ne sais pas lire les images") == 1


async def test_an_album_without_a_word_gets_one_sentence(app: RunningApp) -> None:
    app.services.documents._scans.missing = ["rapidocr"]
    app.account.send_album(ALICE, [app.account.photo(PIXEL)] * 3)
    await app.settled()
    assert asked(app) == []
    [answer] = app.account.texts(ALICE)
    assert answer.startswith("Je ne sais pas lire les images")


async def test_two_documents_under_one_caption_are_read_together(app: RunningApp) -> None:
    files: list[dict[str, Any]] = []
    for name, text in (("contrat.docx", "Un essai de six mois"), ("avenant.docx", "Une prime")):
        file_id = app.account.upload(docx(text))
        files.append({"document": {"file_id": file_id, "file_unique_id": "u", "file_name": name}})
    app.account.send_album(ALICE, files, "Est-ce permis ?")
    await app.settled()
    [question] = asked(app)
    assert question.startswith("Est-ce permis ?")
    assert question.index("Un essai de six mois") < question.index("Une prime")
    assert len(app.account.texts(ALICE)) == 1


async def test_a_comment_and_what_it_forwards_are_one_question(app: RunningApp) -> None:
    app.account.say(ALICE, "Ont-ils le droit ?")
    app.account.say(ALICE, "Vous viendrez aussi dimanche.", **FORWARDED)
    await app.settled()
    [question] = asked(app)
    assert question.startswith("Ont-ils le droit ?")
    assert "« Vous viendrez aussi dimanche. »" in question


async def test_a_message_forwarded_alone_is_asked_about(app: RunningApp) -> None:
    app.account.say(ALICE, "Votre poste est supprimé.", **FORWARDED)
    await app.settled()
    [question] = asked(app)
    assert question.startswith("Que dit le droit du travail de ce message ?")
    assert "« Votre poste est supprimé. »" in question


async def test_openings_and_the_question_after_them_are_one_question(app: RunningApp) -> None:
    for text in ("Bonjour", "j'aurais une question", "puis-je refuser des heures sup ?"):
        app.account.say(ALICE, text)
    await app.settled()
    assert asked(app) == ["Bonjour\nj'aurais une question\npuis-je refuser des heures sup ?"]
    assert len(app.account.texts(ALICE)) == 1


async def test_two_questions_get_two_answers(app: RunningApp) -> None:
    app.account.say(ALICE, "Quel préavis pour un cadre ?")
    app.account.say(ALICE, "Et pour un ouvrier ?")
    await app.settled()
    assert asked(app) == ["Quel préavis pour un cadre ?", "Et pour un ouvrier ?"]


async def test_the_words_quoted_in_a_reply_are_asked_about(app: RunningApp) -> None:
    await app.ask(ALICE, "Quel préavis ?")
    answer = app.account.written(ALICE)[-1]["message_id"]
    quote = {"text": "sauf faute grave", "position": 0}
    await app.ask(ALICE, "Pourquoi ces mots ?", reply_to=answer, quote=quote)
    assert "« sauf faute grave »" in asked(app)[-1]


async def test_a_reply_to_an_answer_goes_on_without_repeating_it(app: RunningApp) -> None:
    await app.ask(ALICE, "Quel préavis ?")
    answer = app.account.written(ALICE)[-1]["message_id"]
    await app.ask(ALICE, "Et pour un cadre ?", reply_to=answer)
    assert asked(app)[-1] == "Et pour un cadre ?"


async def test_a_mention_under_a_colleagues_message_is_about_that_message(app: RunningApp) -> None:
    group = -88
    update = app.account.say(group, "On me demande de venir le 1er mai.", person=ALICE)
    number = update["message"]["message_id"]
    await app.ask(group, "@CodeDuTravailNeoBot est-ce permis ?", person=12, reply_to=number)
    assert "« On me demande de venir le 1er mai. »" in asked(app)[-1]


@pytest.mark.parametrize(
    "content",
    [
        {"sticker": {"file_id": "s"}},
        {"contact": {"phone_number": "0", "first_name": "X"}},
        {"location": {"latitude": 0, "longitude": 0}},
        {"poll": {"id": "1", "question": "?", "options": []}},
        {"checklist": {"title": "x", "tasks": []}},
        {"dice": {"emoji": "🎲", "value": 1}},
        {"story": {"id": 1}},
    ],
    ids=lambda content: next(iter(content)),
)
async def test_a_kind_that_holds_no_question_gets_one_honest_sentence(
    app: RunningApp, content: dict[str, Any]
) -> None:
    app.account.say(ALICE, "", **content)
    await app.settled()
    assert app.account.texts(ALICE) == [
        "Je ne peux rien faire de ce type de message. Écrivez votre question, ou envoyez un"
        " document PDF, DOCX ou TXT."
    ]


def message(
    text: str = "", *, date: int = 0, chat: str = "private", **more: Any
) -> IncomingMessage:
    return IncomingMessage.model_validate(
        {
            "message_id": 1, "date": date, "text": text, "from": {"id": 5},
            "chat": {"id": 5, "type": chat}, **more,
        }
    )  # fmt: skip


def picture(chat: int | str, *, date: int = 0) -> IncomingMessage:
    files: dict[str, Any] = {"photo": [{"file_id": "f"}]}
    return message(date=date, **files).model_copy(update={"chat": Chat(id=chat)})


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (message("Bonjour"), message("Quel préavis ?", date=3), True),
        (message("Bonjour"), message("Quel préavis ?", date=30), False),
        (message("Bonjour"), message("/stop"), False),
        (message("Quel préavis ?"), message("merci"), False),
        (message("สวัสดีครับ"), message("ลาออกต้องแจ้งล่วงหน้ากี่วัน"), True),
        (message("试用期可以延长吗"), message("谢谢"), False),
        (message("Bonjour", chat="group"), message("Quel préavis ?", chat="group"), False),
        (message(media_group_id="7"), message(media_group_id="7"), True),
        (message(media_group_id="7"), message(media_group_id="8"), False),
        (message("Et ça ?"), message("Viens dimanche", **FORWARDED), True),
        (message("Viens dimanche", **FORWARDED), message("Un droit ?", date=1), True),
        (message("x" * 4_000), message("fin"), True),
        (picture("whatsapp:33"), picture("whatsapp:33", date=3), True),
        (picture("whatsapp:33"), picture("whatsapp:33", date=30), False),
        (picture(5), picture(5), False),
    ],
)
def test_what_belongs_together(
    first: IncomingMessage, second: IncomingMessage, joined: bool
) -> None:
    assert continues(first, second) is joined
    assert count_parts([first, second, None]) == (2 if joined else 1)


def test_a_question_is_hardly_kept_waiting() -> None:
    assert pause_for([message("Quel préavis pour un cadre ?")]) <= 0.2
    assert pause_for([message("Quel préavis ?", chat="group")]) == 0


async def test_pictures_of_an_album_that_come_late_get_no_answer_of_their_own(
    app: RunningApp,
) -> None:
    picture = app.account.photo(PIXEL)
    for caption in ("Ce préavis est-il dû ?", "", ""):
        app.account.send_media(ALICE, picture, caption, media_group_id="77")
        await app.settled()
    assert len(app.account.texts(ALICE)) == 1
    assert not app.account.drafts  # nothing goes on as if an answer were being written
    app.account.send_media(ALICE, picture, media_group_id="78")
    await app.settled()
    assert len(app.account.texts(ALICE)) == 2
