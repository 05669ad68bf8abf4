"""Finds personal data: all rules, in the order in which they apply.

A family of rules per module of `shared.privacy.recognizers`; `shared.privacy.masking` is what the
services call. A number is taken on its check digits, on its usual grouping or after its own word,
never on its length alone: article numbers, IDCC, pourvois, amounts, dates and durations are not
personal data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shared.privacy.folding import Folded, fold
from shared.privacy.recognizers import addresses, civil_status, internet, names, numbers, telephones
from shared.privacy.recognizers.rule import Candidate, Kind, Reading, Rule, compact

__all__ = ["Kind", "Span", "name_value", "spans"]

MAX_CHECKED = 1_000
"""Candidates of one rule that are checked in a text; later ones are masked on their shape.

A check costs up to a hundred times what finding a candidate does. A text with more is no question,
so masking too much of it harms nobody, and its cost stays near that of prose.
"""
_DIGITS_CLOSE_TOGETHER = re.compile("[0-9](?:[^0-9a-z]{0,4}[0-9]){5}")
_RULES = (
    *internet.RULES,
    *civil_status.RULES,
    *numbers.RULES,
    *telephones.RULES,
    *numbers.LAST_RULES,
    *internet.IP_RULES,
    *addresses.RULES,
    *names.RULES,
)
_HINTS = tuple({hint for rule in _RULES for hint in rule.hints})


@dataclass(frozen=True, slots=True)
class Span:
    """Position of one piece of personal data in the text, and its canonical spelling."""

    kind: Kind
    value: str
    start: int
    end: int


def spans(text: str) -> Iterator[Span]:
    """Return every piece of personal data in the text, rule by rule, without overlaps."""
    view = fold(text)
    folded = view.folded
    dense = _DIGITS_CLOSE_TOGETHER.search(folded) is not None
    hints = {hint for hint in _HINTS if hint in folded}
    for rule in _RULES:
        if not hints.isdisjoint(rule.hints) if rule.hints else dense:
            found = list(_readings(rule, folded, view.cased))
            for reading in found:
                yield _span(rule.kind, reading, view)
            folded = _blanked(folded, found)


def name_value(name: str) -> str:
    """Return the canonical spelling of a name: folded, with single spaces."""
    return " ".join(fold(name).folded.split())


def _span(kind: Kind, reading: Reading, view: Folded) -> Span:
    """Return the span in the text; marks on its last character belong to it."""
    return Span(kind, reading.value, view.place(reading.start), view.place(reading.end))


def _readings(rule: Rule, folded: str, cased: str) -> Iterator[Reading]:
    place = checked = 0
    while match := rule.pattern.search(folded, place):
        start, end = Candidate(match, "").start, Candidate(match, "").end
        candidate = Candidate(match, cased[start:end])
        checked += 1
        if checked > MAX_CHECKED:
            reading: Reading | None = Reading(compact(candidate.text), start, end)
        else:
            reading = rule.read(candidate)
        if reading is None:
            place = match.start() + 1
        else:
            yield reading
            place = reading.end


def _blanked(text: str, found: list[Reading]) -> str:
    """Return the text with what was found blanked out, at unchanged places."""
    if not found:
        return text
    pieces, place = [], 0
    for reading in found:
        pieces += [text[place : reading.start], "\x00" * (reading.end - reading.start)]
        place = reading.end
    return "".join([*pieces, text[place:]])
