"""Decodes a recording with FFmpeg (PyAV), which knows what people's telephones write.

It runs in a confined child that is thrown away after each recording: its input is hostile.
"""

import io
from collections.abc import Iterator

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

RATE_HZ = 16_000
"""What Whisper listens to."""
MAX_CHANNELS = 8
MIN_RATE_HZ = 4_000
"""A file that claims one sample a second would grow 16,000 times by resampling."""
CONTAINERS = "ogg,mov,mp4,m4a,3gp,matroska,webm,mp3,wav,flac,aac,amr,avi,caf"
"""Containers of recordings; lists of other files (HLS, concat) are not among them."""


def decode(data: bytes, *, max_duration_s: int) -> bytes:
    """Return the sound of a recording: 16-bit samples, mono, 16 kHz; empty when there is none.

    It ends one second after `max_duration_s`, whatever the recording claims, so that more than the
    limit shows. Damaged packets are left out, as a player does.
    """
    limit_bytes = 2 * RATE_HZ * (max_duration_s + 1)
    sound = bytearray()
    for samples in _samples(data):
        sound += samples[: limit_bytes - len(sound)]
        if len(sound) >= limit_bytes:
            break
    return bytes(sound)


def _samples(data: bytes) -> Iterator[bytes]:
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    try:
        for frame in _frames(data):
            yield from map(_bytes, resampler.resample(frame))
        yield from map(_bytes, resampler.resample(None))
    except (av.error.FFmpegError, ValueError):  # PyAV raises both for what is no recording
        return


def _bytes(frame: AudioFrame) -> bytes:
    return np.ascontiguousarray(frame.to_ndarray()).tobytes()


def _frames(data: bytes) -> Iterator[AudioFrame]:
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": ""}
    with av.open(io.BytesIO(data), "r", options=options, metadata_errors="ignore") as container:
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        codec: AudioCodecContext | None = stream.codec_context
        if codec is None:  # FFmpeg knows the container and not what is in it
            return
        codec.thread_count = 1
        if codec.channels > MAX_CHANNELS or codec.sample_rate < MIN_RATE_HZ:
            return
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except av.error.InvalidDataError:
                continue
