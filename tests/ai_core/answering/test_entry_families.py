"""A question between two related entries is sure of their subject: both are shown, with a doubt."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from ai_core.answering.entries.choosing import EntryChoice
from ai_core.knowledge.confidence import MatchConfidence
from ai_core.knowledge.entries_in_use import EntriesInUse
from ai_core.knowledge.phrasing_index import Match, PhrasingIndex
from ai_core.knowledge.records import Entry
from ai_core.law.records import Confidence, QuestionScope, SearchResult
from shared.ai.contract import Profile
from tests.knowledge.invented import HOLIDAYS

INVENTED = Entry.model_validate(tomllib.loads(HOLIDAYS))
CONFIDENCE = MatchConfidence.read()
FOUND = SearchResult((), QuestionScope.LABOUR_LAW, confidence=Confidence.HIGH)
DAY, WEEK, PAY = (Match(topic, share, 0.66, 0.35) for topic, share in
                  (("day", 0.42), ("week", 0.38), ("pay", 0.03)))  # fmt: skip


class Ranking:
    """An index that knows its ranking already."""

    meaning_dimensions = 256

    def __init__(self, matches: Sequence[Match]) -> None:
        self._matches = list(matches)

    def rank(self, *_asked: object, terms: str = "") -> list[Match]:
        return self._matches


class Meanings:
    """Stands for the law where only meanings are asked of it."""

    async def meaning(self, text: str) -> object:
        return text


async def shown(
    matches: Sequence[Match], related: dict[str, list[str]], found: SearchResult = FOUND
) -> list[tuple[str, str]]:
    entries = {
        match.topic_id: INVENTED.model_copy(
            update={"topic_id": match.topic_id, "related": related.get(match.topic_id, [])}
        )
        for match in matches
    }
    index = cast(PhrasingIndex, Ranking(matches))
    choice = EntryChoice(cast(Any, None), cast(Any, Meanings()), CONFIDENCE)
    in_use = EntriesInUse(entries)
    chosen = await choice._matched("Combien ?", found, in_use, index, Profile())
    return [(one.entry.topic_id, one.confidence.value) for one in chosen]


async def test_two_related_entries_are_shown_together_with_a_doubt() -> None:
    low = Confidence.LOW.value
    assert await shown([DAY, WEEK, PAY], {"week": ["day"]}) == [("day", low), ("week", low)]


async def test_two_entries_of_different_subjects_are_not_shown_where_the_law_decides() -> None:
    assert await shown([DAY, WEEK, PAY], {}) == []


async def test_two_related_entries_alone_are_no_subject_that_was_chosen() -> None:
    assert await shown([DAY, WEEK], {"week": ["day"]}) == []


BREAK = Match("break", 0.99, 0.74, 0.5)


async def test_a_question_barely_outside_labour_law_is_given_its_entry_with_a_doubt() -> None:
    outside = SearchResult((), QuestionScope.OUTSIDE, confidence=Confidence.NONE)
    barely = replace(outside, borderline=True)
    inside = replace(outside, scope=QuestionScope.LABOUR_LAW)
    assert await shown([BREAK, PAY], {}, outside) == []
    assert await shown([BREAK, PAY], {}, barely) == [("break", Confidence.LOW.value)]
    assert await shown([BREAK, PAY], {}, inside) == [("break", Confidence.HIGH.value)]


async def test_a_question_barely_outside_labour_law_is_given_no_nearest_entry() -> None:
    near = Match("break", 0.6, 0.6, 0.3)
    outside = SearchResult((), QuestionScope.OUTSIDE, confidence=Confidence.NONE, borderline=True)
    inside = replace(outside, scope=QuestionScope.LABOUR_LAW, borderline=False)
    assert await shown([near, PAY], {}, outside) == []
    assert await shown([near, PAY], {}, inside) == [("break", Confidence.LOW.value)]
