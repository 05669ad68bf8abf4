"""Whether a sentence permits what its source forbids, or the other way round.

"L'employeur peut licencier une salariée enceinte" against "Aucun employeur ne peut rompre le
contrat d'une salariée enceinte": the sentence of the source that shares most words with the one
checked is compared with it, modal by modal. Words, not understanding: it catches the plain
inversion, which small models write, and nothing finer. French only; another language's words share
nothing with the law's, so its sentences are never said to contradict.
"""

import re
from collections.abc import Iterator

from ai_core.engines.extractive.words import stems
from shared.privacy.folding import fold

_SENTENCE = re.compile(r"[^.;!?\n]+")
_SHARE = 0.4
"""Least share of a sentence's words that the source's sentence has, for both to say the same."""
_MODALS = (
    re.compile(
        r"\b(?:peut|peuvent|pouvez|peux|pourra|pourront|est possible|ont? le droit|a droit"
        r"|est autorisee?)\b"
    ),
    re.compile(r"\b(?:doit|doivent|devez|devra|devront|est obligatoire|est tenue?|sont tenus)\b"),
)
_NEGATED = re.compile(
    r"\b(?:ne|n') ?(?:\w+ ){0,2}$|\baucune? (?:\w+ ){0,6}(?:ne|n') ?$|\bnul ne $|\bni "
)
_FORBIDDEN = re.compile(
    r"\b(?:est|sont) interdite?s?\b|\binterdiction\b|\bnulle? (?:et|de)\b|\bprohibe"
)
_ONLY = re.compile(r"^ (?:\w+ ){0,3}que\b")
_NO = re.compile(r"^\W*non\b")
_YES = re.compile(r"^\W*oui\b")


def contradicts(sentence: str, source: str) -> bool:
    """Whether `sentence` says yes where the nearest sentence of `source` says no, or no for yes."""
    words = stems(sentence)
    if not words:
        return False
    nearest = max(_sentences(source), key=lambda text: len(words & stems(text)), default="")
    if len(words & stems(nearest)) < _SHARE * len(words):
        return False
    said, written = _stances(sentence), _stances(nearest)
    return any(
        one is not None and other is not None and one != other
        for one, other in zip(said, written, strict=True)
    )


def _sentences(text: str) -> Iterator[str]:
    for found in _SENTENCE.finditer(text):
        yield found[0]


def _stances(text: str) -> tuple[bool | None, ...]:
    """Return for each kind of modal whether it is affirmed; None where it does not occur."""
    folded = fold(text).folded
    forbidden = _FORBIDDEN.search(folded) is not None
    stances = []
    for modal in _MODALS:
        found = modal.search(folded)
        stance: bool | None = None
        if found:
            negated = _NEGATED.search(folded[: found.start()]) is not None
            stance = not negated or _ONLY.match(folded[found.end() :]) is not None
        stances.append(stance)
    may = stances[0]
    if may is None and (forbidden or _NO.match(folded)):
        may = False
    elif may is None and _YES.match(folded):
        may = True
    elif may and forbidden:
        may = None
    return (may, stances[1])
