"""Voice notes and other recordings: downloaded, transcribed, shown as heard, asked as a question.

What was said is treated as what is written: sealed before it is stored, masked before it is sent.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from shared.errors import TooLarge
from telegram_service.answering.sign_of_life import SignOfLife
from telegram_service.answering.update_context import UpdateContext
from telegram_service.channels.update import Attachment, File
from telegram_service.errors import (
    ChannelRefused,
    RecordingTooLong,
    TranscriptionBusy,
    UnreadableRecording,
)
from telegram_service.vault import RECORDING
from telegram_service.voice.recordings import Recordings, Transcript

log = structlog.get_logger()

DOWNLOAD_TIMEOUT_S = 60.0
REFUSALS: Mapping[type[Exception], str] = {
    TimeoutError: "voice_slow",
    TranscriptionBusy: "voice_busy",
    RecordingTooLong: "voice_long",
    TooLarge: "voice_large",
    UnreadableRecording: "voice_unreadable",
    ChannelRefused: "voice_unreadable",
}
"""What is said for an error."""


async def read_recording(
    context: UpdateContext, attachment: Attachment, number: int
) -> Transcript | None:
    """Transcribe a recording and show what was heard; None after a reply with why there is nothing.

    `number` tells the recordings of one question apart. It must have been counted against the
    person's quota. Without a model, call nothing here.
    """
    recordings = context.services.recordings
    assert recordings is not None  # noqa: S101 - the caller has looked
    hearing = Hearing(context, recordings, attachment.file, number)
    transcript = await hearing.transcript()
    if transcript is None:
        return None
    if not transcript.text:
        await hearing.put("voice_silent")
        return None
    if not attachment.forwarded:
        context.speak(transcript.language)
    if transcript.unclear:
        await hearing.put("voice_unclear", transcript.text)
        return None
    await hearing.put("voice_doubtful" if transcript.doubtful else "voice_heard", transcript.text)
    return transcript


@dataclass(frozen=True)
class Hearing:
    """One recording of an update, on its way to a transcript."""

    context: UpdateContext
    recordings: Recordings
    file: File
    number: int

    async def transcript(self) -> Transcript | None:
        """Return what is said, kept sealed for a worker that takes over; None after a reply."""
        vault, outbox, name = self.context.services.vault, self.context.outbox, self._name("heard")
        if sealed := outbox.get(name):
            return Transcript.model_validate_json(vault.open(sealed, RECORDING))
        if refusal := self._limit_reached():
            await self.put(refusal)
            return None
        began = time.monotonic()
        try:
            transcript = await self._sign.during(self._transcribed)
        except tuple(REFUSALS) as error:
            log.info("recording not transcribed", kind=type(error).__name__, reason=str(error))
            key = next(REFUSALS[kind] for kind in REFUSALS if isinstance(error, kind))
            await self.put("voice_slow" if str(error) == "time" else key)
            return None
        if transcript is None:
            if outbox.message_id(self._name("listening")):
                await self.put("stop_done")
            return None
        elapsed_ms = round((time.monotonic() - began) * 1000)
        log.info("recording transcribed", speech_s=transcript.speech_s, elapsed_ms=elapsed_ms)
        await outbox.write(**{name: vault.seal(transcript.model_dump_json().encode(), RECORDING)})
        return transcript

    async def put(self, key: str, text: str = "") -> None:
        """Say something of the recording: in place of the sign of life, where that is a message.

        `text` is what a person said: it is shown as it is, never read as Markdown.
        """
        context, settings = self.context, self.recordings.settings
        minutes, megabytes = settings.max_duration_s / 60, settings.max_bytes // 1_000_000
        told = context.say(key, minutes=f"{minutes:.3g}", megabytes=megabytes, text=text)
        await self._sign.become(self._name(key), told)

    @property
    def _sign(self) -> SignOfLife:
        return SignOfLife(self.context, self._name("listening"), "voice_listening")

    def _name(self, part: str) -> str:
        return f"{part}/{self.number}"

    def _limit_reached(self) -> str | None:
        """Return the sentence for a recording that says itself that it is too long or too large."""
        if self.file.duration > self.recordings.settings.max_duration_s:
            return "voice_long"
        too_large = self.file.file_size > self.recordings.settings.max_bytes
        return "voice_large" if too_large else None

    async def _transcribed(self) -> Transcript:
        """Download the recording and transcribe it."""
        context, max_bytes = self.context, self.recordings.settings.max_bytes
        async with asyncio.timeout(DOWNLOAD_TIMEOUT_S):
            content = await context.channel.download(self.file.file_id, max_bytes)
        return await self.recordings.transcribe(content, context.language)
