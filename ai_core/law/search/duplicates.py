"""Finds fiche sections that repeat others: the ministry prints some texts under several titles.

Near-duplicate detection by shingles of words (Broder, 1997). Of two sections that say the same the
later one is kept. A section that only strings shorter ones together (the page of a video, with the
whole fiche below it) is dropped in favour of those.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from ai_core.law.records import FicheSection
from ai_core.law.search.stems import fold

_SHINGLE_WORDS = 5
_SAME = 0.85
"""Least share of shingles in common, of the longer of two sections."""

_MOST_HOLDERS = 12
"""A shingle in more sections than this is a formula of the publisher, not a repeated text."""

Shingles = frozenset[int]
Holders = dict[int, list[int]]


def repeated(sections: Sequence[FicheSection]) -> list[bool]:
    """Return of each section whether others, which are kept, say the same."""
    shingles = [_shingles(section.text) for section in sections]
    holders: Holders = defaultdict(list)
    kept: list[int] = []
    for at in sorted(range(len(sections)), key=lambda at: (-_updated(sections[at]), at)):
        if not _has_twin(at, shingles, holders):
            kept.append(at)
            for shingle in shingles[at]:
                holders[shingle].append(at)
    dropped = set(range(len(sections))).difference(kept)
    dropped.update(at for at in kept if _strings_others_together(at, shingles, holders))
    return [at in dropped for at in range(len(sections))]


def _has_twin(at: int, shingles: Sequence[Shingles], holders: Holders) -> bool:
    own = shingles[at]
    shared = Counter(other for shingle in own for other in holders.get(shingle, ())[:_MOST_HOLDERS])
    return any(
        common >= _SAME * max(len(own), len(shingles[other])) for other, common in shared.items()
    )


def _strings_others_together(at: int, shingles: Sequence[Shingles], holders: Holders) -> bool:
    """Whether sections at most half as long hold nearly all of this one."""
    own = shingles[at]
    elsewhere = sum(
        any(len(shingles[other]) <= len(own) / 2 for other in holders[shingle]) for shingle in own
    )
    return elsewhere >= _SAME * len(own)


def _updated(section: FicheSection) -> int:
    return section.updated.toordinal() if section.updated else 0


def _shingles(text: str) -> Shingles:
    words = fold(text).split()
    width = min(_SHINGLE_WORDS, len(words))
    return frozenset(hash(tuple(words[at : at + width])) for at in range(len(words) - width + 1))
