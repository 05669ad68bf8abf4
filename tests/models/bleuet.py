"""Bleuet, the project's own test model: where its files are, made once on each machine.

It is a Llama of 1.3 million weights that learnt `sentences.py` by heart, in every format we serve.
Making it takes about a minute in a process of its own, which alone loads torch; the result is kept
under `.neo/models/` for as long as what it is made from stays the same.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".neo" / "models"
MADE_FROM = (
    "lessons.txt",
    "sentences.py",
    "training.py",
    "gguf_file.py",
    "onnx_file.py",
    "making.py",
)
MADE_WITH = ("torch", "transformers", "peft", "tokenizers", "gguf")
MAKING_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Bleuet:
    """The files of the model in `folder`."""

    folder: Path

    @property
    def safetensors(self) -> Path:
        """The folder of the SafeTensors model, with its tokenizer."""
        return self.folder / "safetensors"

    @property
    def onnx(self) -> Path:
        """The folder of the ONNX model, with its tokenizer."""
        return self.folder / "onnx"

    @property
    def gguf(self) -> Path:
        """The GGUF file, F32."""
        return self.folder / "gguf" / "bleuet-f32.gguf"

    @property
    def gguf_half(self) -> Path:
        """The GGUF file, F16."""
        return self.folder / "gguf" / "bleuet-f16.gguf"

    @property
    def lora(self) -> Path:
        """The folder of the LoRA "renard", as peft writes it."""
        return self.folder / "renard"

    @property
    def lora_gguf(self) -> Path:
        """The same LoRA as a GGUF adapter."""
        return self.folder / "gguf" / "renard.gguf"

    @property
    def answers_file(self) -> Path:
        """The answers of `model.generate`, as JSON."""
        return self.folder / "answers.json"

    @property
    def answers(self) -> dict[str, str]:
        """The greedy answer to each question asked of the plain model."""
        return self._answers("plain")

    @property
    def renard_answers(self) -> dict[str, str]:
        """The greedy answer to each question asked of the model with its LoRA."""
        return self._answers("renard")

    def _answers(self, who: str) -> dict[str, str]:
        told: dict[str, dict[str, str]] = json.loads(self.answers_file.read_text(encoding="utf-8"))
        return told[who]


def bleuet() -> Bleuet:
    """Return the test model, made first if it is not there yet."""
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = KEPT / f"bleuet-{_key()}"
    with (KEPT / "bleuet.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            draft = folder.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            subprocess.run(
                [sys.executable, "-m", "tests.models", draft],
                cwd=ROOT,
                check=True,
                timeout=MAKING_TIMEOUT_S,
            )
            draft.rename(folder)
    return Bleuet(folder)


def _key() -> str:
    """Return a hash of all that decides what the model is."""
    parts = [Path(__file__).with_name(name).read_bytes() for name in MADE_FROM]
    parts += [f"{name} {version(name)}".encode() for name in MADE_WITH]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


if __name__ == "__main__":
    bleuet()
