"""The text of documents, beside what tests of the services ask of it."""

import io
import json
import zipfile

import pytest

from shared.reading.documents import DocumentKind, document_json, kind_of, read_document

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
FALLBACK = "http://schemas.openxmlformats.org/markup-compatibility/2006"
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"


def docx(body: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "word/document.xml",
            f"<w:document xmlns:w='{WORD}' xmlns:mc='{FALLBACK}'>{body}</w:document>",
        )
    return out.getvalue()


def odt(body: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", f"<d xmlns:text='{TEXT}'>{body}</d>")
    return out.getvalue()


def text_of(data: bytes, kind: DocumentKind) -> str:
    read = document_json(b"\0" + data, max_pages=10, max_characters=1_000)
    found, document = json.loads(read)
    assert found == kind
    return str(document["text"])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<w:p><w:r><w:t>Un</w:t></w:r></w:p><w:p><w:r><w:t>Deux</w:t></w:r></w:p>", "Un\nDeux"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a b c"),
        (
            "<w:p><w:del><w:r><w:delText>six</w:delText></w:r></w:del>"
            "<w:ins><w:r><w:t>trois</w:t></w:r></w:ins><w:r><w:t> mois</w:t></w:r></w:p>",
            "trois mois",
        ),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>1</w:t></w:r></w:p>", "1"),
        (
            "<w:p><mc:AlternateContent><mc:Choice><w:t>encadré</w:t></mc:Choice>"
            "<mc:Fallback><w:t>encadré</w:t></mc:Fallback></mc:AlternateContent></w:p>",
            "encadré",
        ),
    ],
)
def test_a_word_document_says_what_its_reader_sees(body: str, text: str) -> None:
    assert text_of(docx(body), "docx") == text


def test_the_cells_of_a_table_are_read_in_their_place() -> None:
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    row = "<w:tr>" + cell.format("Échelon") + cell.format("1 850 €") + "</w:tr>"
    table = f"<w:p><w:r><w:t>Avant</w:t></w:r></w:p><w:tbl>{row}</w:tbl><w:p><w:t>Après</w:t></w:p>"
    assert text_of(docx(table), "docx").split() == ["Avant", "Échelon", "1", "850", "€", "Après"]


def test_text_deleted_with_tracked_changes_is_not_read_in_an_odt() -> None:
    deleted = "<text:tracked-changes><text:p>six mois</text:p></text:tracked-changes>"
    body = f"{deleted}<text:p>trois<text:s/>mois</text:p>"
    assert text_of(odt(body), "odt") == "trois mois"


def test_xml_nested_without_end_is_read_like_any_other() -> None:
    data = docx("<w:p>" * 50_000 + "<w:t>fond</w:t>" + "</w:p>" * 50_000)
    document = read_document(data, "docx", max_pages=1, max_characters=10)
    assert (document.state, document.text) == ("read", "fond")


@pytest.mark.parametrize("kind", ["pdf", "docx", "odt"])
def test_a_file_that_is_not_of_the_kind_it_is_read_as_is_unreadable(kind: DocumentKind) -> None:
    document = read_document(b"nothing of the sort", kind, max_pages=1, max_characters=10)
    assert (document.state, document.text) == ("unreadable", "")


def test_a_text_is_cut_at_the_limit() -> None:
    document = read_document(b"\n\n" + b"a" * 50, "text", max_pages=1, max_characters=10)
    assert document.text == "a" * 10


def test_the_kind_is_found_in_the_content() -> None:
    assert kind_of(b"  %PDF-1.7", "text/plain") == "pdf"
    assert kind_of(odt("")) == "odt"
    assert kind_of(b"bonjour") == "other"
