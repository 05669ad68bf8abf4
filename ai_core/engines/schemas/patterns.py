r"""Regular expressions of JSON schemas: a dialect without backtracking, ambiguity or surprises.

The dialect is what JSON Schema recommends of ECMA 262 (draft 2020-12, 6.4): characters, classes,
groups, alternatives, quantifiers, and the anchors ^ and $ around the whole. A repeated part must be
deterministic (Brüggemann-Klein and Wood 1998, one-unambiguous): after each character, what may
follow tells which way was taken. `(a*)*` and `(a|ab)+` are not, and an engine that follows all ways
at once may need time exponential in the length of the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

MAX_PATTERN_CHARS = 512
MAX_PATTERN_SIZE = 2_000
"""Characters that a pattern describes, each counted as often as it may be repeated."""
MAX_GROUPS = 16
"""Groups within groups."""
_MAX_CODE = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_DIGITS = [(48, 57)]
_WORD = [(48, 57), (65, 90), (95, 95), (97, 122)]
_SPACES = [
    *((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
]
_LINE_ENDS = [(10, 10), (13, 13), (0x2028, 0x2029)]
_CONTROLS = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}

Ranges = list[tuple[int, int]]
"""Code points as sorted, disjoint, inclusive ranges."""


class PatternRefused(ValueError):
    """The pattern is outside the dialect; `reason` says how: syntax, size, ambiguous."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Part:
    """A parsed part: its canonical spelling, and the positions it may begin and end with.

    A position is an index into the parser's characters. `size` counts them with repetitions.
    """

    text: str = ""
    nullable: bool = True
    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    inside: list[int] = field(default_factory=list)
    size: int = 0


def canonical_pattern(pattern: str) -> str:
    """Return the same language in a spelling that every engine reads alike.

    Raises PatternRefused.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise PatternRefused("size")
    return _Parser(pattern).parse()


class _Parser:
    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._groups = 0
        self._ranges: list[Ranges] = []
        self._follow: list[list[int]] = []

    def parse(self) -> str:
        starts = self._take("^")
        whole = self._alternatives(top=True)
        ends = self._take("$")
        if self._at < len(self._text):
            raise PatternRefused("syntax")
        if whole.size > MAX_PATTERN_SIZE:
            raise PatternRefused("size")
        return f"{'^' * starts}(?:{whole.text}){'$' * ends}"

    def _alternatives(self, *, top: bool = False) -> _Part:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        if len(parts) == 1:
            return parts[0]
        if top and (self._text.startswith("^") or self._peek() == "$"):
            raise PatternRefused("syntax")  # ^a|b$ anchors one side of each alternative
        return _Part(
            "|".join(part.text for part in parts),
            any(part.nullable for part in parts),
            [at for part in parts for at in part.first],
            [at for part in parts for at in part.last],
            [at for part in parts for at in part.inside],
            sum(part.size for part in parts),
        )

    def _sequence(self) -> _Part:
        whole = _Part()
        while self._peek() not in {"", "|", ")", "$"}:
            whole = self._joined(whole, self._quantified(self._atom()))
        return whole

    def _joined(self, left: _Part, right: _Part) -> _Part:
        for at in left.last:
            self._follow[at] += right.first
        return _Part(
            left.text + right.text,
            left.nullable and right.nullable,
            left.first + right.first if left.nullable else left.first,
            left.last + right.last if right.nullable else right.last,
            left.inside + right.inside,
            left.size + right.size,
        )

    def _quantified(self, part: _Part) -> _Part:
        times = self._quantifier()
        if times is None:
            return part
        if self._peek() in {"*", "+", "?", "{"}:
            raise PatternRefused("syntax")  # lazy, possessive or doubled
        least, most = times
        if most is None or most > 1:
            self._require_deterministic(part)
        if most is None or least != most > 1:
            for at in part.last:
                self._follow[at] += part.first
        written = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get(times)
        written = written or f"{{{least},{'' if most is None else most}}}"
        size = part.size * (max(least, 1) if most is None else most)
        if size > MAX_PATTERN_SIZE:
            raise PatternRefused("size")
        nullable = part.nullable or least == 0
        return _Part(
            f"(?:{part.text}){written}", nullable, part.first, part.last, part.inside, size
        )

    def _require_deterministic(self, part: _Part) -> None:
        """Refuse a repeated part in which two ways lead to the same character.

        A part repeated exactly n times adds nothing to `_follow`: the count tells when it ends.
        """
        ways = [part.first, *(self._follow[at] for at in part.inside)]
        ways += [[*self._follow[at], *part.first] for at in part.last]
        if part.nullable or any(map(self._overlap, ways)):
            raise PatternRefused("ambiguous")

    def _overlap(self, positions: Sequence[int]) -> bool:
        ranges = sorted(one for at in positions for one in self._ranges[at])
        return any(right[0] <= left[1] for left, right in pairwise(ranges))

    def _quantifier(self) -> tuple[int, int | None] | None:
        for written, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(written):
                return times
        if not self._take("{"):
            return None
        least = self._number()
        most: int | None = least
        if self._take(","):
            most = None if self._peek() == "}" else self._number()
        if not self._take("}") or (most is not None and most < max(least, 1)):
            raise PatternRefused("syntax")
        return least, most

    def _number(self) -> int:
        start = self._at
        while self._peek().isascii() and self._peek().isdecimal():
            self._at += 1
        digits = self._text[start : self._at]
        if not digits:
            raise PatternRefused("syntax")
        if len(digits) > len(str(MAX_PATTERN_SIZE)):
            raise PatternRefused("size")
        return int(digits)

    def _atom(self) -> _Part:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return self._position(self._class())
        if character == ".":
            return self._position(_complement(_LINE_ENDS))
        if character == "\\":
            return self._position(self._escape())
        if character in "*+?{}])^$":
            raise PatternRefused("syntax")
        return self._position(_one(ord(character)))

    def _group(self) -> _Part:
        if self._take("?") and not self._take(":"):
            raise PatternRefused("syntax")  # look-around, names, flags
        self._groups += 1
        if self._groups > MAX_GROUPS:
            raise PatternRefused("size")
        part = self._alternatives()
        self._groups -= 1
        if not self._take(")"):
            raise PatternRefused("syntax")
        part.text = f"(?:{part.text})"
        return part

    def _position(self, ranges: Ranges) -> _Part:
        if not ranges:
            raise PatternRefused("syntax")
        at = len(self._ranges)
        self._ranges.append(ranges)
        self._follow.append([])
        return _Part(_spelled(ranges), False, [at], [at], [at], 1)

    def _class(self) -> Ranges:
        negated = self._take("^")
        ranges: Ranges = []
        while not self._take("]"):
            low = self._class_member()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                high = self._class_member()
                if not (_single(low) and _single(high)) or high[0][0] < low[0][0]:
                    raise PatternRefused("syntax")
                low = [(low[0][0], high[0][0])]
            ranges += low
        merged = _merged(ranges)
        return _complement(merged) if negated else merged

    def _class_member(self) -> Ranges:
        character = self._next()
        return self._escape() if character == "\\" else _one(ord(character))

    def _escape(self) -> Ranges:
        character = self._next()
        known: dict[str, Callable[[], Ranges]] = {
            "d": lambda: _DIGITS,
            "D": lambda: _complement(_DIGITS),
            "w": lambda: _WORD,
            "W": lambda: _complement(_WORD),
            "s": lambda: _SPACES,
            "S": lambda: _complement(_SPACES),
            "x": lambda: _one(self._hexadecimal(2)),
            "u": lambda: _one(self._hexadecimal(4)),
        }
        if character in known:
            return known[character]()
        if character in _CONTROLS:
            return _one(_CONTROLS[character])
        if character.isalnum() or character == "_":
            raise PatternRefused("syntax")  # \b, \1, \p{…}, \k<…>
        return _one(ord(character))

    def _hexadecimal(self, digits: int) -> int:
        text = self._text[self._at : self._at + digits]
        self._at += digits
        if len(text) < digits or not all(one in "0123456789abcdefABCDEF" for one in text):
            raise PatternRefused("syntax")
        return int(text, 16)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise PatternRefused("syntax")
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, character: str) -> bool:
        taken = self._peek() == character
        self._at += taken
        return taken


def _one(code: int) -> Ranges:
    if code in _SURROGATES:
        raise PatternRefused("syntax")
    return [(code, code)]


def _single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _merged(ranges: Ranges) -> Ranges:
    merged: Ranges = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _complement(ranges: Ranges) -> Ranges:
    """Return all other characters, which surrogates are not."""
    excluded = _merged([*ranges, (_SURROGATES.start, _SURROGATES.stop - 1)])
    starts = [0, *(high + 1 for _, high in excluded)]
    ends = [*(low - 1 for low, _ in excluded), _MAX_CODE]
    return [(low, high) for low, high in zip(starts, ends, strict=True) if low <= high]


def _spelled(ranges: Ranges) -> str:
    return "[" + "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges) + "]"
