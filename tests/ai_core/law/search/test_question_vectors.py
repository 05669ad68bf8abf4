"""A question is embedded once, though others are asked between its steps."""

from typing import cast

import numpy as np
import pytest

from ai_core.law.search import encoder
from ai_core.law.search.citation_votes import CitationVotes
from ai_core.law.search.encoder import QuestionVectors, Vectors


class CountingEncoder:
    """Embeds a text by its length, and counts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, text: str) -> Vectors:
        self.texts.append(text)
        return np.array([1.0, len(text)], np.float32)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    made = CountingEncoder()
    monkeypatch.setattr(encoder, "encoder", lambda: made)
    return made


def vectors() -> QuestionVectors:
    none = np.zeros((1, 2), np.float32)
    return QuestionVectors(none, none, cast(CitationVotes, None))


def test_questions_asked_side_by_side_are_each_embedded_once(counting: CountingEncoder) -> None:
    asked = vectors()
    steps = [asked.embedded(question) for _ in range(3) for question in ("un", "deux", "trois")]
    assert counting.texts == ["un", "deux", "trois"]
    assert [float(step[1]) for step in steps] == [2, 4, 5] * 3


def test_of_many_questions_the_latest_are_remembered(counting: CountingEncoder) -> None:
    asked = vectors()
    for number in range(200):
        asked.embedded(f"question {number}")
    asked.embedded("question 199")
    assert len(counting.texts) == 200
    asked.embedded("question 0")
    assert len(counting.texts) == 201


def test_french_without_accents_is_embedded_with_them(counting: CountingEncoder) -> None:
    vectors().embedded("conge paye refuse")
    assert counting.texts == ["congé payé refuse"]
