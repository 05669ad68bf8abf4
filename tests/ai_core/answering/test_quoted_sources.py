"""Sources quoted again are checked once; what a reader of the list changes is theirs alone."""

from datetime import date

from ai_core.answering.quoted_sources import QuotedSource, quoted_sources
from tests.ai_core.engines.extractive.passages import article

DAY = date(2026, 3, 27)


def test_sources_quoted_again_are_the_same_and_of_their_day() -> None:
    passage = article("L1237-1", "Le préavis est de deux mois.", in_force_since=date(2020, 1, 1))
    source = QuotedSource(passage, "[1] Article L1237-1", "> Le préavis est de deux mois.")

    shown, citations = quoted_sources([source], DAY)
    assert "Le préavis est de deux mois." in shown
    assert [one.quote for one in citations] == ["Le préavis est de deux mois."]
    citations.clear()
    assert quoted_sources([source], DAY)[0] == shown
    assert len(quoted_sources([source], DAY)[1]) == 1
    assert quoted_sources([source], date(2019, 1, 1))[1] == []
