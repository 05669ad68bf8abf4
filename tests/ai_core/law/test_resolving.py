from datetime import date

import pytest

from ai_core.law.corpus import Corpus
from ai_core.law.references import find_references
from ai_core.law.resolving import resolve

TODAY = date(2026, 11, 20)


def numbers(corpus: Corpus, text: str, day: date = TODAY) -> list[str]:
    return [
        article.number
        for reference in find_references(text)
        for article in resolve(reference, corpus, day)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Que dit l'article L3121-27 ?", ["L3121-27"]),
        ("1233-51", ["L1233-51", "D1233-51"]),
        ("L3221-3 à L3221-5", ["L3221-3", "L3221-4", "L3221-5"]),
        ("L3221-5 à L3221-3", ["L3221-3", "L3221-4", "L3221-5"]),
        ("articles 3221-4 à 3221-6", ["L3221-4", "L3221-5", "L3221-6"]),
        ("L3221-4 et suivants", ["L3221-4", "L3221-5", "L3221-6"]),
        ("l 3121 27 2 fois", ["L3121-27"]),
        ("L1234-1, R1234-2 et L1237-1", ["L1234-1", "R1234-2", "L1237-1"]),
        ("annexe I à l'article R4312-1", ["Annexe I à l'article R4312-1"]),
        ("L3221-3 à L9999-1", ["L3221-3"]),
    ],
)
def test_a_reference_leads_to_its_articles(corpus: Corpus, text: str, expected: list[str]) -> None:
    assert numbers(corpus, text) == expected


@pytest.mark.parametrize(
    "text", ["L9999-1", "L1234-567", "L. 212-1", "L1234-1 du code de commerce", "R9901-1"]
)
def test_what_is_not_in_our_code_leads_nowhere(corpus: Corpus, text: str) -> None:
    assert numbers(corpus, text) == []


def test_a_reference_is_resolved_on_the_day_asked_for(corpus: Corpus) -> None:
    assert numbers(corpus, "R9901-1", date(2025, 1, 1)) == ["R9901-1"]


def test_a_range_across_the_code_is_read_as_its_two_ends(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_core.law.resolving.RANGE_LIMIT", 5)
    assert numbers(corpus, "de L1234-1 à L4121-1") == ["L1234-1", "L4121-1"]
