"""Chooses the entry that answers a question, or none: a wrong one is worse than none."""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ai_core.answering.entries.facts import contradicts
from ai_core.answering.entries.writing import Asker
from ai_core.answering.evidence import UNDECIDED, Evidence
from ai_core.answering.understanding.questions import (
    MAX_QUESTIONS,
    QuestionAsked,
)
from ai_core.answering.understanding.subjects import content_of
from ai_core.knowledge.condition_index import NO_CONDITION, ConditionAsked
from ai_core.knowledge.confidence import MatchConfidence
from ai_core.knowledge.entries_in_use import EntriesInUse
from ai_core.knowledge.phrasing_features import Vectors
from ai_core.knowledge.phrasing_index import ALL_RANKED, Match, PhrasingIndex
from ai_core.knowledge.records import Entry
from ai_core.law.records import Confidence, Passage, QuestionScope, SearchResult
from ai_core.law.search.french_terms import french_terms
from ai_core.law.source import LawSource
from shared.ai.contract import Profile
from shared.languages import answer_language

_CANDIDATES = 5
_PASSAGES = 8
_LIKELY = 0.1
_AS_LIKELY = 0.6
_MOST_NEAR = 2
"""Where the nearest entry leads with a doubt, one second below it is right as often as the first
(32 of 39 in a hundred) from this share of its probability on; below, it is wrong in 3 of 4."""

_LETTER = 120
"""Characters from which a message is a letter: a story with a question in it."""

_SHARE_OF_TERMS = 0.3
_SHARE_OF_ALL_THAT_IS_READ = 0.5
"""What the French terms count in the meaning of a question that no phrasing is in the language of:
half where the encoder does not know it. Of 28 such questions 23 find their entry first, 18 with
half for all and with the words of phrasings compared with the terms."""

_UNKNOWN_TO_ENCODER = "ro"
_SURE_BY_TERMS = 0.95
"""In a language that no phrasing is in: of 41 questions of ours two were surer than the usual
threshold of a wrong entry, at 0.82 and 0.90."""

_NEAR_BY_TERMS = 0.25
"""There the phrasings are further off: of 28 questions the five with a chance of 0.25 to 0.4 have
the right entry first in four."""


@dataclass(frozen=True, slots=True)
class ChosenEntry:
    """An entry that answers a question, and how surely: LOW is given with a doubt.

    `condition`: those of the entry's that the question asks about and is near to. `nearest`:
    it is given only because the law found decides no better. `chance`: that it answers, 0 to 1.
    """

    entry: Entry
    confidence: Confidence
    condition: ConditionAsked = NO_CONDITION
    nearest: bool = False
    chance: float = 0.0


class EntriesSource(Protocol):
    """What gives the entries to match with."""

    async def current(self) -> EntriesInUse:
        """Return them. Raises CorpusMissing, QueueFull."""
        ...


class EntryChoice:
    """Matches questions with the entries in use."""

    def __init__(self, entries: EntriesSource, law: LawSource, confidence: MatchConfidence) -> None:
        self._entries, self._law, self._confidence = entries, law, confidence

    async def of(
        self,
        one: Evidence,
        asker: Asker,
        asked: Sequence[QuestionAsked] = (),
        *,
        apart: bool = False,
        title: str = "",
    ) -> list[ChosenEntry]:
        """Return the entry that answers a question, or the two that it may mean; none else.

        Where it holds several questions (`asked`), those that each of them means by itself, in
        their order. `apart`: it stands beside other questions of its message, so that its own
        words count before what is searched for it. `title`: that of a letter, which is read where
        the letter itself means none surely enough. Raises CorpusMissing, QueueFull.
        """
        in_use = await self._entries.current()
        named = one.found.exact or one.found.missing
        if in_use.index is None or named or one.found.scope is QuestionScope.NEIGHBOUR:
            return []
        own: list[ChosenEntry] = []
        if apart or len(asked) > 1:
            own = await self._apart(asked, in_use, asker)
            sure = [choice for choice in own if choice.confidence is Confidence.HIGH]
            if apart and sure:
                return sure
        whole = await self._best(one.asked.query, one.found, in_use, asker)
        long = len(one.asked.text) >= _LETTER
        if not own and long and not _leads(whole):
            own = await self._apart(asked, in_use, asker)
        if title and not (_leads(own) or _leads(whole)):
            titled = await self._searched(title, in_use, asker)
            if _leads(titled) and await self._is_about(titled[0], one, in_use.index):
                return _each_once([*titled, *(own or whole)])[:_MOST_NEAR]
        return (
            _in_turn(own, whole, len(asked))
            if whole or _leads(own) or _decides_nothing(one.found)
            else []
        )

    async def _is_about(self, choice: ChosenEntry, one: Evidence, index: PhrasingIndex) -> bool:
        """Whether a whole letter may mean an entry too."""
        matches = await self._matches(one.asked.query, index)
        return any(match.topic_id == choice.entry.topic_id for match in matches)

    async def _apart(
        self, questions: Sequence[QuestionAsked], in_use: EntriesInUse, asker: Asker
    ) -> list[ChosenEntry]:
        """Return the entries that questions mean by themselves, each once."""
        own: dict[str, ChosenEntry] = {}
        for question in questions:
            meant = await self._meant(question, in_use, asker, own)
            for choice in meant if _leads(meant) else meant[:1]:
                own.setdefault(choice.entry.topic_id, choice)
        return list(own.values())

    async def _meant(
        self,
        question: QuestionAsked,
        in_use: EntriesInUse,
        asker: Asker,
        before: Container[str],
    ) -> list[ChosenEntry]:
        """Return the entries that a question means, in the reading of it that is the surest.

        It is read with what is told before it, by its sentence alone, and with what the message
        told first. One that does not say what it is asked of is read with all that was told first,
        and where that means an entry given `before` or none, with the subjects told.
        """
        if question.follows:
            told = await self._searched(question.with_story, in_use, asker)
            new = _leads(told) and told[0].entry.topic_id not in before
            if new or not question.of_subject:
                return told
            named = await self._searched(question.of_subject, in_use, asker)
            return named if _leads(named) else told
        readings = (question.alone, question.sentence, question.with_story)
        best: list[ChosenEntry] = []
        for reading in dict.fromkeys(readings):
            chosen = await self._searched(reading, in_use, asker)
            if _chance(chosen) > _chance(best):
                best = chosen
            if _sure(best):
                break
        return best

    async def _searched(
        self, question: str, in_use: EntriesInUse, asker: Asker
    ) -> list[ChosenEntry]:
        """Return the entries that a question means by itself, the nearest too."""
        found = await self._law.search(question, limit=_PASSAGES, as_of=asker.day)
        return await self._best(question, replace(found, confidence=Confidence.LOW), in_use, asker)

    async def unanswered(
        self, asked: Sequence[QuestionAsked], answers: Collection[str]
    ) -> list[QuestionAsked]:
        """Return the questions of a message of which none of the entries given is the nearest.

        Raises CorpusMissing, QueueFull.
        """
        index = (await self._entries.current()).index
        if index is None or len(asked) < 2:
            return []
        return [one for one in asked if not await self._covered(one, answers, index)]

    async def _covered(
        self, question: QuestionAsked, answers: Collection[str], index: PhrasingIndex
    ) -> bool:
        """Whether a question asks nothing by itself, or is nearest to one of the entries given."""
        if content_of(question.sentence).empty:
            return True
        story = question.alone if question.follows else question.with_story
        for reading in (question.sentence, story):
            matches = await self._matches(reading, index)
            if not matches or matches[0].topic_id in answers:
                return True
        return False

    async def rule_of(self, question: str, calculator: str, profile: Profile) -> Entry | None:
        """Return the entry with the rule that a calculator applies, the nearest to a question.

        Raises CorpusMissing, QueueFull.
        """
        in_use = await self._entries.current()
        if in_use.index is None:
            return None
        for match in await self._matches(question, in_use.index, ALL_RANKED):
            entry = in_use.entries.get(match.topic_id)
            if entry and entry.calculator == calculator and not contradicts(entry.applies, profile):
                return entry
        return None

    async def near(self, question: str) -> list[Entry]:
        """Return the entries that a question may mean, though none surely."""
        in_use = await self._entries.current()
        if in_use.index is None:
            return []
        matches = await self._matches(question, in_use.index)
        likely = [one.topic_id for one in matches if one.probability >= _LIKELY]
        return [in_use.entries[topic] for topic in likely if topic in in_use.entries]

    async def _matches(
        self, question: str, index: PhrasingIndex, count: int = _CANDIDATES
    ) -> list[Match]:
        meaning = await self._meaning(question, index)
        if meaning is None and index.meaning_dimensions:
            return []
        terms = _terms_of(question)
        return index.rank(terms or question, meaning, count, terms=bool(terms))

    async def _meaning(self, question: str, index: PhrasingIndex) -> Vectors | None:
        """Return the meaning of a question, with that of its French terms if it has any."""
        if not index.meaning_dimensions:
            return None
        asked, terms = await self._law.meaning(question), _terms_of(question)
        named = await self._law.meaning(terms) if terms else None
        if asked is None or named is None:
            return asked
        unknown = answer_language(question).frame == _UNKNOWN_TO_ENCODER
        share = _SHARE_OF_ALL_THAT_IS_READ if unknown else _SHARE_OF_TERMS
        both = (1 - share) * asked + share * named
        return np.asarray(both / np.linalg.norm(both), np.float32)

    async def _with_condition(
        self, chosen: ChosenEntry, question: str, index: PhrasingIndex, asker: Asker
    ) -> ChosenEntry:
        """Return the choice with the condition of the entry that the question asks about."""
        meaning = await self._meaning(question, index)
        condition = index.condition_asked(chosen.entry, question, meaning, asker.language)
        return replace(chosen, condition=condition)

    async def related(self, entry: Entry) -> list[Entry]:
        """Return the related entries that are in use."""
        entries = (await self._entries.current()).entries
        return [entries[topic] for topic in entry.related if topic in entries]

    async def _best(
        self, question: str, found: SearchResult, in_use: EntriesInUse, asker: Asker
    ) -> list[ChosenEntry]:
        """Return the entries that a question means, and what of them it asks about."""
        index = in_use.index
        if index is None:
            return []
        chosen = await self._matched(question, found, in_use, index, asker.profile)
        return [await self._with_condition(one, question, index, asker) for one in chosen]

    async def _matched(
        self,
        question: str,
        found: SearchResult,
        in_use: EntriesInUse,
        index: PhrasingIndex,
        profile: Profile,
    ) -> list[ChosenEntry]:
        """Return the first match where it is sure enough, in use, and no fact told rules it out.

        Where the law found is doubtful too, the nearest entry is better than its passages; a second
        one as likely stands beside it. One barely of another matter is given an entry with a doubt,
        and no nearest one.
        """
        matches = await self._matches(question, index)
        usable = [
            (match, entry)
            for match in matches
            if (entry := in_use.entries.get(match.topic_id))
            and not contradicts(entry.applies, profile)
        ]
        if not usable or usable[0][0] is not matches[0]:
            return []
        entry = usable[0][1]
        variant = "encoder" if index.meaning_dimensions else "words"
        inside = found.scope in (QuestionScope.LABOUR_LAW, QuestionScope.UNCLEAR)
        labour = inside or found.borderline
        passages = cited(entry, found.passages)
        chance = self._confidence.of(matches, passages, variant, labour=labour)
        limits = self._confidence.thresholds(variant)
        if chance >= limits.leads:
            surely = _SURE_BY_TERMS if _terms_of(question) else limits.sure
            sure = chance >= surely and not found.borderline
            confidence = Confidence.HIGH if sure else Confidence.LOW
            return [ChosenEntry(entry, confidence, chance=chance)]
        family = _family(matches, in_use.entries)
        together = self._confidence.of(family, passages, variant, labour=labour)
        if 1 < len(family) < len(matches) and together >= limits.leads:
            kin = _likely(usable, entry)
            return [ChosenEntry(one, Confidence.LOW, chance=together) for one in kin]
        doubtful = _decides_nothing(found)
        near_from = _NEAR_BY_TERMS if _terms_of(question) else limits.near
        if not (inside and doubtful and chance >= near_from):
            return []
        near = _likely(usable)
        return [ChosenEntry(one, Confidence.LOW, nearest=True, chance=chance) for one in near]


def _chance(chosen: Sequence[ChosenEntry]) -> float:
    return chosen[0].chance if chosen else 0.0


def _each_once(chosen: Sequence[ChosenEntry]) -> list[ChosenEntry]:
    first = {choice.entry.topic_id: choice for choice in reversed(chosen)}
    return [choice for choice in chosen if first[choice.entry.topic_id] is choice]


def _leads(chosen: Sequence[ChosenEntry]) -> bool:
    return any(not choice.nearest for choice in chosen)


def _decides_nothing(found: SearchResult) -> bool:
    return found.confidence in UNDECIDED


def _sure(chosen: Sequence[ChosenEntry]) -> bool:
    return any(choice.confidence is Confidence.HIGH for choice in chosen)


def _in_turn(
    own: Sequence[ChosenEntry], whole: Sequence[ChosenEntry], questions: int
) -> list[ChosenEntry]:
    """Return what single questions surely enough mean, else what their message means.

    What the message means as a whole leads, where some question means nothing by itself.
    """
    leading = [choice for choice in own if not choice.nearest]
    if not leading:
        surest = own if _chance(own) > _chance(whole) else whole
        return _each_once([*surest[:1], *own, *whole] if own else whole)[:_MOST_NEAR]
    led = {choice.entry.topic_id for choice in leading}
    means = [choice for choice in whole if not choice.nearest]
    others = [choice for choice in means if choice.entry.topic_id not in led]
    others = others if len(leading) < questions else []
    surer = {choice.entry.topic_id: choice for choice in means if _sure([choice])}
    return [*others, *(surer.get(one.entry.topic_id, one) for one in leading)][:MAX_QUESTIONS]


def _family(matches: Sequence[Match], entries: Mapping[str, Entry]) -> list[Match]:
    """Return the matches with the first one's related entries counted as the first.

    A question between two entries of one subject ("a day's and a week's longest hours") is sure of
    the subject, if others are among the matches: of 216 left-out phrasings that only this shows an
    entry for, 132 meant it and 61 one related to it.
    """
    first, *others = matches
    kin = [one for one in others if _related(entries, first.topic_id, one.topic_id)]
    together = first.probability + sum(one.probability for one in kin)
    return [replace(first, probability=together), *(one for one in others if one not in kin)]


def _related(entries: Mapping[str, Entry], one: str, other: str) -> bool:
    """Whether one of two entries names the other."""
    return any(
        named in entries[topic].related
        for topic, named in ((one, other), (other, one))
        if topic in entries
    )


def _likely(usable: Sequence[tuple[Match, Entry]], kin_of: Entry | None = None) -> list[Entry]:
    """Return the first entry, and a second nearly as likely: related to `kin_of`, where given."""
    least = max(_LIKELY, usable[0][0].probability * _AS_LIKELY)
    likely = [entry for match, entry in usable if match.probability >= least]
    if kin_of:
        named = {kin_of.topic_id, *kin_of.related}
        likely = [one for one in likely if one.topic_id in named or kin_of.topic_id in one.related]
    return likely[:_MOST_NEAR]


def _terms_of(question: str) -> str:
    """Return the French terms of a question in a language that no phrasing is in; else nothing."""
    return french_terms(question) if answer_language(question).frame else ""


def cited(entry: Entry, passages: Sequence[Passage]) -> float:
    """Return the relevance of the best passage found that an entry rests on."""
    keys = {source.source_id for source in entry.sources}
    return max((one.score for one in passages if {one.number, one.id} & keys), default=0.0)
