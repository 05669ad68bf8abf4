"""The sender's own name in what they wrote: found where a mail tells it, and replaced.

A mail says who wrote it: in the display name of From, below the closing formula, after "je
m'appelle". What is found there is replaced wherever it stands in the text, whatever its case and
accents. Other people's names are not found here (shared/privacy/masking.py says what is).
"""

import re
from collections.abc import Iterator
from itertools import pairwise, takewhile

from mail_service.reading.formulas import CLOSING, THANKS, WORD, WORDS, folded_text

NAME_LABEL = "[nom]"
MAX_NAMES = 12
LONGEST_CLOSING = 80
SIGNATURE = re.compile(
    rf"[^\w?]*((?:mme|m|mr|mrs|ms|madame|monsieur)\.? )?({WORD}(?: {WORD}){{0,3}})[^\w?]*"
)
INTRODUCTION = re.compile(
    r"\b(?:je m['’]appelle|je me nomme|mon nom est|je suis (?:mme|m\.|mr|madame|monsieur)"
    rf"|my name is|i am (?:mr|mrs|ms)\.?)\s+({WORD}(?:[ \t]{WORD}){{0,2}})"
)
SMALL_WORDS = frozenset(
    (
        *("et", "je", "ai", "suis", "un", "une", "mais", "ou", "car", "ni", "donc", "en", "depuis"),
        *("de", "du", "la", "le", "les", "pour"),
        *("and", "i", "am", "the", "a", "from", "but", "for"),
    )
)
NOT_ALONE = frozenset({"code", "droit", "travail"})
"""Parts of a name that mean something else when they stand alone."""
SEPARATOR = r"[\s._'’-]+"
SHORTEST_ALONE = 3


def without_names(text: str, display_name: str) -> tuple[str, str]:
    """Return the text with NAME_LABEL for its sender's name, and the name that it stands for.

    The name is as the sender shows it, or as it was written first; empty when none is known.
    """
    folded = folded_text(text)
    names = [_words(folded_text(display_name)), *_told(text, folded)]
    names = [name for name in dict.fromkeys(names) if name][:MAX_NAMES]
    if not names:
        return text, ""
    pieces, place, first = [], 0, ""
    for start, end in _occurrences(text, folded, names):
        first = first or text[start:end]
        pieces += [text[place:start], NAME_LABEL]
        place = end
    return "".join([*pieces, text[place:]]), display_name.strip() or first


def _occurrences(text: str, folded: str, names: list[tuple[str, ...]]) -> list[tuple[int, int]]:
    """Return where the names stand: whole ones in any case, parts of them when capitalised."""
    whole = {form for name in names for form in (name, name[::-1]) if len(form) > 1}
    alone = {
        part
        for name in names
        for part in name
        if len(part) >= SHORTEST_ALONE and part not in NOT_ALONE | SMALL_WORDS
    }
    forms = [SEPARATOR.join(map(re.escape, form)) for form in sorted(whole, key=len, reverse=True)]
    forms += sorted(map(re.escape, alone), key=len, reverse=True)
    if not forms:
        return []
    pattern = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(forms)})(?![^\W\d_])")
    return [
        match.span()
        for match in pattern.finditer(folded)
        if match[0] not in alone or text[match.start()].isupper()
    ]


def _told(text: str, folded: str) -> list[tuple[str, ...]]:
    """Return the names below closing formulas and after introductions."""
    told = [_words(name) for name in _signatures(text, folded)]
    for match in INTRODUCTION.finditer(folded):
        words = takewhile(lambda word: word not in SMALL_WORDS, WORDS.findall(match[1]))
        told.append(tuple(word for word in words if len(word) > 1))
    return told


def _signatures(text: str, folded: str) -> Iterator[str]:
    """Yield the lines below closing formulas that hold a name and nothing else."""
    lines = [
        (line.strip(), plain.strip())
        for line, plain in zip(text.split("\n"), folded.split("\n"), strict=True)
        if line.strip()
    ]
    for (_, closing), (line, plain) in pairwise(lines):
        if max(len(closing), len(plain)) > LONGEST_CLOSING:
            continue
        closed = CLOSING.fullmatch(closing)
        signed = SIGNATURE.fullmatch(plain) if closed or THANKS.fullmatch(closing) else None
        if signed is None:
            continue
        words = WORDS.findall(signed[2])
        capitals = all(word[0].isupper() for word in WORDS.findall(line))
        bare = len(words) in {2, 3} and not SMALL_WORDS & set(words)
        if signed[1] or capitals or (closed and bare):
            yield signed[2]


def _words(folded: str) -> tuple[str, ...]:
    return tuple(word for word in WORDS.findall(folded) if len(word) > 1)[:5]
