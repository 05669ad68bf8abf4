"""`voice-model SOURCE`: fetches the weights that transcribe, or adopts a folder of them."""

import os
from pathlib import Path

from shared.errors import HubRefused
from shared.weights.hub import ENDPOINT, Hub, HubFile, HubSource
from shared.weights.progress import DownloadProgress
from telegram_service.voice.weights import COMPANIONS, NEEDED, write_sums

PREFIX = "hf:"


def fetch_voice_model(source: str, folder: Path) -> str:
    """Return the settings to write. `source` is `hf:OWNER/REPO[@REVISION]`, or a folder.

    Raises AppError: what came is damaged, no Whisper model, or did not come.
    """
    if source.startswith(PREFIX):
        hub = Hub(os.environ.get("HF_ENDPOINT", ENDPOINT), os.environ.get("HF_TOKEN", ""))
        folder.mkdir(parents=True, exist_ok=True)
        hub.fetch(HubSource.parse(source), folder, DownloadProgress(), whisper_files)
    else:
        folder = Path(source)
    sha256 = write_sums(folder)
    return f"TELEGRAM_VOICE__MODEL={folder.resolve()}\nTELEGRAM_VOICE__SHA256={sha256}\n"


def whisper_files(listed: list[HubFile]) -> list[HubFile]:
    """Choose the files of a Whisper model in CTranslate2's format. Raises HubRefused."""
    names = {file.name for file in listed}
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise HubRefused(
            f"it has no {', '.join(missing)}: name a Whisper model in CTranslate2's format, "
            "such as hf:Systran/faster-whisper-base"
        )
    return [file for file in listed if file.name in {*NEEDED, *COMPANIONS}]
