"""Recordings as telephones write them, and hostile ones, through both confined children."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from shared.errors import AppError
from shared.privacy.sandbox import Sandbox
from telegram_service.errors import RecordingTooLong, TranscriptionBusy
from telegram_service.settings import VoiceSettings
from telegram_service.voice.recordings import Recordings, open_recordings
from telegram_service.voice.weights import write_sums
from tests.telegram_service.voice.speaking import Samples, recording, sharpened, spoken
from tests.telegram_service.voice.tiny_whisper import DULL, SHARP, write_model

pytestmark = pytest.mark.slow  # each starts a child that loads the model
QUESTION = "Mon employeur peut-il refuser mes congés payés ?"
RATE_HZ = 16_000
FORMATS = {
    "a voice note": ("ogg", "libopus"),
    "music": ("mp3", "libmp3lame"),
    "a video note": ("mp4", "aac"),
    "a phone's memo": ("ipod", "aac"),
    "a recorder's": ("wav", "pcm_s16le"),
    "a browser's": ("webm", "libopus"),
    "a studio's": ("flac", "flac"),
}


@pytest.fixture
async def recordings(voice_model: Path) -> AsyncIterator[Recordings]:
    settings = VoiceSettings(model=voice_model, max_duration_s=20, threads=1)
    async with open_recordings(settings) as opened:
        assert opened is not None
        yield opened


def as_wav(samples: Samples, rate_hz: int = RATE_HZ, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(channels)
        output.setsampwidth(2)
        output.setframerate(rate_hz)
        output.writeframes(samples.tobytes())
    return file.getvalue()


def silent_film() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=5)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 32
        for _ in range(3):
            frame = VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


async def test_what_is_said_is_written_down_whatever_the_format(recordings: Recordings) -> None:
    voice = spoken(QUESTION)
    for name, (container, codec) in FORMATS.items():
        content = recording(voice, container=container, codec=codec)
        heard = await recordings.transcribe(content, "fr")
        assert (name, heard.text) == (name, " ".join(DULL))
        assert heard.language == "fr"
        assert heard.speech_s == pytest.approx(len(voice) / 22_050, abs=0.3)


async def test_the_language_is_heard_not_taken_from_the_account(recordings: Recordings) -> None:
    heard = await recordings.transcribe(recording(sharpened(spoken(QUESTION))), "fr")
    assert (heard.text, heard.language, heard.doubtful) == (" ".join(SHARP), "en", False)


@pytest.fixture
def unsure_model(tmp_path: Path) -> Path:
    write_sums(write_model(tmp_path, sureness=0.55))
    return tmp_path


async def test_a_model_that_is_unsure_says_so_and_takes_the_language_of_the_account(
    unsure_model: Path,
) -> None:
    async with open_recordings(VoiceSettings(model=unsure_model, threads=1)) as unsure:
        assert unsure is not None
        heard = await unsure.transcribe(recording(spoken(QUESTION)), "th")
    assert heard.language == "th"
    assert heard.doubtful


async def test_nobody_speaking_is_never_given_words(recordings: Recordings) -> None:
    """The model writes its sentence over anything: what it is not given, it cannot invent."""
    random, at = np.random.default_rng(1), np.arange(5 * RATE_HZ) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * at) for hz in (220, 277, 330, 440)) / 4
    sounds = {
        "silence": np.zeros(len(at)),
        "hiss": random.normal(size=len(at)) * 0.05,
        "noise": random.normal(size=len(at)) * 0.3,
        "tone": np.sin(2 * np.pi * 440 * at) * 0.4,
        "music": chord * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * at)) * 0.8,
    }
    for name, sound in sounds.items():
        samples = (np.clip(sound, -1, 1) * 32_767).astype(np.int16)
        heard = await recordings.transcribe(recording(samples, RATE_HZ), "fr")
        assert (name, heard.text) == (name, "")


async def test_of_a_recording_cut_off_what_came_is_heard(recordings: Recordings) -> None:
    content = recording(spoken(QUESTION))
    heard = await recordings.transcribe(content[: len(content) * 3 // 4], "fr")
    assert heard.text == " ".join(DULL)


async def test_what_is_no_recording_is_unreadable(recordings: Recordings) -> None:
    voice = spoken(QUESTION)
    contents = {
        "nothing": b"",
        "text": b"Mon employeur refuse" * 100,
        "a header alone": recording(voice)[:60],
        "bytes": np.random.default_rng(2).bytes(50_000),
        "a list of other files": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n",
        "a film without sound": silent_film(),
        "one sample a second": as_wav(voice, rate_hz=1),
        "an unknown codec": as_wav(voice)[:20] + b"\x77\x77" + as_wav(voice)[22:],
        "64 channels": as_wav(voice[: len(voice) // 64 * 64], channels=64),
    }
    heard = [await outcome(recordings, content) for content in contents.values()]
    assert dict(zip(contents, heard, strict=True)) == dict.fromkeys(
        contents, "unreadable_recording"
    )


async def outcome(recordings: Recordings, content: bytes) -> str:
    """Return what is heard, or the code of the error."""
    try:
        return (await recordings.transcribe(content, "fr")).text
    except AppError as error:
        return error.code


async def test_a_recording_is_as_long_as_it_sounds_not_as_it_says(recordings: Recordings) -> None:
    voice = as_wav(spoken(QUESTION), 22_050)
    claims_a_day = voice[:40] + (0xFFFFFF00).to_bytes(4, "little") + voice[44:]
    assert (await recordings.transcribe(claims_a_day, "fr")).text == " ".join(DULL)

    silence = np.zeros(2 * 3_600 * 8_000, np.int16)
    two_hours = recording(silence, 8_000, container="flac", codec="flac")
    assert len(two_hours) < 2_000_000  # a bomb: 230 MB at the rate of the model
    with pytest.raises(RecordingTooLong):
        await recordings.transcribe(two_hours, "fr")


class Held(Sandbox):
    """A sandbox whose calls wait until they are let go."""

    def __init__(self) -> None:
        super().__init__("builtins:bytes", timeout_s=1, memory_mib=64)
        self.calls, self.begun, self.go = 0, asyncio.Event(), asyncio.Event()

    async def call(self, data: bytes) -> bytes:
        self.calls += 1
        self.begun.set()
        await self.go.wait()
        return b'{"text": "oui", "language": "fr", "log_probability": 0, "speech_s": 1}'


async def test_one_is_transcribed_some_wait_and_more_are_told_so() -> None:
    held = Held()
    recordings = Recordings(VoiceSettings(queue=2), held, held)
    first = [asyncio.create_task(recordings.transcribe(b"x", "fr")) for _ in range(3)]
    await held.begun.wait()
    with pytest.raises(TranscriptionBusy):
        await recordings.transcribe(b"x", "fr")
    assert held.calls == 1
    first.pop().cancel()  # somebody who waited does so no longer, and another may
    await asyncio.sleep(0)
    first.append(asyncio.create_task(recordings.transcribe(b"x", "fr")))
    held.go.set()
    assert [(await each).text for each in first] == ["oui"] * 3


async def test_a_transcriber_that_dies_is_replaced_and_the_model_loaded_again(
    recordings: Recordings,
) -> None:
    content = recording(spoken(QUESTION))
    await recordings.transcribe(content, "fr")
    process = recordings._transcriber._children[0]._process
    assert process is not None
    await recordings.transcribe(content, "fr")
    assert recordings._transcriber._children[0]._process is process  # the model stays loaded
    psutil.Process(process.pid).kill()
    await process.wait()
    assert (await recordings.transcribe(content, "fr")).text == " ".join(DULL)
