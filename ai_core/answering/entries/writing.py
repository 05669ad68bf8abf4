"""Writes an entry into a reply: its answer first, what concerns the person, the law word for word.

Code numbers the sources, looks each up in the law in service and quotes the words that decide; a
source that is not in force on the day of the question withholds the whole entry.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from ai_core.answering.entries.facts import lines_for
from ai_core.answering.quoted_sources import QuotedSource, quoted_sources
from ai_core.engines.base import AnswerPart
from ai_core.engines.extractive.excerpt import quoted_lines
from ai_core.engines.extractive.units import read
from ai_core.knowledge.condition_index import NO_CONDITION, ConditionAsked
from ai_core.knowledge.records import MARK, Entry, EntrySource, Line, Localized
from ai_core.law.records import Passage, SourceKind
from ai_core.law.source import LawSource
from ai_core.law.titles import title_of
from shared.ai.contract import Citation, Profile
from shared.fragments import says, squeezed
from shared.languages import Language
from shared.texts import Texts, date_in_words

_FRAGMENTS_REMEMBERED = 8_192  # a few MiB


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom an entry is written: their language, what they told, and the day of the law."""

    language: Language
    profile: Profile
    day: date


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """The parts of an answer, in their order, and the sources that their numbers mean."""

    parts: tuple[tuple[AnswerPart, str], ...]
    citations: tuple[Citation, ...]


async def write_entry(
    entry: Entry,
    law: LawSource,
    texts: Texts,
    asker: Asker,
    *,
    before: int = 0,
    condition: ConditionAsked = NO_CONDITION,
) -> WrittenEntry | None:
    """Write an entry; `before` is the number of sources that the reply already names.

    `condition`: the one that the question asks about follows the answer at once, the one nearest
    to it leads the others.

    None where a source is not in force on the day, or no longer says the words that decide.
    Raises CorpusMissing, QueueFull.
    """
    wanted = [(source.source_id, source.idcc) for source in entry.sources]
    found = await law.cited(wanted, asker.day)
    held: dict[str, _Held] = {}
    for source, passage in zip(entry.sources, found, strict=True):
        if passage is None or not _bears_out(source, passage):
            return None
        held[source.key] = _Held(source, passage)
    return _Writing(entry, held, texts, asker, before, condition).written()


def in_language(text: Localized, language: Language) -> str:
    """Return a text in a language; in English, then, where nobody wrote it in that language."""
    return text.in_language(language) or text.en


def _bears_out(source: EntrySource, passage: Passage) -> bool:
    return all(says(passage.text, fragment) for fragment in source.fragments)


@dataclass(frozen=True, slots=True)
class _Held:
    """A source of the entry, as the law in service has it."""

    source: EntrySource
    passage: Passage


@dataclass(slots=True)
class _Writing:
    """One entry being written; `numbers` are those of its sources, as they are first named."""

    entry: Entry
    held: Mapping[str, _Held]
    texts: Texts
    asker: Asker
    before: int
    condition: ConditionAsked
    numbers: dict[str, int] = field(default_factory=dict)

    def written(self) -> WrittenEntry:
        entry, profile = self.entry, self.asker.profile
        told, other = lines_for(entry.conditions, profile)
        asked, nearest = (
            [] if at is None else [entry.conditions[at]]
            for at in (self.condition.asked, self.condition.nearest)
        )
        told = [line for line in other if line in asked] + told
        other = [line for line in other if line not in asked]
        other.sort(key=lambda line: line not in nearest)
        steps = [line for lines in lines_for(entry.steps, profile) for line in lines]
        parts = [
            (AnswerPart.SUMMARY, "\n\n".join(self._decided(told))),
            (AnswerPart.CONDITIONS, self._listed(other)),
            (AnswerPart.STEPS, self._listed(steps)),
        ]
        quoted, citations = self._quoted()
        kept = [(part, text) for part, text in (*parts, (AnswerPart.SOURCES, quoted)) if text]
        return WrittenEntry(tuple(kept), tuple(citations))

    def _decided(self, told: list[Line]) -> Iterator[str]:
        """Yield the answer and what is true of the asker; to an employer their own part first."""
        own = [line for line in told if "employer" in line.when.role]
        yield from map(self._numbered, own)
        said = self._numbered(self.entry.answer)
        yield self.texts.say("for_the_employee", self.asker.language, said=said) if own else said
        yield from (self._numbered(line) for line in told if line not in own)

    def _listed(self, lines: Iterable[Line]) -> str:
        return "\n".join(f"- {self._numbered(line)}" for line in lines)

    def _numbered(self, text: Localized) -> str:
        said = in_language(text, self.asker.language)
        return MARK.sub(lambda mark: f"[{self._number(mark[1])}]", said)

    def _number(self, key: str) -> int:
        return self.numbers.setdefault(key, self.before + len(self.numbers) + 1)

    def _quoted(self) -> tuple[str, list[Citation]]:
        """Return the deciding words of each source below its title, and the citations.

        The numbers in the quoted sources are those of the reply less the sources before.
        """
        sources = [
            QuotedSource(one.passage, self._heading(number, one.passage), _quotation(one))
            for number, one in enumerate(map(self.held.__getitem__, self.numbers), start=1)
        ]
        shown, citations = quoted_sources(sources, self.asker.day)
        return raised(shown, self.before), citations

    def _heading(self, number: int, passage: Passage) -> str:
        language = self.asker.language
        title = title_of(passage)
        key = f"{passage.kind}_heading"
        said = self.texts.say(key, language, number=passage.number, n=number, title=title)
        dates = {
            SourceKind.FICHE: ("fiche_updated", passage.updated),
            SourceKind.ARTICLE: ("in_force_since", passage.in_force_since),
            SourceKind.AGREEMENT: ("text_signed", passage.updated),
        }
        dated, day = dates[passage.kind]
        if day is None:
            return said
        return f"{said} {self.texts.say(dated, language, day=date_in_words(day, language))}"


def _quotation(held: _Held) -> str:
    """Return the sentences that hold the deciding words, with every omission marked."""
    passage = held.passage
    reading = read(passage.text)
    spans = [_span(passage.text, fragment) for fragment in held.source.fragments]
    said = [
        at
        for at, unit in enumerate(reading.units)
        if any(unit.start < stop and start < unit.stop for start, stop in spans)
    ]
    chosen = sorted(reading.with_needs(said))
    return quoted_lines(reading, chosen, begins=True, goes_on=False)


def _span(text: str, fragment: str) -> tuple[int, int]:
    """Return where a fragment stands in a text, white space and apostrophes aside."""
    found = _pattern(fragment).search(text)
    return found.span() if found else (0, 0)


@lru_cache(_FRAGMENTS_REMEMBERED)
def _pattern(fragment: str) -> re.Pattern[str]:
    """Return the pattern of a fragment: entries have a few thousand, each compiled in 1 ms."""
    words = (re.escape(word).replace("'", "['’]") for word in squeezed(fragment).split())
    return re.compile(r"\s+".join(words))


def raised(shown: str, before: int) -> str:
    """Return a text whose sources are numbered after those `before`."""
    if not before:
        return shown
    return re.sub(r"\[(\d{1,3})\]", lambda mark: f"[{int(mark[1]) + before}]", shown)
