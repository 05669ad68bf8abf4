"""What a unit of a text shows whatever is asked: worked out once for each text.

The law's texts are the same for every question, and to read these took a third of an answer.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ai_core.engines.extractive.signs import Signs, publics, signs
from ai_core.engines.extractive.situations import special
from ai_core.engines.extractive.tables import places_by_row
from ai_core.engines.extractive.units import Reading, Role, has_quantity, read
from ai_core.law.classifications import Place, places_told

TEXTS_REMEMBERED = 1_024
_LONG_CHARS = 320
_NOBODY: frozenset[str] = frozenset()
_CAPTION = re.compile(r"\W*\([^()]{1,60}\)\W*")
"""Of a table: "(En euros.)" decides nothing by itself."""
_AMOUNT = re.compile(r"\d[ \u202f\u00a0]?\d{3}\b|\d,\d|€")
_RELATIVES = re.compile(
    r"\b(?:petits?-?\s?enfants?|beaux?-?\s?(?:freres?|peres?|parents?|fils)|grands?-?\s?(?:parents?"
    r"|peres?|meres?)|belles?-?\s?(?:soeurs?|meres?|filles?)|enfants?|fils|filles?|peres?|meres?"
    r"|parents?|freres?|soeurs?|conjoints?|conjointe|epou(?:x|se)|mari|femme|concubine?"
    r"|partenaire|ascendants?|descendants?|oncles?|tantes?|neveux?|nieces?|gendres?)\b"
)
_ASIDE = re.compile(r"\b(?:prevenance|s'absenter|recherche d'(?:un )?emploi|repos compensateur)\b")
"""What clauses add to what they grant: it leads only where it is asked about."""


def relatives(folded: str) -> frozenset[str]:
    """Return the members of a family that folded words name."""
    return frozenset(_RELATIVES.findall(folded))


def asides(folded: str) -> frozenset[str]:
    """Return what folded words name of what clauses add to what they grant."""
    return frozenset(_ASIDE.findall(folded))


@dataclass(frozen=True)  # without slots, for what is worked out when it is first asked for
class UnitFacts:
    """What unit `at` of a text shows.

    `needed` are the units that it cannot be understood without, and itself; `levels` its folded
    words, then theirs, the nearest first, then its heading's.
    """

    reading: Reading
    at: int
    needed: tuple[int, ...]
    levels: tuple[str, ...]
    first: bool
    length: float

    @cached_property
    def stems_around(self) -> frozenset[str]:
        """Return the stems of all that `levels` holds."""
        units, heading = self.reading.units, self.reading.units[self.at].heading
        around = (*self.needed, *(() if heading is None else (heading,)))
        return _NOBODY.union(*(units[other].stems for other in around))

    @cached_property
    def signs(self) -> Signs:
        """Return what its words show."""
        return signs(self.levels[0])

    @cached_property
    def special_publics(self) -> frozenset[str]:
        """Return the special publics of which it speaks, or one of what it needs nearest to it."""
        near = (self.reading.units[other].folded for other in self.needed[-3:])
        return self.signs.publics.union(*(signs(folded).publics for folded in near))

    @cached_property
    def publics(self) -> frozenset[str]:
        """Return the special publics of which all its levels speak."""
        return _NOBODY.union(*map(publics, self.levels))

    @cached_property
    def special(self) -> frozenset[str]:
        """Return the special situations that its levels name."""
        return _NOBODY.union(*map(special, self.levels))

    @cached_property
    def special_close(self) -> frozenset[str]:
        """Return the special situations that it names itself, or its heading."""
        unit = self.reading.units[self.at]
        heading = () if unit.heading is None else (self.reading.units[unit.heading].folded,)
        return _NOBODY.union(*map(special, (unit.folded, *heading)))

    @cached_property
    def states_figure(self) -> bool:
        """Whether the unit, or the list that it introduces, states a figure."""
        reading, at = self.reading, self.at
        told = [at, *(reading.items(at) if reading.units[at].introduces else ())]
        return any(has_quantity(reading.words(one).lower()) for one in told)

    @cached_property
    def places(self) -> frozenset[Place]:
        """Return the places in a classification that the unit is for."""
        unit = self.reading.units[self.at]
        if unit.role is Role.ROW:
            return places_by_row(self.reading.text).get(self.at, frozenset())
        return places_told(unit.folded)

    @cached_property
    def gives_amount(self) -> bool:
        """Whether the unit is a row of a table, or of a list, with an amount of money."""
        unit = self.reading.units[self.at]
        listed = unit.role is Role.ROW or bool(unit.role is not Role.HEADER and self.places)
        return listed and _AMOUNT.search(self.reading.words(self.at)) is not None

    @cached_property
    def relatives(self) -> frozenset[str]:
        """Return the members of a family that it names."""
        return relatives(self.reading.units[self.at].folded)

    @cached_property
    def asides(self) -> frozenset[str]:
        """Return what it names of what clauses add to what they grant."""
        return asides(self.reading.units[self.at].folded)


@lru_cache(TEXTS_REMEMBERED)
def facts_of(text: str) -> tuple[UnitFacts, ...]:
    """Return the facts of the units of a text that may decide anything, in their order."""
    reading = read(text)
    titles_until = next(
        (at for at, unit in enumerate(reading.units) if unit.role is not Role.HEADING),
        len(reading.units),
    )
    return tuple(
        _facts(reading, at, titles_until)
        for at in range(len(reading.units))
        if not _CAPTION.fullmatch(reading.words(at))
    )


def _facts(reading: Reading, at: int, titles_until: int) -> UnitFacts:
    """Return the facts of a unit; `titles_until`: so many units are titles before any other is."""
    unit = reading.units[at]
    needed = sorted(reading.with_needs([at])) if unit.needs else [at]
    others = [reading.units[other].folded for other in reversed(needed) if other != at]
    heading = () if unit.heading is None else (reading.units[unit.heading].folded,)
    return UnitFacts(
        reading,
        at,
        tuple(needed),
        (unit.folded, *others, *heading),
        needed[0] <= titles_until,
        max(0.0, min(3.0, reading.length(needed) / _LONG_CHARS - 1)),
    )
