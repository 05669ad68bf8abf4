"""Finds article numbers that are written out or broken up, which no reference is read from.

"L 99 99-1" and "article neuf mille neuf cent" are no spelling people search by, so `references`
does not read them; a model may still write one, and it is not to pass for a checked source.
"""

import re
from collections.abc import Iterator

_BROKEN = re.compile(
    r"""(?<!\w)(?:[LRDlrd][\s.*°:-]{0,3}(?:\d[\s.]{1,2}){1,3}\d{1,3}
    | [LRDlrd][\s.*°:-]{0,3}\d{1,2}[\s.]{1,2}\d{1,2})
    (?:\s?[-–—.]\s?\d{1,3}){1,3}(?!\d)""",
    re.VERBOSE,
)
_NUMBER_WORDS = (
    "un|une|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize"
    "|vingts?|trente|quarante|cinquante|soixante|septante|huitante|octante|nonante|cents?|mille"
    "|one|two|three|four|five|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    "|hundred|thousand|tiret|et|and|dash"
)
_IN_WORDS = re.compile(
    rf"(?<!\w)(?:articles?|art\.?)\s{{1,3}}(?:[lrd]\.?\s{{0,3}})?"
    rf"(?P<number>(?:{_NUMBER_WORDS})(?:[\s-]{{1,3}}(?:{_NUMBER_WORDS}))*)(?!\w)",
    re.IGNORECASE,
)
_SOME = re.compile(r"\d|[aA][rR][tT]")
_LARGE = re.compile(r"\b(?:cents?|mille|hundred|thousand)\b", re.IGNORECASE)


def find_spelled_references(text: str) -> Iterator[tuple[int, int]]:
    """Yield where such a number stands in the text, as text[start:stop]."""
    if not _SOME.search(text):
        return
    for number in _BROKEN.finditer(text):
        yield number.span()
    for number in _IN_WORDS.finditer(text):
        if _LARGE.search(number["number"]):
            yield number.span("number")
