"""Writes down what is said in a recording, with Whisper (faster-whisper on CTranslate2).

It runs in a confined child that keeps the model; what it gets is sound alone, never a file. Whisper
invents sentences where nobody speaks, so silence is cut before (Silero's voice detector) and what
it is itself unsure of is left out. Radford et al., "Robust Speech Recognition via Large-Scale Weak
Supervision", 2022 (arXiv:2212.04356), section 4.5, for the thresholds.
"""

import functools
import json
from collections.abc import Iterable, Sequence

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment, TranscriptionInfo

BEAM_SIZE = 5
TEMPERATURES = (0.0, 0.4)
"""The second where the first fails; Whisper's own six take minutes over what nobody understands."""
SURE_OF_LANGUAGE = 0.5
NO_SPEECH_PROBABILITY = 0.6
MIN_LOG_PROBABILITY = -1.0
MAX_COMPRESSION = 2.4
"""A text that compresses more repeats itself, which Whisper does when it has lost the thread."""
SHORT_SPEECH_S = 0.25
"""Less is a cough or a click."""


def transcribe(data: bytes, *, model: str, threads: int) -> bytes:
    """Return a JSON object: text, language, log_probability, speech_s.

    `data` is the code of the language to expect, a zero byte, then 16-bit samples at 16 kHz. The
    text is empty when nobody is heard; `log_probability` is the mean of its tokens'.
    """
    expected, _, samples = data.partition(b"\0")
    sound = np.frombuffer(samples, np.int16).astype(np.float32) / 32_768
    whisper, language = _loaded(model, threads), expected.decode()
    segments, info = _heard(whisper, sound, None)
    if info.duration_after_vad < SHORT_SPEECH_S:
        return _reply([], language, info.duration_after_vad)
    known = language in whisper.supported_languages
    if info.language_probability < SURE_OF_LANGUAGE and known:
        segments, info = _heard(whisper, sound, language)
    return _reply(list(filter(_is_speech, segments)), info.language, info.duration_after_vad)


def _heard(
    whisper: WhisperModel, sound: np.ndarray, language: str | None
) -> tuple[Iterable[Segment], TranscriptionInfo]:
    """Return the segments, written as they are read, and what is known before."""
    heard: tuple[Iterable[Segment], TranscriptionInfo] = whisper.transcribe(
        sound,
        language=language,
        beam_size=BEAM_SIZE,
        temperature=TEMPERATURES,
        vad_filter=True,
        condition_on_previous_text=False,
        no_speech_threshold=NO_SPEECH_PROBABILITY,
        log_prob_threshold=MIN_LOG_PROBABILITY,
        compression_ratio_threshold=MAX_COMPRESSION,
    )
    return heard


@functools.lru_cache(maxsize=1)
def _loaded(model: str, threads: int) -> WhisperModel:
    return WhisperModel(
        model, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
    )


def _is_speech(segment: Segment) -> bool:
    """Whether a segment is what somebody said, not what Whisper writes over noise."""
    unsure = segment.avg_logprob < MIN_LOG_PROBABILITY
    silent = segment.no_speech_prob > NO_SPEECH_PROBABILITY
    return not (unsure and silent) and segment.compression_ratio <= MAX_COMPRESSION


def _reply(segments: Sequence[Segment], language: str, speech_s: float) -> bytes:
    tokens = sum(len(segment.tokens) for segment in segments)
    sums = (segment.avg_logprob * len(segment.tokens) for segment in segments)
    said = {
        "text": " ".join(" ".join(segment.text for segment in segments).split()),
        "language": language,
        "log_probability": round(sum(sums) / tokens, 3) if tokens else 0.0,
        "speech_s": round(speech_s, 2),
    }
    return json.dumps(said).encode()
