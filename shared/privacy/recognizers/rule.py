"""What a rule is: a pattern on folded text, and a check of its candidates."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kind of personal data; the value is its name in counts and replies."""

    EMAIL = "email"
    IBAN = "iban"
    NIR = "nir"
    CARD = "card"
    PHONE = "phone"
    TAX_NUMBER = "tax_number"
    IDENTITY_DOCUMENT = "identity_document"
    IP_ADDRESS = "ip_address"
    BIRTH_DATE = "birth_date"
    POSTAL_ADDRESS = "postal_address"
    SIRET = "siret"
    PLATE = "plate"
    FILE_NUMBER = "file_number"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a pattern found: the match on the folded text, and the same text as typed."""

    match: re.Match[str]
    cased: str

    @property
    def start(self) -> int:
        """Where the value begins: the group called `value`, or the whole match."""
        return self.match.start(self._group)

    @property
    def end(self) -> int:
        """Where the value ends."""
        return self.match.end(self._group)

    @property
    def text(self) -> str:
        """The value, folded."""
        return self.match[self._group]

    @property
    def _group(self) -> int | str:
        return "value" if "value" in self.match.re.groupindex else 0

    def before(self, characters: int) -> str:
        """Return what stands before the whole match, folded."""
        start = self.match.start()
        return self.match.string[max(0, start - characters) : start]

    def after(self, characters: int) -> str:
        """Return what stands after the value, folded."""
        return self.match.string[self.end : self.end + characters]


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that passed its check: its canonical spelling, and where it stands."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rule:
    """Pattern of one kind, and the check of its candidates.

    `hints`: the pattern is tried only on texts that contain one of these, folded; without hints,
    only on texts where six digits stand close together. Every repetition in `pattern` has a bound
    or cannot give back what it took, and its first element is a plain character class or word, so
    that one attempt costs the same in any text. A group called `value` limits what is masked.
    """

    kind: Kind
    pattern: re.Pattern[str]
    read: Callable[[Candidate], Reading | None]
    hints: tuple[str, ...] = ()


def compact(text: str) -> str:
    """Return the letters and digits of a folded text, in upper case."""
    return re.sub("[^0-9a-z]", "", text).upper()


def as_written(candidate: Candidate) -> Reading:
    """Accept a candidate without a check."""
    return Reading(" ".join(candidate.text.split()), candidate.start, candidate.end)


def as_digits(candidate: Candidate) -> Reading:
    """Accept a candidate without a check; spellings that differ in their gaps are one value."""
    return Reading(compact(candidate.text), candidate.start, candidate.end)


GAP = "[ ._,/|-]"
"""One separator inside a number, folded."""
NOT_INSIDE = "(?<![0-9a-z].)"
"""After the first character of a number: it is not the middle of a longer one."""


def cues(*words: str) -> str:
    """Return an alternation of words that announce a value; each is a pattern that begins a word.

    The engine skips to the letters they begin with, which a leading word boundary would prevent.
    """
    return "(?:" + "|".join(rf"{word[0]}(?<![0-9a-z].){word[1:]}" for word in words) + ")"


LAW_BEFORE = re.compile(r"(?:\b[lrda]\*?\.? ?|\barticles? |\bart\.? ?|\bidcc ?(?:n° ?|: ?)?)$")


LAW_LIST_BEFORE = re.compile(
    r"\b(?:articles?|art\.?|sections?|points?|alineas?) [0-9a-z., -]{0,40}$"
)


def after_words_of_law(candidate: Candidate, start: int | None = None) -> bool:
    """Whether the number at `start`, else the candidate, is that of an article or an agreement."""
    at = candidate.match.start() if start is None else start
    before = candidate.match.string[max(0, at - 12) : at]
    return LAW_BEFORE.search(before) is not None
