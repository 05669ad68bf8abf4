"""Verifies the citations of an answer while it is generated, and builds its sources.

An answer may cite a passage of its context by its number in brackets, "[2]", by the article's
number or by quoting it. `CitationFilter` filters the stream of the answer: a number that no passage
of the context has is replaced by a marked phrase, a quotation that is not verbatim in a passage
loses its quotation marks, a URL that is no passage's is removed. Only a tail that could still
become one of those is held back.

Numbers inside a verbatim quotation are the law's own words: they stay, and add no source. Whether a
passage supports the sentence beside it is not checked.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from ai_core.law.records import Passage, SourceKind
from ai_core.law.references import Reading, Reference, canonical, find_references
from ai_core.law.titles import titles_of
from shared.ai.contract import Citation

_LOOKAHEAD_WORDS = 6  # "du code de la sécurité sociale" decides what a number before it means
_LONGEST_QUOTE_CHARS = 1_500
_LEAST_QUOTE_WORDS = 5  # shorter: a term between marks, not a quotation
_FALLBACK_QUOTE_CHARS = 300
_TELLING_CHARS = 40
_QUOTE = re.compile(r"«([^«»]*)»|“([^“”]*)”")
_OPEN_QUOTE = re.compile(r"«[^»]*\Z|“[^”]*\Z")
_LONE_MARK = re.compile(r"« ?| ?»|[“”]")
_OPEN_MARKER = re.compile(r"\[[^\]\n]{0,16}\Z")
_MARKER = re.compile(r"\[(\d{1,3})\]")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s)>\]»]*")
_NUMBERLIKE = re.compile(r"\d|(?:^|\W)(?:[lrda]\*?\.?|art(?:icle)?s?\.?)\W*$", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_SENTENCE = re.compile(r"[.;:!?](?=\s|$)|\n")
_ELLIPSIS = {"[…]", "[...]", "(…)", "(...)"}


@dataclass(slots=True)
class _Source:
    """A passage of the context, with its text normalized for comparison."""

    passage: Passage
    title: str
    flat: str

    def find(self, words: str) -> tuple[int, int] | None:
        """Return where `words` stand in the passage's text, white space aside."""
        at = self.flat.find(words)
        if at < 0 or not words:
            return None
        first = last = flat_at = 0
        found = False
        for word in re.finditer(r"\S+", self.passage.text):
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


class CitationFilter:
    """Checks one answer against the passages of its context, in force on `day`.

    Feed it the chunks as they are generated; it returns the text that may be shown. `citations`
    lists the sources once `finish` was called; the n-th is "[n]" in the text.
    """

    def __init__(self, passages: Sequence[Passage], day: date, unverified: str) -> None:
        self._sources = [
            _Source(passage, title, _flat(passage.text))
            for passage, title in zip(passages, titles_of(passages), strict=True)
        ]
        self._in_force = [
            (p.in_force_since is None or p.in_force_since <= day)
            and (p.in_force_until is None or day < p.in_force_until)
            for p in passages
        ]
        self._titles = {_flat(source.title) for source in self._sources}
        self._unverified = unverified
        self._urls = {p.url for p in passages}
        self._by_number: dict[str, int] = {}
        for at, passage in enumerate(passages):
            if passage.kind is SourceKind.ARTICLE and self._in_force[at]:
                self._by_number.setdefault(canonical(passage.number), at)
        self._pending = ""
        self._line_start = True
        self._shown: dict[tuple[SourceKind, str], int] = {}
        self._quotes: dict[tuple[SourceKind, str], list[tuple[int, int]]] = {}
        self._at = 0
        self.removed = 0

    def feed(self, text: str) -> str:
        """Take the next piece of the answer; return what can be shown by now."""
        self._pending += text
        return self._release(final=False)

    def finish(self) -> str:
        """Return what was still held back."""
        return self._release(final=True)

    def citations(self) -> list[Citation]:
        """Return the sources of the answer, in the order of their numbers."""
        return [self._citation(key) for key in self._shown]

    def _release(self, *, final: bool) -> str:
        shown: list[str] = []
        while self._pending:
            stop = self._settled(final=final)
            if not stop:
                break
            segment, self._pending = self._pending[:stop], self._pending[stop:]
            is_quote = self._line_start and segment.startswith(">")
            shown.append(self._quoted_line(segment) if is_quote else self._prose(segment))
            self._line_start = segment.endswith("\n")
        return "".join(shown)

    def _settled(self, *, final: bool) -> int:
        """Return how many pending characters can no longer be changed by the following ones."""
        pending = self._pending
        line = pending.find("\n") + 1
        if self._line_start and pending.startswith(">"):
            return line or (len(pending) if final else 0)
        cut = line or (len(pending) if final else _settled_words(pending))
        opened = _OPEN_QUOTE.search(pending, 0, cut)
        if opened and (closed := _QUOTE.match(pending, opened.start())):
            return closed.end()
        if opened and not final and len(pending) - opened.start() < _LONGEST_QUOTE_CHARS:
            return opened.start()
        return cut

    def _quoted_line(self, segment: str) -> str:
        words = segment[1:].strip()
        if not words or words in _ELLIPSIS or self._quoted(words):
            return segment
        self.removed += 1
        return self._prose(segment[1:].lstrip(" "))

    def _prose(self, segment: str) -> str:
        parts: list[str] = []
        last = 0
        for quote in _QUOTE.finditer(segment):
            parts.append(self._plain(segment[last : quote.start()]))
            words = (quote[1] or quote[2] or "").strip()
            if self._quoted(words):
                parts.append(quote[0])
            elif len(words.split()) < _LEAST_QUOTE_WORDS:
                parts += [quote[0][0], self._plain(quote[0][1:-1]), quote[0][-1]]
            else:
                self.removed += 1
                parts.append(self._plain(words))
            last = quote.end()
        parts.append(self._plain(segment[last:]))
        return "".join(parts)

    def _plain(self, text: str) -> str:
        parts: list[str] = []
        last = 0
        for start, stop, replacement in sorted(self._changes(text)):
            if start < last:
                continue
            parts += [text[last:start], replacement]
            last = stop
        return "".join([*parts, text[last:]])

    def _changes(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield (start, stop, replacement) of every citation in a plain text."""
        for address in _ADDRESS.finditer(text):
            known = address[0].rstrip(".,;") in self._urls
            self.removed += not known
            yield address.start(), address.end(), address[0] if known else ""
        for mark in _LONE_MARK.finditer(text):  # of a quotation that is not closed
            yield mark.start(), mark.end(), ""
        for marker in _MARKER.finditer(text):
            at = int(marker[1]) - 1
            usable = 0 <= at < len(self._sources) and self._in_force[at]
            self.removed += not usable
            yield marker.start(), marker.end(), f"[{self._cite(at)}]" if usable else ""
        bare = _ADDRESS.sub(lambda address: " " * len(address[0]), text)
        for reference in find_references(bare) if _DIGIT.search(bare) else ():
            if not self._is_supported(reference):
                self.removed += 1
                yield reference.start, reference.stop, self._unverified

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

    def _quoted(self, words: str) -> bool:
        """Whether `words` are verbatim in a passage; if so the quotation is recorded."""
        flat = _flat(words)
        if flat in self._titles:
            return True
        order = [self._at, *(n for n in range(len(self._sources)) if n != self._at)]
        for at in order if self._sources else ():
            place = self._sources[at].find(flat) if self._in_force[at] else None
            if place:
                if len(flat.split()) >= _LEAST_QUOTE_WORDS or at == self._at:
                    self._cite(at)
                    self._remember(self._sources[at].passage, *place)
                return True
        return False

    def _remember(self, passage: Passage, start: int, stop: int) -> None:
        runs = self._quotes.setdefault((passage.kind, f"{passage.id}/{passage.start}"), [])
        if runs and runs[-1][1] <= start and not passage.text[runs[-1][1] : start].strip():
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))

    def _citation(self, key: tuple[SourceKind, str]) -> Citation:
        sources = [s for s in self._sources if (s.passage.kind, s.passage.id) == key]
        runs = [
            source.passage.text[start:stop]
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
            or max(runs, key=len, default=_opening(passage.text)),
            in_force_since=passage.in_force_since,
            status="verified",
        )


def _numbers(text: str) -> Iterator[str]:
    """Yield the canonical numbers of the articles written in `text`."""
    for reference in find_references(text):
        for reading in (*reference.readings, *reference.last):
            yield from map(canonical, reading)


def _settled_words(text: str) -> int:
    """Return the start of the tail that may still become a reference, a marker or a URL."""
    marker = _OPEN_MARKER.search(text)
    if marker:
        text = text[: marker.start()]
    words = list(re.finditer(r"\S+(?=\s)", text))
    cut = nearest = len(words)
    for at in reversed(range(len(words))):
        if nearest - at > _LOOKAHEAD_WORDS:
            break
        if _NUMBERLIKE.search(words[at][0]):
            cut = nearest = at
    if cut < len(words):
        return words[cut].start()
    if marker:
        return len(text)
    return words[-1].end() if words else 0


def _opening(text: str) -> str:
    """Return the first sentences of a passage, word for word."""
    text = text.strip()
    if len(text) <= _FALLBACK_QUOTE_CHARS:
        return text
    ends = [end.end() for end in _SENTENCE.finditer(text, 0, _FALLBACK_QUOTE_CHARS)]
    return text[: ends[-1]].rstrip() if ends else text[: text.find(" ", _FALLBACK_QUOTE_CHARS)]
