"""A file that came with a mail, and its text where it is a document."""

from dataclasses import dataclass
from typing import Literal

from shared.privacy.charset import clean
from shared.privacy.documents import DocumentKind, DocumentState, kind_of, read_document

MAX_PAGES = 50
MAX_CHARACTERS = 200_000
MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail; `text` is empty unless `state` is read."""

    name: str
    kind: DocumentKind | Literal["mail"]
    size_bytes: int
    state: DocumentState
    text: str = ""


def read_attachment(name: str, content_type: str, data: bytes, charset: str | None) -> Attachment:
    """Return the text of a file, or why there is none; never raises for its content."""
    kind = kind_of(data, content_type)
    document = read_document(
        data, kind, max_pages=MAX_PAGES, max_characters=MAX_CHARACTERS, charset=charset
    )
    return Attachment(
        clean(name)[:MAX_NAME_CHARACTERS], kind, len(data), document.state, document.text
    )
