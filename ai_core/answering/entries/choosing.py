"""Chooses the entry that answers a question, or none: a wrong one is worse than none."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_core.answering.entries.facts import contradicts
from ai_core.answering.evidence import Evidence
from ai_core.knowledge.confidence import MatchConfidence
from ai_core.knowledge.entries_in_use import CheckedEntries, EntriesInUse
from ai_core.knowledge.phrasing_index import Match, PhrasingIndex
from ai_core.knowledge.records import Entry
from ai_core.law.records import Passage, QuestionScope, SearchResult
from ai_core.law.source import LawSource
from shared.ai.contract import Profile

_CANDIDATES = 5
_LIKELY = 0.1


@dataclass(frozen=True, slots=True)
class ChosenEntry:
    """The entry that answers a question, and whether that is sure."""

    entry: Entry
    confidence: float
    sure: bool


class EntryChoice:
    """Matches questions with the entries in use."""

    def __init__(
        self, entries: CheckedEntries, law: LawSource, confidence: MatchConfidence
    ) -> None:
        self._entries, self._law, self._confidence = entries, law, confidence

    async def of(self, one: Evidence, profile: Profile) -> ChosenEntry | None:
        """Return the entry that answers a question; None where none does surely enough.

        Raises CorpusMissing, QueueFull.
        """
        in_use = await self._entries.current()
        index = in_use.index
        if index is None or one.found.exact or one.found.missing:
            return None
        matches = await self._matches(one.asked.query, index)
        return self._best(matches, in_use, index, one.found, profile)

    async def near(self, question: str) -> list[Entry]:
        """Return the entries that a question may mean, though none surely."""
        in_use = await self._entries.current()
        if in_use.index is None:
            return []
        matches = await self._matches(question, in_use.index)
        likely = [one.topic_id for one in matches if one.probability >= _LIKELY]
        return [in_use.entries[topic] for topic in likely if topic in in_use.entries]

    async def _matches(self, question: str, index: PhrasingIndex) -> list[Match]:
        if not index.meaning_dimensions:
            return index.rank(question, None, _CANDIDATES)
        meaning = await self._law.meaning(question)
        return [] if meaning is None else index.rank(question, meaning, _CANDIDATES)

    async def related(self, entry: Entry) -> list[Entry]:
        """Return the related entries that are in use."""
        entries = (await self._entries.current()).entries
        return [entries[topic] for topic in entry.related if topic in entries]

    def _best(
        self,
        matches: Sequence[Match],
        in_use: EntriesInUse,
        index: PhrasingIndex,
        found: SearchResult,
        profile: Profile,
    ) -> ChosenEntry | None:
        """Return the first match where it is sure enough, in use, and no fact told rules it out."""
        entry = in_use.entries.get(matches[0].topic_id) if matches else None
        if entry is None or contradicts(entry.applies, profile):
            return None
        variant = "encoder" if index.meaning_dimensions else "words"
        labour = found.scope in (QuestionScope.LABOUR_LAW, QuestionScope.UNCLEAR)
        chance = self._confidence.of(matches, cited(entry, found.passages), variant, labour=labour)
        limits = self._confidence.thresholds(variant)
        if chance < limits.leads:
            return None
        return ChosenEntry(entry, chance, chance >= limits.sure)


def cited(entry: Entry, passages: Sequence[Passage]) -> float:
    """Return the relevance of the best passage found that an entry rests on."""
    keys = {source.source_id for source in entry.sources}
    return max((one.score for one in passages if {one.number, one.id} & keys), default=0.0)
