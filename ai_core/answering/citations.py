"""Verifies the citations of an answer while it is generated, and builds its sources.

An answer may cite a passage of its context by its number in brackets, "[2]", by the article's
number or by quoting it. `CitationFilter` filters the stream of the answer: a number that no passage
of the context has is replaced by a marked phrase, a quotation that is not verbatim in a passage
loses its quotation marks and the "[2]" after it, an address that is no passage's is removed. Only a
tail that could still become one of those is held back.

Numbers inside a verbatim quotation are the law's own words: they stay, and add no source. Whether a
passage supports the sentence beside it is not checked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from ai_core.answering.addresses import ADDRESS_SIGNS, AddressFilter
from ai_core.answering.pending import PendingText
from ai_core.answering.plain_spelling import PlainSpelling
from ai_core.answering.quotations import (
    QUOTATION_MARKS,
    QUOTED_LINE,
    is_term,
    may_become_a_quoted_line,
    open_quotation,
    quotations,
    unpaired_marks,
)
from ai_core.law.records import Passage, SourceKind
from ai_core.law.references import (
    Reading,
    Reference,
    canonical,
    find_references,
)
from ai_core.law.spelled_references import find_spelled_references
from ai_core.law.titles import titles_of
from shared.ai.contract import Citation
from shared.privacy.plain_text import without_invisible

_LONGEST_QUOTE_CHARS = 1_500
_FALLBACK_QUOTE_CHARS = 300
_TELLING_CHARS = 40
_MARKER = re.compile(r"\[(\d{1,3})\]")
_MARKERS_AT_END = re.compile(r"(?:\s?\(?\[\d{1,3}\]\)?[.,;]?)+$")
_AFTER_QUOTATION = re.compile(r"(?:[\s.,;:!?…()*_]|\[\d{1,3}\])*")
_DIGIT = re.compile(r"\d")
_CHANGEABLE = re.compile(
    rf"[\d\[{ADDRESS_SIGNS}{QUOTATION_MARKS}]|[aA][rR][tT]"  # "article mille"
)
"""Without one of these nothing in a text can be a citation, a link or a lone quotation mark."""
_SENTENCE = re.compile(r"[.;:!?](?=\s|$)|\n")
CELL_MARK = "|"
"""Parts the cells of a table's row in a quotation; the texts have a tab there."""
_ELLIPSIS = {"[…]", "[...]", "(…)", "(...)"}


@dataclass(slots=True)
class _Source:
    """A passage of the context, with its text normalized for comparison."""

    passage: Passage
    title: str
    text: str
    flat: str

    def find(self, words: str) -> tuple[int, int] | None:
        """Return where `words` stand in `text`, white space aside."""
        at = self.flat.find(words)
        if at < 0 or not words:
            return None
        first = last = flat_at = 0
        found = False
        for word in re.finditer(r"\S+", self.text):
            end = flat_at + len(word[0])
            if not found and at < end:
                first, found = word.start() + max(0, at - flat_at), True
            if found and at + len(words) <= end:
                last = word.start() + at + len(words) - flat_at
                break
            flat_at = end + 1
        return first, last


def _flat(text: str) -> str:
    return " ".join(text.replace("’", "'").split())


@lru_cache(maxsize=512)  # many questions find the same passages
def _visible_and_flat(text: str) -> tuple[str, str]:
    visible = without_invisible(text)
    return visible, _flat(visible)


class CitationFilter:
    """Checks one answer against the passages of its context, in force on `day`.

    Feed it the chunks as they are generated; it returns the text that may be shown. `citations`
    lists the sources once `finish` was called; the n-th is "[n]" in the text.
    """

    def __init__(self, passages: Sequence[Passage], day: date, unverified: str) -> None:
        self._sources = [
            _Source(passage, title, *_visible_and_flat(passage.text))
            for passage, title in zip(passages, titles_of(passages), strict=True)
        ]
        self._in_force = [
            (p.in_force_since is None or p.in_force_since <= day)
            and (p.in_force_until is None or day < p.in_force_until)
            for p in passages
        ]
        self._titles = {_flat(source.title) for source in self._sources}
        self._unverified = unverified
        self._addresses = AddressFilter(
            {p.url for p in passages},
            [*(source.text for source in self._sources), *(p.number for p in passages)],
        )
        self._by_number: dict[str, int] = {}
        for at, passage in enumerate(passages):
            if passage.kind is SourceKind.ARTICLE and self._in_force[at]:
                self._by_number.setdefault(canonical(passage.number), at)
        self._spelling = PlainSpelling()
        self._pending = PendingText()
        self._line_start = True
        self._quotation_refused = False
        self._shown: dict[tuple[SourceKind, str], int] = {}
        self._quotes: dict[tuple[SourceKind, str], list[tuple[int, int]]] = {}
        self._at = 0
        self.removed = 0

    def feed(self, text: str) -> str:
        """Take the next piece of the answer; return what can be shown by now."""
        self._pending.append(without_invisible(self._spelling.feed(text)))
        return self._release(final=False)

    def finish(self) -> str:
        """Return what was still held back."""
        self._pending.append(without_invisible(self._spelling.finish()))
        return self._release(final=True)

    def citations(self) -> list[Citation]:
        """Return the sources of the answer, in the order of their numbers."""
        return [self._citation(key) for key in self._shown]

    def _release(self, *, final: bool) -> str:
        shown: list[str] = []
        while self._pending.text:
            stop = self._settled(final=final)
            if not stop:
                break
            segment = self._pending.take(stop)
            quoted = QUOTED_LINE.match(segment) if self._line_start else None
            shown.append(
                self._quoted_line(segment, quoted.end()) if quoted else self._prose(segment)
            )
            self._line_start = segment.endswith("\n")
        return "".join(shown)

    def _settled(self, *, final: bool) -> int:
        """Return how many pending characters can no longer be changed by the following ones."""
        pending = self._pending.text
        line = pending.find("\n") + 1
        if self._line_start:
            if not final and not line and may_become_a_quoted_line(pending):
                return 0
            if QUOTED_LINE.match(pending):
                return line or (len(pending) if final else 0)
        cut = line or (len(pending) if final else self._pending.settled_words())
        opened, closed = open_quotation(pending, cut)
        if closed:
            return closed
        if opened is not None and not final and len(pending) - opened < _LONGEST_QUOTE_CHARS:
            return opened
        return cut

    def _quoted_line(self, segment: str, mark: int) -> str:
        words = segment[mark:].strip()
        markers = _MARKERS_AT_END.search(words)
        cited = words[: markers.start()] if markers else words
        if not words or words in _ELLIPSIS or self._quoted(words):
            return segment
        if markers and self._quoted(cited):
            stop = mark + segment[mark:].index(cited) + len(cited)
            return segment[:stop] + self._plain(segment[stop:])
        self._refuse_quotation()
        return self._prose(segment[mark:].replace(words, cited))

    def _refuse_quotation(self) -> None:
        self.removed += 1
        self._quotation_refused = True

    def _prose(self, segment: str) -> str:
        parts: list[str] = []
        last = 0
        for quotation in quotations(segment):
            parts.append(self._plain(segment[last : quotation.start()]))
            mark, words, end_mark = quotation[0][0], quotation[0][1:-1], quotation[0][-1]
            if self._quoted(words.strip()):
                parts.append(quotation[0])
            elif is_term(words):
                parts += [mark, self._plain(words), end_mark]
            else:
                parts.append(self._plain(words.strip()))
                self._refuse_quotation()
            last = quotation.end()
        parts.append(self._plain(segment[last:]))
        return "".join(parts)

    def _plain(self, text: str) -> str:
        parts: list[str] = []
        last = 0
        if self._quotation_refused:
            after = _AFTER_QUOTATION.match(text)
            stop = after.end() if after else 0
            self._quotation_refused = stop == len(text)
            text = _MARKER.sub("", text[:stop]).replace("()", "") + text[stop:]
        if not _CHANGEABLE.search(text):
            return text
        for start, stop, replacement in sorted(self._changes(text)):
            if start < last:
                continue
            parts += [text[last:start], replacement]
            last = stop
        return "".join([*parts, text[last:]])

    def _changes(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield (start, stop, replacement) of every citation in a plain text."""
        for address in self._addresses.changes(text):
            self.removed += 1
            yield address
        for mark in unpaired_marks(text):
            yield mark.start(), mark.end(), ""
        for marker in _MARKER.finditer(text):
            at = int(marker[1]) - 1
            usable = 0 <= at < len(self._sources) and self._in_force[at]
            self.removed += not usable
            yield marker.start(), marker.end(), f"[{self._cite(at)}]" if usable else ""
        bare = self._addresses.blanked(text)
        for reference in find_references(bare) if _DIGIT.search(bare) else ():
            if not self._is_supported(reference):
                self.removed += 1
                yield reference.start, reference.stop, self._unverified
        for start, stop in find_spelled_references(bare):
            self.removed += 1
            yield start, stop, self._unverified

    def _is_supported(self, reference: Reference) -> bool:
        """Whether the context contains a reference; if so its articles become sources."""
        ends = [readings for readings in (reference.readings, reference.last) if readings]
        held = [self._supported_number(readings) for readings in ends]
        if reference.other_code or not all(held):
            return not reference.sure
        for at in (self._by_number.get(number or "") for number in held):
            if at is not None:
                self._cite(at)
        return True

    def _supported_number(self, readings: Sequence[Reading]) -> str | None:
        """Return the number meant, when a passage of the context has or names it."""
        numbers = [canonical(number) for reading in readings for number in reading]
        held = (n for n in numbers if n in self._by_number or n in self._named)
        return next(held, None)

    @cached_property
    def _named(self) -> frozenset[str]:
        """The article numbers in the numbers and titles of the articles in force.

        Parsed only once a reference is to none of these articles, which is rare.
        """
        return frozenset(
            number
            for source, in_force in zip(self._sources, self._in_force, strict=True)
            if in_force and source.passage.kind is SourceKind.ARTICLE
            for words in filter(_DIGIT.search, (source.passage.number, source.title))
            for number in _numbers(words)
        )

    def _cite(self, at: int) -> int:
        """Make a passage a source; return its number in the answer."""
        self._at = at
        passage = self._sources[at].passage
        return self._shown.setdefault((passage.kind, passage.id), len(self._shown) + 1)

    def holds(self, words: str) -> bool:
        """Whether `words` are verbatim in a passage in force, white space aside."""
        flat = _flat(words)
        sources = zip(self._sources, self._in_force, strict=True)
        return any(in_force and source.find(flat) is not None for source, in_force in sources)

    def _quoted(self, words: str) -> bool:
        """Whether `words` are verbatim in a passage; if so the quotation is recorded."""
        flat = " ".join(word for word in _flat(words).split() if word != CELL_MARK)
        if flat in self._titles:
            return True
        order = [self._at, *(n for n in range(len(self._sources)) if n != self._at)]
        for at in order if self._sources else ():
            place = self._sources[at].find(flat) if self._in_force[at] else None
            if place:
                if not is_term(flat) or at == self._at:
                    self._cite(at)
                    self._remember(self._sources[at], *place)
                return True
        return False

    def _remember(self, source: _Source, start: int, stop: int) -> None:
        passage = source.passage
        runs = self._quotes.setdefault((passage.kind, f"{passage.id}/{passage.start}"), [])
        if runs and runs[-1][1] <= start and not source.text[runs[-1][1] : start].strip():
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))

    def _citation(self, key: tuple[SourceKind, str]) -> Citation:
        sources = [s for s in self._sources if (s.passage.kind, s.passage.id) == key]
        runs = [
            source.text[start:stop]
            for source in sources
            for start, stop in self._quotes.get((key[0], f"{key[1]}/{source.passage.start}"), ())
        ]
        passage = sources[0].passage
        return Citation(
            kind=passage.kind.value,
            id=passage.id,
            number=passage.number,
            title=sources[0].title,
            url=passage.url,
            quote=next((run for run in runs if len(run) >= _TELLING_CHARS), None)
            or max(runs, key=len, default=_opening(sources[0].text)),
            in_force_since=passage.in_force_since,
            updated=passage.updated,
            status="verified",
        )


def _numbers(text: str) -> Iterator[str]:
    """Yield the canonical numbers of the articles written in `text`."""
    for reference in find_references(text):
        for reading in (*reference.readings, *reference.last):
            yield from map(canonical, reading)


def _opening(text: str) -> str:
    """Return the first sentences of a passage, word for word."""
    text = text.strip()
    if len(text) <= _FALLBACK_QUOTE_CHARS:
        return text
    ends = [end.end() for end in _SENTENCE.finditer(text, 0, _FALLBACK_QUOTE_CHARS)]
    return text[: ends[-1]].rstrip() if ends else text[: text.find(" ", _FALLBACK_QUOTE_CHARS)]
