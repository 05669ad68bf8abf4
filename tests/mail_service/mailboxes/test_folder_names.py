"""Folder names as servers write them."""

import pytest

from mail_service.mailboxes.folder_names import encoded_name, sent_folder


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", "INBOX"),
        ("Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"),
        ("Ventes & Achats", "Ventes &- Achats"),
        ("已发送", "&XfJT0ZAB-"),
        ("&AMk-l&AOk-ments envoy&AOk-s", "&AMk-l&AOk-ments envoy&AOk-s"),
        ("😀", "&2D3eAA-"),
    ],
)
def test_names_are_written_in_modified_utf_7(name: str, encoded: str) -> None:
    assert encoded_name(name) == encoded


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([rb'(\HasNoChildren \Sent) "/" "Sent Items"'], "Sent Items"),
        ([rb'(\HasNoChildren) "/" INBOX', rb'(\Sent) "." Envoy&AOk-s'], "Envoy&AOk-s"),
        (
            [rb'(\sent \Subscribed) NIL "[Gmail]/Messages envoy&AOk-s"'],
            "[Gmail]/Messages envoy&AOk-s",
        ),
        ([rb'(\Sent) "/" {9}', b"Sent mail"], "Sent mail"),
        ([rb'(\Sent) "/" "a \"b\""'], 'a "b"'),
        ([rb'(\HasNoChildren) "/" Sent'], None),
        ([b"LIST completed"], None),
    ],
)
def test_the_folder_of_what_is_sent_is_the_one_the_server_marks(
    lines: list[bytes], name: str | None
) -> None:
    assert sent_folder(lines) == name
