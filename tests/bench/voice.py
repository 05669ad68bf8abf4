"""How well and how fast recordings are transcribed, by a real Whisper in the confined children.

`./neo bench voice MODEL [--recordings FOLDER]`: MODEL is a folder of weights with its SHA256SUMS;
FOLDER holds recordings and `transcripts.tsv` (file, language, what is said). Without it, eSpeak NG
reads the sentences below: a robot's voice, harder than a person's. All are sent as OGG/Opus, as
Telegram does. Words are compared without case and punctuation (Levenshtein distance over words).
"""

import argparse
import asyncio
import csv
import io
import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import psutil
from av.audio.resampler import AudioResampler
from rapidfuzz.distance import Levenshtein

from telegram_service.settings import VoiceSettings
from telegram_service.voice.recordings import Recordings, Transcript, open_recordings
from tests.telegram_service.voice.speaking import Samples, library, recording, spoken

READ = (
    ("fr", "Mon employeur peut-il refuser mes congés payés en été ?"),
    ("fr", "Je suis enceinte et mon patron veut me licencier, que dois-je faire ?"),
    ("fr", "Combien de jours de préavis dois-je respecter si je démissionne ?"),
    ("fr", "Mon contrat se termine demain et je n'ai pas reçu ma prime."),
    ("fr", "Puis-je enregistrer un entretien avec mon responsable ?"),
    ("en-us", "Can my employer refuse my paid holidays in the summer?"),
    ("en-us", "How long is the notice period when I resign from my job?"),
    ("en-us", "My boss did not pay my overtime last month."),
)
QUIET_S, RATE_HZ = 8, 16_000


@dataclass(frozen=True)
class Sample:
    """A recording and what is said in it."""

    name: str
    language: str
    words: str
    content: bytes
    duration_s: float


@dataclass(frozen=True)
class Heard:
    """What was heard of a sample, and at what price."""

    sample: Sample
    transcript: Transcript
    errors: int
    elapsed_s: float


def words_of(text: str) -> list[str]:
    """Return the words of a text without case and punctuation; digits as they are."""
    plain = unicodedata.normalize("NFC", text.casefold()).replace("’", "'")
    return re.findall(r"\w+", plain)


def read_samples() -> Iterator[Sample]:
    """Have the sentences read."""
    for number, (voice, sentence) in enumerate(READ):
        samples = spoken(sentence, voice, words_per_min=140)
        duration_s = len(samples) / library()[1]
        yield Sample(f"read {number}", voice[:2], sentence, recording(samples), duration_s)


def recorded_samples(folder: Path) -> Iterator[Sample]:
    """Return the recordings of a folder, as voice notes."""
    with (folder / "transcripts.tsv").open(encoding="utf-8") as lines:
        for name, language, words in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            samples = sound_of(folder / name)
            duration_s = len(samples) / RATE_HZ
            content = recording(samples, RATE_HZ)
            yield Sample(name, language, words, content, duration_s)


def sound_of(path: Path) -> Samples:
    """Decode a file that is trusted."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(io.BytesIO(path.read_bytes()), "r") as container:
        frames = [each for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)


def wordless() -> Iterator[tuple[str, bytes]]:
    """Return sounds in which nobody speaks."""
    random, at = np.random.default_rng(1), np.arange(QUIET_S * RATE_HZ) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * at) for hz in (220, 277, 330, 440)) / 4
    beat = (np.sin(2 * np.pi * 2 * at) > 0.9) * random.normal(size=len(at)) * 0.5
    sounds = {
        "silence": np.zeros(len(at)),
        "hiss": random.normal(size=len(at)) * 0.02,
        "street": np.cumsum(random.normal(size=len(at))) % 1 * 0.4 - 0.2,
        "noise": random.normal(size=len(at)) * 0.3,
        "tone": np.sin(2 * np.pi * 440 * at) * 0.4,
        "chord": chord * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * at)) * 0.8,
        "beat": beat,
        "siren": np.sin(2 * np.pi * (600 + 300 * np.sin(2 * np.pi * 0.5 * at)) * at) * 0.4,
    }
    for name, sound in sounds.items():
        samples = (np.clip(sound, -1, 1) * 32_767).astype(np.int16)
        yield name, recording(samples, RATE_HZ)


async def hear(recordings: Recordings, sample: Sample) -> Heard:
    """Transcribe one sample; French is the language of the account."""
    began = time.perf_counter()
    transcript = await recordings.transcribe(sample.content, "fr")
    elapsed_s = time.perf_counter() - began
    errors = Levenshtein.distance(words_of(sample.words), words_of(transcript.text))
    return Heard(sample, transcript, errors, elapsed_s)


async def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="./neo bench voice")
    parser.add_argument("model", type=Path)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    folder: Path | None = options.recordings
    samples = list(recorded_samples(folder) if folder else read_samples())
    settings = VoiceSettings(model=options.model, threads=options.threads)
    async with open_recordings(settings) as recordings:
        assert recordings is not None
        first = await hear(recordings, samples[0])
        print(f"first recording, with the model loaded: {first.elapsed_s:.2f} s")
        child = recordings._transcriber._children[0]._process
        assert child is not None
        process = psutil.Process(child.pid)
        before = process.cpu_times()
        heard = [await hear(recordings, sample) for sample in samples]
        after = process.cpu_times()
        for each in heard:
            show(each)
        summary(heard)
        cpu_s = after.user + after.system - before.user - before.system
        sound_s = sum(sample.duration_s for sample in samples)
        print(f"  {cpu_s / sound_s:.3f} s of processor a second, {options.threads} threads")
        for name, content in wordless():
            said = (await recordings.transcribe(content, "fr")).text
            print(f"{name:<28} nobody speaks: {said or 'nothing heard'}")
        now_mib, peak_mib = await asyncio.to_thread(memory_mib, child.pid)
    print(f"memory {now_mib:.0f} MiB, at most {peak_mib:.0f} MiB")


def memory_mib(pid: int) -> tuple[float, float]:
    """Return what a process has in memory, and the most it had."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+)", status))
    return int(kib["VmRSS"]) / 1024, int(kib["VmHWM"]) / 1024


def show(heard: Heard) -> None:
    """Print one line for a recording, and what was heard where words are wrong."""
    sample, transcript = heard.sample, heard.transcript
    count = len(words_of(sample.words))
    print(
        f"{sample.name:<28} {sample.duration_s:5.1f} s  {heard.elapsed_s:5.2f} s  "
        f"{heard.errors:>2} of {count:>2} words  {transcript.language}  "
        f"{transcript.log_probability:6.2f}{'  in doubt' if transcript.doubtful else ''}"
    )
    if heard.errors:
        print(f"    {transcript.text}")


def summary(heard: list[Heard]) -> None:
    """Print the figures of all recordings."""
    words = sum(len(words_of(each.sample.words)) for each in heard)
    errors, sound_s = sum(each.errors for each in heard), sum(e.sample.duration_s for e in heard)
    elapsed_s = sum(each.elapsed_s for each in heard)
    languages = sum(each.transcript.language == each.sample.language for each in heard)
    print(f"{len(heard)} recordings, {sound_s:.0f} s of sound, language right in {languages}")
    print(f"  word error rate {errors / words:.3f} ({errors} of {words})")
    print(f"  {elapsed_s / sound_s:.3f} s a second of sound, {elapsed_s / len(heard):.2f} s each")
    for doubtful in (False, True):
        chosen = [each for each in heard if each.transcript.doubtful == doubtful]
        count = sum(len(words_of(each.sample.words)) for each in chosen)
        rate = sum(each.errors for each in chosen) / count if count else 0.0
        print(f"  {'in doubt' if doubtful else 'sure'}: {len(chosen)}, word error rate {rate:.3f}")


if __name__ == "__main__":
    asyncio.run(main())
