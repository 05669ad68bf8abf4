"""A file that came with a mail, and its text where it is a document."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, Field

from shared.privacy.charset import clean
from shared.reading.documents import Document, DocumentKind, DocumentState, kind_of, read_document

MAX_PAGES = 50
MAX_CHARACTERS = 200_000
MAX_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail; `text` is empty unless `state` is read.

    `recognised`, `doubtful` and `scanned_pages` are those of shared.reading.documents.Document.
    """

    name: str
    kind: DocumentKind | Literal["mail"]
    size_bytes: int
    state: DocumentState
    text: str = ""
    recognised: bool = False
    doubtful: bool = False
    scanned_pages: int = 0
    content: Annotated[bytes, Field(exclude=True)] = field(default=b"", compare=False, repr=False)
    """Of a file with pictures to be read; it stays in the process that parses the mail."""

    def with_text(self, document: Document) -> "Attachment":
        """Return the file with what was read of its pictures, unless that is less than is known."""
        if self.state == "read" and document.state != "read":
            return self
        return replace(
            self,
            state=document.state,
            text=document.text,
            recognised=document.recognised,
            doubtful=document.doubtful,
            scanned_pages=document.scanned_pages,
        )


class AttachedScan(BaseModel):
    """The content of a picture, or of a document with scanned pages."""

    kind: DocumentKind
    content: Base64Bytes


def read_attachment(name: str, content_type: str, data: bytes, charset: str | None) -> Attachment:
    """Return the text of a file, or why there is none; never raises for its content."""
    kind = kind_of(data, content_type)
    document = read_document(
        data, kind, max_pages=MAX_PAGES, max_characters=MAX_CHARACTERS, charset=charset
    )
    file = Attachment(clean(name)[:MAX_NAME_CHARACTERS], kind, len(data), document.state)
    is_scan = document.state == "picture" or document.scanned_pages
    return replace(file.with_text(document), content=data if is_scan else b"")
