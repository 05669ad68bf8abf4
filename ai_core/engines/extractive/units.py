"""Reads a text of the law: its sentences, list items, table rows and headings, and what each needs.

A unit is quoted whole or not at all. `needs` names the units without which it says nothing or
something else: the introduction of a list for its items, the header of a table for its rows, the
sentence before for "Dans ce cas, …", a whole example for each part of it. The layout is all there
is to go by: the texts are plain, with a line for a paragraph, and tabs between the cells of a row.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from ai_core.engines.extractive.words import fold, stems_of

TEXTS_REMEMBERED = 1_024
_HEADING_CHARS = 90
_CELL_CHARS = 200
_SENTENCE_END = re.compile(
    r"(?<=[.!?»])(?<![\s(][A-Z]\.)(?<!\bart\.)(?<!\bArt\.)(?<!\bal\.)(?<!\bn°)(?<!\bSoc\.)"
    r"(?<!\bCass\.)(?<!\bex\.)(?<!\betc\.)(?<!\bcf\.)\s+(?=[A-ZÀ-Ý«])"
)
"""What few characters fulfil is looked at first: at the others nothing else is tried."""
_MARKERS = (
    re.compile(r"\s*\d{1,2}\s?°(?:\s?(?:bis|ter|quater))?"),
    re.compile(r"\s*\d{1,2}[.)](?!\d)"),
    re.compile(r"\s*[a-z]{1,2}\)"),
    re.compile(r"\s*(?:[-–—]\s?){2,}"),
    re.compile(r"\s*[-–—•*●▪]"),
)
_MARKER_ALONE = re.compile(
    r"\s*(?:(?:art(?:icle|\.)\s*)?\d{1,3}(?:[.-]\s?\d{1,3})*|[A-Za-z]|[IVXivx]{1,5})\s?[.)°]*\s*",
    re.IGNORECASE,
)
"""The number of a part of a text: no sentence ends with it."""
_REFERS_ELSEWHERE = re.compile(
    r"\W*(?:v[ée]rifie[rz] (?:sur|ce que)|voir |voir aussi|consulter? |consultez|retrouvez"
    r"|t[ée]l[ée]charge[rz]|en savoir plus|pour en savoir plus|pour plus d.informations?"
    r"|pour plus de pr[ée]cisions|[àa] lire|lire la |acc[ée]de[rz] |cliquez|d[ée]couvr(?:ez|ir)"
    r"|rendez-vous sur|utilise[rz] |simulateur|lire aussi)",
    re.IGNORECASE,
)
_ANTECEDENT = re.compile(
    r"(?:toutefois|cependant|neanmoins|en revanche|mais|or|a defaut|dans le cas contraire"
    r"|en cas contraire|sinon|dans les deux cas|dans les memes conditions|de meme|a cet effet"
    r"|il en (?:est|va) de meme|a ce titre|par derogation)\b"
    r"|(?:(?:par ailleurs|en outre|de plus|ainsi|des lors|enfin|egalement)\W+)?(?:"
    r"(?:(?:pendant|durant|passe|au cours de|a compter de|avant|apres|dans|pour|sur|a|de|en|lors de"
    r"|au terme de|a l'issue de|au-dela de|a l'expiration de)\s+)?"
    r"(?:ce|cet|cette|ces|celui-ci|celle-ci|ceux-ci|celles-ci|ce dernier|cette derniere|leurs?|son"
    r"|sa|ses|elles?|ils)\b(?! (?:qui|que|dont)\b)"
    r"|il\b(?! (?:(?:n'|ne )?(?:existe|appartient|convient|faut|y a|suffit|incombe|resulte|s'agit)"
    r"|(?:n')?(?:est|sera|peut etre|doit etre|reste)(?: pas)?(?: \w+)? \w+"
    r" (?:de|d'|que|qu'|a|au|aux)\b))"
    r")|\w+ \w+ suivant(?:e?s)?\b"
)
_ANNOUNCES = re.compile(r"comme suit|ci-apres|ci-dessous|suivante?s?\b|tableau|\bbareme")
_LETTERED = re.compile(r"\s*[a-z]\s?[.)]\s+")
_EXAMPLE = re.compile(r"\W*(?:par )?exemples?\b|\W*ex\. ?:|ainsi, par exemple|\W*illustration\b")
_RECKONED = re.compile(r"\W*(?:soit|total|=|\(?\d[\d\s,]*\s?[x×*]|au total|le salarie percevra)")
_QUANTITY = re.compile(
    r"\d\s?(?:%|€|euros?|jours?|mois|ans?|annees?|semaines?|heures?|points?)\b|[%€]"
    r"|\b(?:un|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|douze|quinze|vingt|trente)"
    r" (?:jours?|mois|ans?|annees?|semaines?|heures?)\b"
)
_QUOTED_NAME = re.compile(r"«\s?[^«».;:]{2,60}»\s*$")
"""Ends the title of a table: "Salaires minimaux des « ETAM »"."""
_ENDINGS = (".", ";", ":", ",", "!", "»", ")", "]", "…")


class Role(StrEnum):
    """What a unit is."""

    SENTENCE = "sentence"
    ITEM = "item"
    HEADER = "header"
    ROW = "row"
    HEADING = "heading"
    EXAMPLE = "example"


@dataclass(slots=True)
class Unit:
    """The characters from `start` to `stop` of a text.

    `line` counts the lines. `heading` is the title above it, `introduces` is true when a list
    follows. `folded` and `stems` are its words for comparison.
    """

    start: int
    stop: int
    line: int
    role: Role
    folded: str
    stems: frozenset[str]
    introduces: bool = False
    heading: int | None = None
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and its units, in its order."""

    text: str
    units: tuple[Unit, ...]

    def words(self, at: int) -> str:
        """Return a unit word for word."""
        return self.text[self.units[at].start : self.units[at].stop]

    def with_needs(self, chosen: Iterable[int]) -> set[int]:
        """Add to units everything they need, directly or not."""
        found: set[int] = set()
        pending = list(chosen)
        while pending:
            at = pending.pop()
            if at not in found:
                found.add(at)
                pending += self.units[at].needs
        return found

    def items(self, at: int) -> list[int]:
        """Return the items and rows that a unit introduces, directly or not."""
        below = {at}
        for other in range(at + 1, len(self.units)):
            unit = self.units[other]
            listed = unit.role in {Role.ITEM, Role.HEADER, Role.ROW} and below & set(unit.needs)
            follows = other - 1 in unit.needs and other - 1 in below and other - 1 != at
            if not (listed or follows):
                if unit.role is Role.HEADING:
                    continue
                break
            below.add(other)
        return sorted(below - {at})

    def length(self, chosen: Iterable[int]) -> int:
        """Return the characters of units."""
        return sum(self.units[at].stop - self.units[at].start for at in chosen)

    def runs(self, chosen: Iterable[int]) -> list[tuple[int, int]]:
        """Return where units stand in the text, those with only white space between them as one."""
        runs: list[tuple[int, int]] = []
        for at in sorted(chosen):
            unit = self.units[at]
            if runs and not self.text[runs[-1][1] : unit.start].strip():
                runs[-1] = (runs[-1][0], unit.stop)
            else:
                runs.append((unit.start, unit.stop))
        return runs


def has_quantity(words: str) -> bool:
    """Whether words in lower case state a duration, an amount of money or a share."""
    return _QUANTITY.search(words) is not None


@lru_cache(TEXTS_REMEMBERED)
def read(text: str) -> Reading:
    """Read a text; lines that only refer to other pages are no units of it."""
    return Reading(text, tuple(_Reader(text).units))


@dataclass(slots=True)
class _List:
    introduction: int
    marker: int | None


class _Reader:
    """Reads one text, line by line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.units: list[Unit] = []
        self._heading: int | None = None
        self._lists: list[_List] = []
        self._table: list[int] = []
        self._columns = 0
        self._in_table = False
        lines = [line for line in _lines(text) if not _REFERS_ELSEWHERE.match(text, *line)]
        tabbed = [_is_row(text[start:stop]) for start, stop in lines]
        for n, (start, stop) in enumerate(lines):
            after = text[slice(*lines[n + 1])] if n + 1 < len(lines) else ""
            self._in_table = tabbed[n] and any(tabbed[max(0, n - 2) : n] + tabbed[n + 1 : n + 3])
            self._line(n, start, stop, after)
        self._bind_examples()

    def _line(self, n: int, start: int, stop: int, after: str) -> None:
        words = self._text[start:stop]
        if self._in_table:
            self._row(n, start, stop)
            return
        marker = next((k for k, mark in enumerate(_MARKERS) if mark.match(words)), None)
        introduction = self._introduction(marker, words)
        if introduction is None and self._is_heading(words, after):
            self._add(n, start, stop, Role.HEADING)
            self._heading = len(self.units) - 1
            return
        self._table = []
        item = introduction is not None
        needs = () if introduction is None else (introduction,)
        ends = [end.end() for end in _SENTENCE_END.finditer(self._text, start, stop)]
        if ends and _MARKER_ALONE.fullmatch(self._text, start, ends[0]):
            ends = ends[1:]
        cuts = [start, *ends, stop]
        first = len(self.units)
        for begin, end in pairwise(cuts):
            at = self._add(n, begin, end, Role.ITEM if item and begin == start else Role.SENTENCE)
            unit = self.units[at]
            if begin > start:
                needs = (first,) if item else ()
            if self._needs_the_one_before(at):
                needs = (*needs, at - 1)
            unit.needs = tuple(dict.fromkeys(needs))

    def _introduction(self, marker: int | None, words: str) -> int | None:
        """Return the unit that introduces the list to which a line belongs, None for no list."""
        last = self.units[-1] if self.units else None
        under_title = last is None or (last.role is Role.HEADING and not last.introduces)
        if under_title and marker is None:
            self._lists = []
        if last is not None and last.introduces:
            self._lists.append(_List(len(self.units) - 1, marker))
            return len(self.units) - 1
        while self._lists:
            goes_on = marker is not None or (
                last is not None
                and last.role is not Role.HEADING
                and (self._text[last.stop - 1] in ";," or self._text[last.stop - 1] not in ".!?»)")
            )
            goes_on = goes_on or self._begins_like_the_last(words)
            if self._lists[-1].marker == marker and goes_on:
                return self._lists[-1].introduction
            if self._lists[-1].marker is not None and marker is None and goes_on:
                return self._lists[-1].introduction
            self._lists.pop()
        return None

    def _begins_like_the_last(self, words: str) -> bool:
        """Whether a line begins as the item before it: "Coefficient 155 : 12,41 €."."""
        last = self.units[-1] if self.units else None
        if last is None or last.role is not Role.ITEM or " : " not in words:
            return False
        return fold(words).split()[:1] == last.folded.split()[:1]

    def _is_heading(self, words: str, after: str) -> bool:
        ends = words.rstrip().endswith(_ENDINGS)
        if ends and "\t" in after and _QUOTED_NAME.search(words):
            ends = False
        short = len(words) < _HEADING_CHARS and not ends
        named = words[marker.end() :] if (marker := _LETTERED.match(words)) else words
        if not short or not named.strip() or named.lstrip()[0].islower() or not after:
            return False
        tells = _QUANTITY.search(words.lower()) or " : " in words or "=" in words
        return words.endswith("?") or not tells

    def _row(self, n: int, start: int, stop: int) -> None:
        """Read a row of a table; the first one is its header."""
        columns = self._text.count("\t", start, stop)
        last = len(self.units) - 1
        continues = self._table and (last == self._table[-1] or last == self._heading)
        if continues and last == self._heading:
            continues = any(map(str.isdigit, self._text[start:stop]))
        at = self._add(n, start, stop, Role.ROW if continues else Role.HEADER)
        unit = self.units[at]
        if not continues:
            self._table, self._columns = [at], columns
            if last >= 0 and (
                self.units[last].introduces
                or last == self._heading
                or _ANNOUNCES.search(self.units[last].folded)
            ):
                unit.needs = (last,)
            return
        needs = [self._table[0]]
        if columns < self._columns or not self._text[start:stop].split("\t")[0].strip():
            full = [row for row in self._table if self.units[row].role is Role.ROW]
            whole = [
                r
                for r in full
                if self._text.count("\t", self.units[r].start, self.units[r].stop) >= self._columns
            ]
            needs += whole[-1:]
        if self._heading is not None and self._heading > self._table[0]:
            needs.append(self._heading)
        unit.needs = tuple(needs)
        self._table.append(at)

    def _add(self, line: int, start: int, stop: int, role: Role) -> int:
        words = self._text[start:stop]
        begin = (
            start + len(words) - len(words.lstrip(" \u00a0")) if role is not Role.HEADING else start
        )
        end = start + len(words.rstrip())
        folded = fold(words)
        unit = Unit(
            begin,
            end,
            line,
            role,
            folded.strip(),
            stems_of(folded),
            words.rstrip().endswith(":"),
            self._heading,
        )
        self.units.append(unit)
        return len(self.units) - 1

    def _needs_the_one_before(self, at: int) -> bool:
        unit = self.units[at]
        if at == 0 or self.units[at - 1].role is Role.HEADING:
            return False
        first = self._text[unit.start]
        if unit.role is Role.ITEM:
            return False
        return first.islower() or _ANTECEDENT.match(unit.folded) is not None

    def _bind_examples(self) -> None:
        """Make one group of each example: from its first words to its result."""
        at = 0
        while at < len(self.units):
            unit = self.units[at]
            if not _EXAMPLE.match(unit.folded) or unit.role in {Role.ROW, Role.HEADER}:
                at += 1
                continue
            stop = self._end_of_example(at)
            group = tuple(range(at, stop))
            for one in group:
                self.units[one].role = Role.EXAMPLE
                self.units[one].needs = group if stop - at > 1 else self.units[one].needs
            at = stop

    def _end_of_example(self, at: int) -> int:
        opened = self.units[at].role is Role.HEADING or self.units[at].introduces
        line = self.units[at].line
        stop = at + 1
        while stop < len(self.units):
            unit = self.units[stop]
            first = opened and stop == at + 1
            reckons = _RECKONED.match(unit.folded) or (opened and _QUANTITY.search(unit.folded))
            belongs = unit.line == self.units[stop - 1].line or unit.role is Role.ITEM or reckons
            if unit.role is Role.HEADING or not (belongs or first or unit.line == line):
                break
            stop += 1
        return stop


def _is_row(words: str) -> bool:
    return "\t" in words and max(map(len, words.split("\t"))) <= _CELL_CHARS


def _lines(text: str) -> Iterator[tuple[int, int]]:
    for line in re.finditer(r"[^\n]+", text):
        if line[0].strip():
            yield line.span()
