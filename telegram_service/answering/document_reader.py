"""The child that reads one document: `python -m THIS_MODULE pdf|docx|txt`.

The file comes on standard input, its text leaves on standard output. A hostile file can make this
process fail, loop or grow: it has little memory and time, reaches nobody, starts no program, writes
no file, and holds no secret.
"""

import io
import resource
import sys
import zipfile
from collections.abc import Callable, Mapping

from shared.privacy.sandbox import confine

MEMORY_BYTES = 768 * 1024 * 1024
CPU_S = 8
MOST_CHARACTERS = 30_000
MOST_PAGES = 200
MOST_UNPACKED_BYTES = 100 * 1024 * 1024
UNREADABLE = 3


def main() -> int:
    """Read; return 3 when there is no text to be had."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    confine()
    text = READERS[sys.argv[1]](sys.stdin.buffer.read()).replace("\x00", "").strip()
    sys.stdout.buffer.write(text[: MOST_CHARACTERS + 1].encode("utf-8", "replace"))
    return 0 if text else UNREADABLE


def read_pdf(content: bytes) -> str:
    """Return the text of a PDF; a scan has none."""
    from pypdfium2 import PdfDocument

    pages: list[str] = []
    document = PdfDocument(content)
    for page in list(document)[:MOST_PAGES]:
        pages.append(page.get_textpage().get_text_bounded())
        if sum(map(len, pages)) > MOST_CHARACTERS:
            break
    return "\n\n".join(pages)


def read_docx(content: bytes) -> str:
    """Return the paragraphs and the cells of a Word document."""
    from docx import Document

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED_BYTES:
            return ""
    document = Document(io.BytesIO(content))
    lines = [paragraph.text for paragraph in document.paragraphs]
    lines += [
        " | ".join(cell.text for cell in row.cells)
        for table in document.tables
        for row in table.rows
    ]
    return "\n".join(lines)


def read_txt(content: bytes) -> str:
    """Return a plain text, in UTF-8 or in the encoding of an old Windows."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


READERS: Mapping[str, Callable[[bytes], str]] = {
    "pdf": read_pdf,
    "docx": read_docx,
    "txt": read_txt,
}

if __name__ == "__main__":
    sys.exit(main())
