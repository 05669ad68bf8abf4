"""Chooses the entry that answers a question, or none: a wrong one is worse than none."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_core.answering.entries.facts import contradicts
from ai_core.answering.evidence import Evidence
from ai_core.knowledge.confidence import MatchConfidence
from ai_core.knowledge.entries_in_use import CheckedEntries, EntriesInUse
from ai_core.knowledge.phrasing_index import Match, PhrasingIndex
from ai_core.knowledge.records import Entry
from ai_core.law.records import Passage
from ai_core.law.source import LawSource
from shared.ai.contract import Profile

_CANDIDATES = 5


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
        meaning = await self._law.meaning(one.asked.query) if index.meaning_dimensions else None
        if meaning is None and index.meaning_dimensions:
            return None
        matches = index.rank(one.asked.query, meaning, _CANDIDATES)
        return self._best(matches, in_use, index, one.found.passages, profile)

    async def related(self, entry: Entry) -> list[Entry]:
        """Return the related entries that are in use."""
        entries = (await self._entries.current()).entries
        return [entries[topic] for topic in entry.related if topic in entries]

    def _best(
        self,
        matches: Sequence[Match],
        in_use: EntriesInUse,
        index: PhrasingIndex,
        passages: Sequence[Passage],
        profile: Profile,
    ) -> ChosenEntry | None:
        """Return the first match where it is sure enough, in use, and no fact told rules it out."""
        entry = in_use.entries.get(matches[0].topic_id) if matches else None
        if entry is None or contradicts(entry.applies, profile):
            return None
        variant = "encoder" if index.meaning_dimensions else "words"
        chance = self._confidence.of(matches, cited(entry, passages), variant)
        limits = self._confidence.thresholds(variant)
        if chance < limits.leads:
            return None
        return ChosenEntry(entry, chance, chance >= limits.sure)


def cited(entry: Entry, passages: Sequence[Passage]) -> float:
    """Return the relevance of the best passage found that an entry rests on."""
    keys = {source.source_id for source in entry.sources}
    return max((one.score for one in passages if {one.number, one.id} & keys), default=0.0)
