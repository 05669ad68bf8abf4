"""Speech without a person: eSpeak NG reads a sentence, PyAV writes it as telephones do."""

import ctypes
import io
from functools import cache

import av
import espeakng_loader
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

SYNCHRONOUS, UTF8, RATE, PITCH = 2, 1, 1, 3  # constants of speak_lib.h
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
Samples = NDArray[np.int16]


@cache
def library() -> tuple[ctypes.CDLL, int]:
    """Return the library, ready, and the rate of its samples in Hz."""
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    path = str(espeakng_loader.get_data_path()).encode()
    rate_hz = espeak.espeak_Initialize(SYNCHRONOUS, 0, path, 0)
    assert rate_hz > 0
    return espeak, rate_hz


def spoken(text: str, voice: str = "fr", *, words_per_min: int = 150, pitch: int = 50) -> Samples:
    """Return a sentence as it is read, at the rate of `library()`."""
    espeak, _ = library()
    pieces: list[Samples] = []

    def take(wave: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if wave and count:
            pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0

    callback = CALLBACK(take)
    espeak.espeak_SetSynthCallback(callback)
    assert espeak.espeak_SetVoiceByName(voice.encode()) == 0
    espeak.espeak_SetParameter(RATE, words_per_min, 0)
    espeak.espeak_SetParameter(PITCH, pitch, 0)
    data = text.encode()
    assert espeak.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None) == 0
    return np.concatenate(pieces)


def recording(
    samples: Samples, rate_hz: int = 0, *, container: str = "ogg", codec: str = "libopus"
) -> bytes:
    """Return samples as a file: by default OGG/Opus, what Telegram sends as a voice note."""
    rate_hz = rate_hz or library()[1]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48_000 if codec == "libopus" else rate_hz)
        assert isinstance(stream, AudioStream)
        frame = AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def sharpened(samples: Samples) -> Samples:
    """Return a voice with its high sounds raised above the low ones."""
    steps = np.diff(samples.astype(np.int32))
    return np.clip(steps, -32_768, 32_767).astype(np.int16)
