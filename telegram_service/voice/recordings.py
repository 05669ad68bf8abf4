"""Recordings transcribed one at a time, in two confined children: one decodes, one transcribes.

The decoder reads hostile files and is new for each; the transcriber keeps the model in memory and
is given sound alone. Whoever waits too long is told so at once: the queue is short.
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared.privacy.sandbox import Sandbox, SandboxFailed
from shared.settings import WrongSettings
from telegram_service.errors import RecordingTooLong, TranscriptionBusy, UnreadableRecording
from telegram_service.settings import VoiceSettings
from telegram_service.voice.weights import check_weights

BYTES_PER_S = 2 * 16_000
"""Of what the decoder returns: 16-bit samples at 16 kHz."""
DECODE_TIMEOUT_S = 30.0
START_TIMEOUT_S = 60.0
"""The transcriber's libraries take half a second to import, on a busy machine many times that."""
DECODER_MEMORY_MIB = 384
LOAD_TIMEOUT_S = 30.0
TRANSCRIBE_S_PER_S = 1.0
"""A model as fast as speech is too slow to wait for; `base` takes a tenth on two cores."""
CALLS_PER_MODEL = 200
NICENESS = 5
DOUBTFUL_LOG_PROBABILITY, UNCLEAR_LOG_PROBABILITY = -0.7, -1.0
"""Means of the tokens' logarithms: clear speech has -0.2 to -0.5. Below the second Whisper itself
takes its text for a failure (docs/decisions/0160).
"""


class Transcript(BaseModel):
    """What was heard: `text` is empty when nobody spoke, or nothing that could be understood."""

    model_config = ConfigDict(frozen=True)

    text: str
    language: str
    log_probability: float
    speech_s: float

    @property
    def doubtful(self) -> bool:
        """Whether words of it are likely to be wrong."""
        return self.log_probability < DOUBTFUL_LOG_PROBABILITY

    @property
    def unclear(self) -> bool:
        """Whether it is too wrong to be answered."""
        return self.log_probability < UNCLEAR_LOG_PROBABILITY


class Recordings:
    """Transcribes; `settings` has the limits."""

    def __init__(self, settings: VoiceSettings, decoder: Sandbox, transcriber: Sandbox) -> None:
        self.settings = settings
        self._decoder = decoder
        self._transcriber = transcriber
        self._turn = asyncio.Lock()
        self._held = 0

    async def transcribe(self, content: bytes, language: str) -> Transcript:
        """Return what is said; `language` decides where the recording does not.

        Raises TranscriptionBusy, RecordingTooLong, UnreadableRecording.
        """
        if self._held > self.settings.queue:
            raise TranscriptionBusy
        self._held += 1
        try:
            async with self._turn:
                return await self._transcribe(content, language)
        except SandboxFailed as error:
            raise UnreadableRecording(error.reason) from error
        finally:
            self._held -= 1

    async def _transcribe(self, content: bytes, language: str) -> Transcript:
        sound = await self._decoder.call(content)
        if not sound:
            raise UnreadableRecording("no sound")
        if len(sound) > self.settings.max_duration_s * BYTES_PER_S:
            raise RecordingTooLong
        said = await self._transcriber.call(language.encode() + b"\0" + sound)
        return Transcript.model_validate_json(said)


@asynccontextmanager
async def open_recordings(settings: VoiceSettings) -> AsyncIterator[Recordings | None]:
    """Check the weights and open both children; None without a model. Raises WrongSettings.

    The model is loaded with the first recording.
    """
    if settings.model is None:
        yield None
        return
    folder = await asyncio.to_thread(_checked, settings.model, settings.sha256)
    decoder = Sandbox(
        "telegram_service.voice.decoding:decode",
        timeout_s=DECODE_TIMEOUT_S,
        start_timeout_s=START_TIMEOUT_S,
        memory_mib=DECODER_MEMORY_MIB,
        max_duration_s=settings.max_duration_s,
    )
    transcriber = Sandbox(
        "telegram_service.voice.transcription:transcribe",
        timeout_s=LOAD_TIMEOUT_S + settings.max_duration_s * TRANSCRIBE_S_PER_S,
        memory_mib=settings.memory_mib,
        calls_per_process=CALLS_PER_MODEL,
        start_timeout_s=START_TIMEOUT_S,
        readable=[folder],
        niceness=NICENESS,
        model=str(folder),
        threads=settings.threads,
    )
    async with decoder, transcriber:
        yield Recordings(settings, decoder, transcriber)


def _checked(folder: Path, sha256: str) -> Path:
    if importlib.util.find_spec("faster_whisper") is None:
        raise WrongSettings("TELEGRAM_VOICE__MODEL needs the extra [voice]: pip install '.[voice]'")
    check_weights(folder, sha256)
    return folder.resolve()
