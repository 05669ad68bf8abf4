"""Blocks of an answer, and the addresses removed from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail_service.reply.blocks import is_official, parse_blocks, without_addresses


@pytest.mark.parametrize(
    ("url", "official"),
    [
        ("https://www.legifrance.gouv.fr/codes/x", True),
        ("https://code.travail.gouv.fr/fiche", True),
        ("http://www.legifrance.gouv.fr/x", False),
        ("https://legifrance.gouv.fr.evil.example/", False),
        ("https://evillegifrance.gouv.fr/", False),
        ("https://x@www.legifrance.gouv.fr/", False),
        ("https://www.legifrance.gouv.fr:8443/", False),
        ("https://[", False),
    ],
)
def test_only_official_sites_are_linked(url: str, official: bool) -> None:
    assert is_official(url) is official


def test_references_to_articles_are_not_taken_for_addresses() -> None:
    text = "Voir l'article L. 1234-1, R.1234-2, l'art. 3 et 1.500,00 €. Fin.Le reste : suit."
    assert without_addresses(text, "X") == text


def test_the_bare_name_of_an_official_site_stays() -> None:
    text = "Lisez legifrance.gouv.fr, www.justice.fr, evil.com ou justice.fr.evil.com"
    told = "Lisez legifrance.gouv.fr, www.justice.fr, X ou X"
    assert without_addresses(text, "X") == told


@given(st.text())
def test_any_answer_becomes_blocks(text: str) -> None:
    assert all(block.lines for block in parse_blocks(text, "X"))
