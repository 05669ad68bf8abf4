"""The fuzzer of recordings: files of sound, damaged, to what decodes them in its child.

Whatever comes, it returns sound no longer than the limit, or none: nothing raises.
"""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypothesis import strategies as st

from telegram_service.voice.decoding import RATE_HZ, decode
from tests.fuzz.campaign import Check, Fuzzer
from tests.fuzz.pieces import damaged
from tests.telegram_service.voice.speaking import recording, spoken

LIMIT_S = 20.0
MAX_DURATION_S = 5
FORMATS = (
    ("ogg", "libopus"), ("mp4", "aac"), ("mp3", "libmp3lame"), ("wav", "pcm_s16le"),
    ("webm", "libopus"), ("flac", "flac"),
)  # fmt: skip
WORDS = (
    b"OggS", b"OpusHead", b"RIFF", b"WAVEfmt ", b"data", b"fLaC", b"moov", b"mdat", b"stsz",
    b"esds", b"\x1aE\xdf\xa3", b"ID3", b"\xff\xfb", b"\xff\xff\xff\xff", b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
)  # fmt: skip


@functools.cache
def sound_files() -> tuple[bytes, ...]:
    """Return a word in each format."""
    voice = spoken("Bonjour")
    return tuple(recording(voice, container=name, codec=codec) for name, codec in FORMATS)


def inputs() -> st.SearchStrategy[bytes]:
    """Return files of sound, damaged."""
    return damaged(st.sampled_from(sound_files()), WORDS)


@asynccontextmanager
async def opened() -> AsyncIterator[Check]:
    """Yield the check of one file, once there are files to damage: they take their time."""
    await asyncio.to_thread(sound_files)

    async def check(data: bytes) -> None:
        async with asyncio.timeout(LIMIT_S):
            sound = await asyncio.to_thread(decode, data, max_duration_s=MAX_DURATION_S)
        assert len(sound) <= 2 * RATE_HZ * (MAX_DURATION_S + 1)

    yield check


RECORDINGS = Fuzzer("recordings", inputs, opened)
