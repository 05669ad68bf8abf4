"""Whoever asks in one of nine languages reads no sentence of ours in another one."""

import re
import tomllib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from ai_core.answering.boilerplate import FRAMES_FILE, TEXT_FILES
from ai_core.law.corpus import Corpus
from ai_core.law.records import Passage, QuestionScope, SearchResult
from shared.frame_languages import FRAME_LANGUAGES
from shared.languages import LANGUAGES
from tests.ai_core.conftest import SampleLibrary

ASKED = {
    "fr": "Quel préavis pour une démission ?",
    "en": "How long is the notice period when I resign?",
    "th": "ลาออกต้องแจ้งล่วงหน้านานเท่าไร",
    "zh": "辞职需要提前多久通知？",
    "ar": "كم مدة الإشعار عند الاستقالة؟",
    "pt": "Quanto tempo de aviso prévio na demissão?",
    "es": "¿Cuánto es el preaviso si dimito?",
    "ro": "Cât este preavizul dacă demisionez?",
    "de": "Wie lang ist die Kündigungsfrist, wenn ich kündige?",
}
GREETINGS = {
    "fr": "Bonjour !",
    "en": "Hello",
    "th": "สวัสดีครับ",
    "zh": "你好",
    "ar": "مرحبا",
    "pt": "Olá, bom dia",
    "es": "Hola, buenos días",
    "ro": "Bună ziua",
    "de": "Guten Tag",
}
THANKS = {
    "fr": "Merci beaucoup",
    "en": "Thanks a lot",
    "th": "ขอบคุณมากค่ะ",
    "zh": "谢谢您",
    "ar": "شكرا جزيلا",
    "pt": "Muito obrigado",
    "es": "Muchas gracias",
    "ro": "Mulțumesc",
    "de": "Vielen Dank",
}
IN_DANGER = {
    "fr": "Mon patron me harcèle et je veux mourir",
    "en": "My boss bullies me and I want to die",
    "th": "หัวหน้ากลั่นแกล้ง ฉันอยากตาย",
    "zh": "老板天天骂我，我不想活了",
    "ar": "مديري يهينني وأريد أن أموت",
    "pt": "O meu chefe humilha-me e quero morrer",
    "es": "Mi jefe me humilla y quiero morir",
    "ro": "Șeful mă umilește și vreau să mor",
    "de": "Mein Chef demütigt mich und ich will sterben",
}
IN_FRENCH = {
    "ar": "كم مدة الإشعار عند الاستقالة؟ بالفرنسية من فضلك",
    "pt": "Quanto tempo de aviso prévio na demissão? Responda em francês",
    "es": "¿Cuánto es el preaviso si dimito? En francés, por favor",
    "ro": "Cât este preavizul dacă demisionez? Răspundeți în franceză",
    "de": "Wie lang ist die Kündigungsfrist? Bitte auf Französisch antworten",
}
OUTSIDE = {
    "fr": "Où renouveler mon passeport ?",
    "en": "Where do I renew my passport?",
    "th": "ต่ออายุพาสปอร์ตที่ไหน",
    "zh": "护照在哪里续签？",
    "ar": "أين أجدد جواز سفري؟",
    "pt": "Onde renovo o meu passaporte?",
    "es": "¿Dónde renuevo mi pasaporte?",
    "ro": "Unde îmi reînnoiesc pașaportul?",
    "de": "Wo verlängere ich meinen Reisepass?",
}
FRAMES = tomllib.loads(FRAMES_FILE.read_text(encoding="utf-8"))
_LEAST_CHARACTERS = 18


@pytest.fixture
def passages(sample: Corpus) -> list[Passage]:
    return list(islice(sample.passages(), 2))


def sentences() -> Iterator[tuple[str, str]]:
    """Yield the fixed pieces of every sentence of ours, with its language."""
    for path in (*TEXT_FILES, FRAMES_FILE):
        for key, versions in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for language, sentence in versions.items():
                known = "fr" if key.endswith("_fr") else language
                for piece in re.split(r"\{\w+\}", sentence):
                    if len(piece.strip()) >= _LEAST_CHARACTERS:
                        yield language if language in FRAME_LANGUAGES else known, piece.strip()


SENTENCES = list(sentences())


def written(language: str) -> set[str]:
    """The languages that an asker of a language may read."""
    return {language} if language in LANGUAGES else {language, "en"}


def foreign(text: str, allowed: set[str]) -> list[str]:
    """The sentences of ours in a text that are in none of the languages allowed."""
    own = {piece for language, piece in SENTENCES if language in allowed}
    others = {piece for language, piece in SENTENCES if language not in allowed} - own
    told = "\n".join(line for line in text.splitlines() if not line.startswith(">"))
    return [piece for piece in others if piece in told]


async def say(app: Any, message: str, conversation: str | None = None) -> dict[str, Any]:
    body: dict[str, object] = {"messages": [{"role": "user", "content": message}]}
    if conversation:
        body["conversation_id"] = conversation
    response = await app.client.post("/api/v1/chat", json=body, headers=app.key_header())
    assert response.status_code == 200, response.text
    reply: dict[str, Any] = response.json()
    return reply


@pytest.mark.parametrize("language", [*ASKED])
async def test_all_that_is_said_is_in_the_asker_s_language(
    app: Any, library: SampleLibrary, passages: list[Passage], language: str
) -> None:
    allowed = written(language)
    library.planted = passages
    replies = [await say(app, said[language]) for said in (ASKED, GREETINGS, THANKS, IN_DANGER)]
    library.found = SearchResult((), QuestionScope.OUTSIDE)
    refused = await say(app, OUTSIDE[language])
    assert refused["abstained"]["reason"] == "out_of_scope"
    for reply in (*replies, refused):
        told = [reply["response"], reply["notice"], *reply["suggestions"]]
        asked = reply["clarification"]
        told += [asked["question"], *asked["choices"]] if asked else []
        told += [section["title"] for section in reply["sections"]]
        assert foreign("\n".join(told), allowed) == [], reply["response"]
        assert reply["language"] in allowed
        assert language != "zh" or not re.search(r"。 (?!\[)", reply["response"])
    assert {reply["notice"] for reply in replies} == {refused["notice"]}


@pytest.mark.parametrize("language", FRAME_LANGUAGES)
async def test_a_frame_opens_and_closes_the_answer(
    app: Any, library: SampleLibrary, passages: list[Passage], language: str
) -> None:
    library.found = SearchResult((), QuestionScope.OUTSIDE)
    refused = await say(app, OUTSIDE[language])
    library.found = None
    library.planted = passages
    reply = await say(app, ASKED[language])
    for one in (refused, reply):
        assert one["language"] == "en"
        assert one["response"].startswith(FRAMES["opening_en"][language])
        assert one["response"].endswith(FRAMES["notice"][language])
    date_and_notice = reply["response"].split("\n\n")[-1].split("\n")
    assert len(date_and_notice) == 2
    assert refused["abstained"]
    assert reply["citations"]
    assert (await say(app, GREETINGS[language]))["response"] == FRAMES["greeting"][language]
    assert (await say(app, THANKS[language]))["response"] == FRAMES["thanks"][language]


@pytest.mark.parametrize("language", FRAME_LANGUAGES)
async def test_french_is_had_by_asking_for_it(app: Any, language: str) -> None:
    reply = await say(app, IN_FRENCH[language])
    assert reply["language"] == "fr"
    assert reply["response"].startswith(FRAMES["opening_fr"][language])
    assert foreign(reply["response"], {language, "fr"}) == []


async def test_the_other_language_alone_asks_the_same_again(
    app: Any, library: SampleLibrary
) -> None:
    first = await say(app, ASKED["es"])
    again = await say(app, "en francés, por favor", first["conversation_id"])
    assert (first["language"], again["language"]) == ("en", "fr")
    assert library.asked == [ASKED["es"]] * 2


@pytest.mark.parametrize("language", [*ASKED])
async def test_who_to_call_comes_first_in_the_asker_s_language(app: Any, language: str) -> None:
    reply = await say(app, IN_DANGER[language])
    first = reply["response"].split("\n\n")[0]
    assert "3114" in first
    danger = tomllib.loads((TEXT_FILES[0].parent / "distress.toml").read_text(encoding="utf-8"))
    assert first == danger["suicide"][language]["say"]


@pytest.mark.parametrize("language", [*ASKED])
async def test_a_reply_of_a_word_keeps_the_language(app: Any, language: str) -> None:
    first = await say(app, ASKED[language])
    for word in ("Syntec", "1486", "cadre"):
        reply = await say(app, word, first["conversation_id"])
        assert reply["language"] in written(language) - {"ar", "pt", "es", "ro"}, word
        assert foreign(reply["response"], written(language)) == []
        assert reply["notice"] == first["notice"]


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        ("fr", "conversation est inconnue"),
        ("en-GB", "conversation is unknown"),
        ("th", "ไม่พบการสนทนานี้"),
        ("zh-CN,zh;q=0.9", "该对话不存在"),
        ("pt-BR", "conversation is unknown"),
    ],
)
async def test_an_error_is_in_the_language_accepted(app: Any, accepted: str, said: str) -> None:
    body = {"messages": [{"role": "user", "content": "?!"}], "conversation_id": "a" * 32}
    headers = {**app.key_header(), "Accept-Language": accepted}
    response = await app.client.post("/api/v1/chat", json=body, headers=headers)
    assert response.status_code == 404
    assert said in response.json()["detail"]
    assert response.headers["content-language"] == {"pt": "en"}.get(accepted[:2], accepted[:2])
