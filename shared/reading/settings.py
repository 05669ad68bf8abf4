"""How pictures and scanned pages are read."""

from pathlib import Path

from pydantic import Field

from shared.settings import Section


class ScanSettings(Section):
    """Limits of the child process that recognises letters (the extra [ocr])."""

    memory_mib: int = Field(
        default=1_536, ge=768, description="Its address space; about half of it becomes resident."
    )
    file_s: float = Field(
        default=60.0,
        gt=0,
        le=600,
        description="For one file; pages left then are told as not read.",
    )
    start_s: float = Field(default=60.0, gt=0, description="To load the models, before each file.")
    pages: int = Field(default=10, ge=1, le=100, description="Scanned pages read of one file.")
    thai_weights: Path = Field(
        default=Path("/usr/share/tesseract-ocr/5/tessdata"),
        description="Folder with tha.traineddata; without that file Thai pictures are not read.",
    )
