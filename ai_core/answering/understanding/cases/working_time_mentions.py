"""Finds the shares of full time that a text names: "mi-temps", "80 %", "24 h par semaine"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ai_core.answering.understanding.cases.lexicon import Lexicon
from ai_core.answering.understanding.cases.working_time_words import Words

FULL_TIME = Fraction(1)
_LEGAL_WEEK_HOURS = 35
_FIFTHS = 5
_BESIDE_CHARACTERS = 24
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Mention:
    """A share of full time at a place of a text.

    `is_word`: it is named by a word, not by a bare number. `is_contract` False: it is part time for
    medical reasons or within parental leave, which no contract is.
    """

    start: int
    stop: int
    share: Fraction | None
    is_word: bool
    is_contract: bool = True


def mentions_in(text: str, words: Words, *, any_number: bool = False) -> list[Mention]:
    """Return the mentions in their order: "temps partiel (80 %)" is one.

    A bare percentage is one beside words of working time, or where they are elsewhere in the text.
    """
    found = list(_joined(text, words))
    any_word = any(one.is_word for one in found)
    return [
        one
        for one in found
        if one.is_word or any_number or _placed(text, words, one, any_word=any_word)
    ]


def _joined(text: str, words: Words) -> Iterator[Mention]:
    """Yield the mentions and bare numbers, those that make one together joined."""
    last: Mention | None = None
    for found in words.mention.finditer(text):
        before = text[max(0, found.start() - _BESIDE_CHARACTERS) : found.start()]
        is_contract = not (
            words.unless.search(before) or words.unless_after.match(text[found.end() :])
        )
        one = Mention(
            found.start(), found.end(), _share(found), found.lastgroup in _BY_WORD, is_contract
        )
        if last and words.joint.fullmatch(text[last.stop : one.start]) and _completes(last, one):
            share = one.share if last.share is None else last.share
            contract = last.is_contract and one.is_contract
            last = Mention(last.start, one.stop, share, is_word=True, is_contract=contract)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


_BY_WORD = ("full", "half", "three_quarters", "four_fifths", "part", "weekly")


def _completes(one: Mention, other: Mention) -> bool:
    return (one.share is None) != (other.share is None)


def _placed(text: str, words: Words, mention: Mention, *, any_word: bool) -> bool:
    """Whether a bare percentage is one of working time, by the words beside it."""
    before = text[max(0, mention.start - _BESIDE_CHARACTERS) : mention.start]
    after = text[mention.stop :]
    if mention.share is None or words.not_after_number.match(after):
        return False
    if words.not_before_number.search(before):
        return False
    if any_word and text[mention.stop - 1 : mention.stop] == "%":
        return True
    return bool(words.before_number.search(before) or words.lasts.match(after))


def _share(found: re.Match[str]) -> Fraction | None:
    """Return the share of a mention, None for a part time without one."""
    groups = {name: value for name, value in found.groupdict().items() if value}
    fixed = {
        "full": FULL_TIME,
        "half": Fraction(1, 2),
        "three_quarters": Fraction(3, 4),
        "four_fifths": Fraction(4, _FIFTHS),
    }
    for name, share in fixed.items():
        if name in groups:
            return share
    if percent := groups.get("percent"):
        return _up_to_full(Fraction(percent.replace(",", ".")) / _HUNDRED)
    hours = next((groups[name] for name in ("weekly", "bare_hours") if name in groups), None)
    if hours is None:
        return None
    told = re.findall(r"\d+(?:[.,]\d)?", hours)
    minutes = Fraction(int(told[1]), 60) if len(told) > 1 else Fraction(0)
    return _up_to_full((Fraction(told[0].replace(",", ".")) + minutes) / _LEGAL_WEEK_HOURS)


def _up_to_full(share: Fraction) -> Fraction | None:
    return min(share, FULL_TIME) if share > 0 else None


def is_denied(text: str, lexicon: Lexicon, mention: Mention) -> bool:
    """Whether the words before a mention deny it ("pas à temps partiel")."""
    return bool(
        lexicon.denied.search(text[max(0, mention.start - _BESIDE_CHARACTERS) : mention.start])
    )
