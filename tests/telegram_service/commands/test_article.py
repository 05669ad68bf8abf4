"""/article, however its number is typed."""

import pytest

from telegram_service.commands.article import article_numbers
from tests.telegram_service.running_app import RunningApp

ALICE = 11


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("1234-1", ["1234-1"]),
        ("L1234-1.", ["L1234-1"]),
        ("art. L1234-1", ["L1234-1"]),
        ("l'article L. 1234 - 1 du code du travail", ["L1234-1"]),
        ("L 1234-1", ["L1234-1"]),
        ("L\N{NON-BREAKING HYPHEN}1234\N{NON-BREAKING HYPHEN}1", ["L1234-1"]),
        ("L1234\N{EN DASH}1", ["L1234-1"]),
        ("R*3231-2", ["R3231-2"]),
        ("d3141-1, r.4624-10 et L1233-57-19", ["D3141-1", "R4624-10", "L1233-57-19"]),
        ("L1", ["L1"]),
        ("le code du travail", []),
        ("en 2024", []),
        ("L12345-1", []),
    ],
)
def test_numbers_are_read_as_people_type_them(written: str, numbers: list[str]) -> None:
    assert article_numbers(written) == numbers


@pytest.mark.slow
async def test_an_article_is_shown_however_it_is_typed_and_a_refusal_says_what_to_type(
    app: RunningApp,
) -> None:
    for written in (
        "9999-1", "art. L9999-1", "l 9999-1.", "L9999\N{NON-BREAKING HYPHEN}1", "R9999-1 L9999-1",
    ):  # fmt: skip
        texts = [message["text"] for message in await app.ask(ALICE, f"/article {written}")]
        assert any("Article L9999-1" in text for text in texts), (written, texts)
    for written in ("", "du code", "L8888-1"):
        [refused] = await app.ask(ALICE, f"/article {written}".strip())
        assert "/article L1234-1" in refused["text"]
