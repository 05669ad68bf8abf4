"""Voice notes and other recordings, from the chat to the answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from telegram_service.emulators.telegram.objects import BOT_NAME
from telegram_service.voice.recordings import Recordings
from telegram_service.voice.weights import write_sums
from tests.telegram_service.running_app import RunningApp, running
from tests.telegram_service.voice.speaking import recording, sharpened, spoken
from tests.telegram_service.voice.tiny_whisper import DULL, SHARP, write_model

pytestmark = pytest.mark.slow  # each starts the service, and a child that loads the model
ALICE, BOB, GROUP = 11, 12, -1001
HEARD = f"🎤 J'ai entendu : « {' '.join(DULL)} »"


@pytest.fixture(scope="module")
def note() -> bytes:
    return recording(spoken("Mon employeur peut-il refuser mes congés payés ?"))


@pytest.fixture
async def app(
    redis_url: str, database_url: str, key_file: Path, voice_model: Path
) -> AsyncIterator[RunningApp]:
    voice = {"model": voice_model, "max_duration_s": 20, "threads": 1, "queue": 0}
    async with running(redis_url, database_url, key_file, voice=voice) as app:
        yield app


def downloads(app: RunningApp) -> int:
    return sum(call.method == "getFile" for call in app.account.calls)


def asked(app: RunningApp) -> list[str]:
    return [request.messages[-1].content for request in app.ai.asked]


async def test_what_was_heard_is_shown_and_then_answered(app: RunningApp, note: bytes) -> None:
    app.account.send_voice(ALICE, note, 3)
    await app.settled()
    shown, answer = app.account.texts(ALICE)
    assert shown == HEARD
    assert "L9999-1" in answer
    assert asked(app) == [" ".join(DULL)]

    voice = sharpened(spoken("Can my boss refuse my holidays?", "en"))
    sharp = recording(voice, container="mp4", codec="aac")
    app.account.attach(ALICE, "memo.m4a", sharp, "Please answer this", mime_type="audio/mp4")
    await app.settled()
    assert app.account.texts(ALICE)[2] == f"🎤 I heard: “{' '.join(SHARP)}”"
    assert asked(app)[1] == f"Please answer this\n\n{' '.join(SHARP)}"

    sharp = recording(voice)
    app.account.send_voice(BOB, sharp, 3)
    await app.settled()
    assert app.account.texts(BOB)[0].startswith("🎤 I heard")  # in the language that is spoken

    for kind in ("audio", "video_note"):
        file = {"file_id": app.account.upload(note), "file_unique_id": "u", "duration": 3}
        app.account.send_media(ALICE, {kind: {**file, "length": 240}})
        await app.settled()
    assert asked(app)[3:] == [" ".join(DULL)] * 2


async def test_a_recording_beside_what_is_typed_is_one_question(
    app: RunningApp, note: bytes
) -> None:
    app.account.say(ALICE, "Voici ce que je voulais demander :")
    app.account.send_voice(ALICE, note, 3)
    await app.settled()
    assert asked(app) == [f"Voici ce que je voulais demander :\n\n{' '.join(DULL)}"]
    forwarded = {"type": "hidden_user", "sender_user_name": "Chef", "date": 1}
    app.account.send_voice(ALICE, note, 3, forward_origin=forwarded)
    await app.settled()
    assert f"« {' '.join(DULL)} »" in asked(app)[1]  # quoted: another person says it
    assert not asked(app)[1].startswith(DULL[0])


async def test_of_an_album_of_recordings_three_are_listened_to(
    app: RunningApp, note: bytes
) -> None:
    file = {"file_id": app.account.upload(note), "file_unique_id": "u", "duration": 3}
    app.account.send_album(ALICE, [{"audio": file}] * 5)
    await app.settled()
    *shown, answer = app.account.texts(ALICE)
    assert shown == [HEARD] * 3
    assert "trois enregistrements" in answer
    assert downloads(app) == 3
    assert asked(app) == ["\n\n".join([" ".join(DULL)] * 3)]


async def test_in_a_group_the_sign_of_life_becomes_what_was_heard(
    app: RunningApp, note: bytes
) -> None:
    app.account.send_voice(GROUP, note, 3, f"@{BOT_NAME}", person=ALICE)
    await app.settled()
    shown, answer = app.account.texts(GROUP)
    assert shown == HEARD
    assert "L9999-1" in answer


async def test_a_recording_that_is_not_answered_gets_one_sentence(
    app: RunningApp, note: bytes
) -> None:
    silence = np.zeros(21 * 16_000, np.int16)
    for content, told_s in (
        (note, 21),
        (b"OggS nothing of the sort", 3),
        (recording(silence[:32_000], 16_000), 2),
        (recording(silence, 16_000), 3),
    ):
        app.account.send_voice(ALICE, content, told_s)
        await app.settled()
    long, damaged, silent, longer = app.account.texts(ALICE)
    assert "jusqu'à 0.333 min" in long
    assert "abîmé" in damaged
    assert "aucune parole" in silent
    assert longer == long
    assert asked(app) == []
    assert downloads(app) == 3  # not the one that says that it is too long


async def test_one_is_transcribed_while_the_others_write(
    app: RunningApp, note: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun = asyncio.Event(), asyncio.Event()
    transcribe = Recordings._transcribe

    async def slowly(self: Recordings, content: bytes, language: str) -> object:
        begun.set()
        await go.wait()
        return await transcribe(self, content, language)

    monkeypatch.setattr(Recordings, "_transcribe", slowly)
    app.account.send_voice(ALICE, note, 3)
    await begun.wait()
    app.account.say(BOB, "Quel est le préavis ?")
    await app.until(lambda: len(app.account.texts(BOB)) == 1)
    app.account.send_voice(BOB, note, 3)
    await app.until(lambda: len(app.account.texts(BOB)) == 2)
    assert "Trop d'enregistrements" in app.account.texts(BOB)[1]
    go.set()
    await app.settled()
    assert app.account.texts(ALICE)[0] == HEARD


async def test_stopping_ends_the_listening(
    app: RunningApp, note: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def never(_self: Recordings, _content: bytes, _language: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Recordings, "_transcribe", never)
    app.account.send_voice(ALICE, note, 3)
    await begun.wait()
    app.account.say(ALICE, "/stop")
    await app.settled()
    [told] = app.account.texts(ALICE)
    assert "Arrêté" in told
    assert asked(app) == []
    assert app.services.recordings is not None
    assert app.services.recordings._held == 0


async def test_what_was_heard_is_kept_while_the_answer_waits(
    app: RunningApp, note: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bytes] = []
    transcribe = Recordings._transcribe

    async def counted(self: Recordings, content: bytes, language: str) -> object:
        calls.append(content)
        return await transcribe(self, content, language)

    monkeypatch.setattr(Recordings, "_transcribe", counted)
    app.ai.script.status = 503
    app.account.send_voice(ALICE, note, 3)
    await app.until(lambda: len(app.account.texts(ALICE)) == 2)
    app.ai.script.status = 200
    await app.settled()
    assert len(calls) == 1
    assert app.account.texts(ALICE)[0] == HEARD
    assert "L9999-1" in app.account.texts(ALICE)[-1]
    stored = await app.services.redis.call("KEYS", "*")
    assert stored  # and no key or value of theirs says what was heard
    for key in stored:
        dumped = await app.services.redis.call("DUMP", key)
        assert DULL[1].encode() not in (dumped or b"")


async def test_what_was_heard_badly_is_said_and_what_is_no_sentence_is_not_answered(
    app: RunningApp, note: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcribe, sure = Recordings._transcribe, [-0.5, -0.8, -1.2]

    async def unsure(self: Recordings, content: bytes, language: str) -> object:
        heard = await transcribe(self, content, language)
        return heard.model_copy(update={"log_probability": sure.pop(0)})

    monkeypatch.setattr(Recordings, "_transcribe", unsure)
    for told, questions in (
        ("J'ai entendu", 1),
        ("J'ai cru entendre", 2),
        ("J'ai mal entendu", 2),
    ):
        before = len(app.account.texts(ALICE))
        app.account.send_voice(ALICE, note, 3)
        await app.settled()
        shown = app.account.texts(ALICE)[before]
        assert told in shown
        assert " ".join(DULL) in shown
        assert len(asked(app)) == questions


@pytest.fixture
def telling_model(tmp_path: Path) -> Path:
    write_sums(write_model(tmp_path, dull=("Appelez", "le", "06", "12", "34", "56", "78.")))
    return tmp_path


async def test_what_was_said_is_masked_as_what_is_written(
    redis_url: str, database_url: str, key_file: Path, telling_model: Path, note: bytes,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    voice = {"model": telling_model, "threads": 1}
    async with running(redis_url, database_url, key_file, voice=voice) as app:
        app.account.send_voice(ALICE, note, 3)
        await app.settled()
        assert "06 12 34 56 78" in app.account.texts(ALICE)[0]  # shown to who said it
        assert "06 12 34" not in asked(app)[0]
        assert asked(app)[0].startswith("Appelez le")
    said = capfd.readouterr()
    assert "Appelez" not in said.out + said.err


async def test_without_a_model_the_bot_says_that_it_cannot_listen(
    redis_url: str, database_url: str, key_file: Path, note: bytes
) -> None:
    async with running(redis_url, database_url, key_file) as app:
        app.account.send_voice(ALICE, note, 3)
        await app.settled()
        app.account.send_voice(ALICE, note, 3, "Quel est le préavis ?")
        await app.settled()
        alone, answer = app.account.texts(ALICE)
    assert "Je ne sais pas écouter" in alone
    assert alone in answer
    assert "L9999-1" in answer
    assert asked(app) == ["Quel est le préavis ?"]
    assert downloads(app) == 0
