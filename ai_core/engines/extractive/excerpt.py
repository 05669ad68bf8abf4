"""Extractive excerpts: the lines of a text that match a question, word for word.

A text is split at line ends, and long lines at sentence ends; an item of a list is never shown
without the line that introduces the list. Ranking is BM25-like over stems: it finds the lines on
the same subject, it does not understand them.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import Stemmer

_LONG_LINE_CHARS = 450
_NUMBER_BONUS = 0.35
_LENGTH_PENALTY = 0.2
_USUAL_CHARS = 160
_NEXT_LINE_SHARE = 0.75
_CONTINUE_SHARE = 0.3
_MAX_RUNS = 2
_HEADING_CHARS = 90
_TEXTS_REMEMBERED = 1_024  # a few MiB; the same articles answer many questions
_WORD = re.compile(r"[a-z0-9]+")
_SENTENCE_END = re.compile(
    r"(?<![\s(][A-Z]\.)(?<!\bart\.)(?<!\bal\.)(?<!\bn°)(?<=[.!?»])\s+(?=[A-ZÀ-Ý«])"
)
_ITEM = re.compile(r"\s*(?:[-–—•*]|\d{1,2}\s?°|\d{1,2}[.)]|[a-z]{1,2}\))\s*")
_REFERS_ELSEWHERE = re.compile(
    r"\W*(?:v[ée]rifier sur|voir |voir aussi|consulter? |consultez|retrouvez|t[ée]l[ée]charge[rz]"
    r"|en savoir plus|pour en savoir plus|pour plus d.informations?|[àa] lire|acc[ée]de[rz] "
    r"|cliquez|d[ée]couvrez|rendez-vous sur|utilise[rz] |simulateur|lire aussi)",
    re.IGNORECASE,
)
_QUANTITY_ASKED = re.compile(
    r"\b(?:combien|durees?|delais?|montants?|temps|quand|age|salaire|taux|prix|nombre"
    r"|how (?:long|much|many)|when)\b"
)
_QUANTITY = re.compile(
    r"\d|\b(?:un|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|douze|quinze|vingt|trente)"
    r" (?:jours?|mois|ans?|annees?|semaines?|heures?)\b"
)
_STOP = frozenset(Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8").split())
_stemmer = Stemmer.Stemmer("french")


def fold(text: str) -> str:
    """Return `text` in lower case without accents; other non-ASCII characters are dropped."""
    plain = text.lower().replace("œ", "oe").replace("’", "'")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()


@lru_cache(_TEXTS_REMEMBERED)
def stems(text: str) -> frozenset[str]:
    """Return the stems of the words, without stop words."""
    words = [word for word in _WORD.findall(fold(text)) if word not in _STOP]
    return frozenset(_stemmer.stemWords(words))


@dataclass(frozen=True, slots=True)
class Unit:
    """A line or a sentence of a text: the characters from `start` to `stop`.

    An `item` belongs to a list, which another unit `introduces`; one that `continues` needs the one
    before it. A `heading` is the title of what follows it.
    """

    start: int
    stop: int
    item: bool
    introduces: bool
    continues: bool
    heading: bool


def split_units(text: str) -> list[Unit]:
    """Split `text` into lines and sentences, without lines that only refer to other pages."""
    found: list[Unit] = []
    for line in re.finditer(r"[^\n]+", text):
        if _REFERS_ELSEWHERE.match(line[0]):
            continue
        cuts = [line.start()]
        if line.end() - line.start() > _LONG_LINE_CHARS:
            cuts += [end.end() for end in _SENTENCE_END.finditer(text, *line.span())]
        for start, stop in zip(cuts, [*cuts[1:], line.end()], strict=True):
            words = text[start:stop]
            if words.strip():
                begin = start + len(words) - len(words.lstrip())
                found.append(_unit(text, begin, start + len(words.rstrip()), found))
    return found


def _unit(text: str, start: int, stop: int, before: Sequence[Unit]) -> Unit:
    words = text[start:stop]
    last = before[-1] if before else None
    begins_list = last is not None and last.introduces and words[0].islower()
    goes_on = last is not None and last.item and text[last.stop - 1] in ";,"
    listed = begins_list or goes_on
    item = _ITEM.match(words) is not None or listed
    ends = words.endswith((".", ";", ":", ",", "!", "»", ")", "]", "…"))
    heading = not item and not listed and len(words) < _HEADING_CHARS and not ends
    return Unit(start, stop, item, words.endswith(":"), words[0].islower() and not item, heading)


class QueryTerms:
    """The stems of a question that occur in `texts`, all with the same weight.

    Rarity among a dozen passages says little: they were retrieved for the subject of the question,
    so the subject would weigh least. `quantity` is true when the question asks for a number.
    """

    def __init__(self, question: str, texts: Iterable[str]) -> None:
        self.quantity = _QUANTITY_ASKED.search(fold(question)) is not None
        terms = stems(question)
        self.stems = frozenset().union(*(terms & stems(text) for text in texts))

    def coverage(self, text: str) -> float:
        """Return the share (0 to 1) of the terms that occur in `text`."""
        return len(self.stems & stems(text)) / max(1, len(self.stems))

    def score(self, text: str) -> float:
        """Return a line's relevance: coverage, by length, with a bonus for an asked quantity."""
        score = self.coverage(text) / (
            1 - _LENGTH_PENALTY + _LENGTH_PENALTY * len(text) / _USUAL_CHARS
        )
        if self.quantity and _QUANTITY.search(fold(text)):
            score *= 1 + _NUMBER_BONUS
        return score


def excerpt(text: str, query: QueryTerms, budget_chars: int) -> tuple[str, ...]:
    """Return the most relevant runs of `text`, in its order, each word for word.

    A text within the budget is returned whole, except lines that only refer to other pages. A
    single line longer than the budget is kept whole too: a quote never stops in mid sentence.
    """
    lines = split_units(text)
    if not lines:
        return ()
    if _length(lines, range(len(lines))) <= budget_chars:
        return tuple(text[first:last] for first, last in _runs(text, lines, range(len(lines))))
    scores = [0.0 if line.heading else query.score(text[line.start : line.stop]) for line in lines]
    order = sorted(range(len(lines)), key=lambda at: (-scores[at], at))
    chosen: set[int] = set()
    for at in order:
        group = _within_budget(lines, _with_context(lines, at), at, budget_chars) - chosen
        if not chosen:
            chosen = _continued(lines, group, scores, budget_chars)
        elif scores[at] < _NEXT_LINE_SHARE * scores[order[0]]:
            break
        elif (
            _length(lines, chosen | group) <= budget_chars
            and len(_runs(text, lines, chosen | group)) <= _MAX_RUNS
        ):
            chosen |= group
    return tuple(text[first:last] for first, last in _runs(text, lines, chosen))


def _with_context(lines: Sequence[Unit], at: int) -> set[int]:
    """Add to a line its context: the introduction of its list, or the list it introduces."""
    group = {at}
    first = at
    while first > 0 and (lines[first].item or lines[first].continues):
        first -= 1
    if (lines[at].item and lines[first].introduces) or lines[at].continues:
        group |= set(range(first, at))
    if lines[at].introduces:
        after = at + 1
        while after < len(lines) and lines[after].item:
            group.add(after)
            after += 1
    return group


def _within_budget(lines: Sequence[Unit], group: set[int], at: int, budget_chars: int) -> set[int]:
    """Keep the line, its introduction, then the rest of its list within the budget."""
    kept = {at, min(group)}
    for other in sorted(group):
        if _length(lines, kept | {other}) <= budget_chars:
            kept.add(other)
    return kept


def _continued(
    lines: Sequence[Unit], chosen: set[int], scores: Sequence[float], budget_chars: int
) -> set[int]:
    """Add the lines after the best one while they are relevant or belong to its list."""
    least = _CONTINUE_SHARE * max(scores[at] for at in chosen)
    at = max(chosen) + 1
    while at < len(lines) and not lines[at].heading:
        belongs = lines[at].item or lines[at].continues or scores[at] >= least
        if not belongs or _length(lines, chosen | {at}) > budget_chars:
            break
        chosen = chosen | {at}
        at += 1
    # An introduction without its list is of no use.
    if lines[max(chosen)].introduces and len(chosen) > 1:
        chosen = chosen - {max(chosen)}
    return chosen


def _length(lines: Sequence[Unit], chosen: Iterable[int]) -> int:
    return sum(lines[at].stop - lines[at].start for at in chosen)


def _runs(text: str, lines: Sequence[Unit], chosen: Iterable[int]) -> list[tuple[int, int]]:
    """Merge lines with only white space between them."""
    runs: list[tuple[int, int]] = []
    for at in sorted(chosen):
        line = lines[at]
        if runs and not text[runs[-1][1] : line.start].strip():
            runs[-1] = (runs[-1][0], line.stop)
        else:
            runs.append((line.start, line.stop))
    return runs
