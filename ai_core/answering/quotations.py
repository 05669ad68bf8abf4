"""Finds quotations in an answer, in every pair of marks that readers take for one.

Whether the words are a source's is decided by `citations`; here is only where a quotation begins
and ends, in a text that may still grow.
"""

import re
from collections.abc import Iterator

_LEAST_WORDS = 5  # fewer: a term between marks, not a quotation
_CHARS_A_WORD = 2  # of scripts without spaces: Chinese, Japanese, Thai
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_PAIRS: list[str] = re.findall("..", "«»‹›《》〈〉「」『』｢｣〝〞〝〟❝❞❛❜❮❯⟨⟩⟪⟫≪≫‚‘")
_ALIKE = '"＂″״`'
"""Marks that open and close; a sentence shown as code reads as a quotation too."""
_QUOTATION = re.compile(
    "|".join(f"{pair[0]}[^{pair}]*{pair[1]}" for pair in _PAIRS)
    + r"|[“„‟”][^“”„‟]*[“”‟]|[\"＂][^\"＂\n]*[\"＂]|([″״`])[^″״`\n]*\1"
    r"|(?<!\S)»(?=\w)[^«»]*«|(?<!\S)›(?=\w)[^‹›]*‹"
    r"|[‘‚](?:[^‘’\n]|’(?=\w)){0,1500}’(?!\w)"
    r"|(?<!\w)'(?=\w)(?:[^'\n]|'(?=\w)){0,1500}'(?!\w)"
)
_OPENING = re.compile(
    rf"[{''.join(pair[0] for pair in _PAIRS)}{_ALIKE}“„‟”‘]"
    r"|[»›](?=\w)(?<!\S.)|'(?=\w)(?<!\w.)"
)
_CANDIDATE = re.compile(rf"[{''.join(pair[0] for pair in _PAIRS)}{_ALIKE}“„‟”‘»›']")
_UNPAIRED = re.compile(r"[«‹] ?| ?[»›]|[《》〈〉“”„‟\"＂「」『』｢｣〝〞〟❝❞❛❜❮❯⟪⟫≪≫]")
QUOTATION_MARKS = '«»‹›“”„‟"＂「」『』｢｣〝〞〟❝❞❛❜❮❯⟪⟫≪≫'
"""Marks that do not stay unless they are paired; part of a class of characters."""
_MARK = re.compile(f"[{QUOTATION_MARKS}]")
QUOTED_LINE = re.compile(
    r"[ \t]{0,8}(?:(?:[-*+•]|\d{1,3}[.)])[ \t]{1,4})?(?:[>＞﹥][ \t]{0,4}){1,8}"
)
"""The mark of a line that Markdown shows as a quotation, in a list or not."""

_BEGUN_LINE = re.compile(r"[ \t]{0,8}(?:(?:[-*+•]|\d{1,3}[.)]?)[ \t]{0,4})?")


def quotations(text: str) -> Iterator[re.Match[str]]:
    """Yield the quotations of a text; the first and the last character are the marks."""
    if not _CANDIDATE.search(text) or not _OPENING.search(text):
        return iter(())
    return _begun_before(len(text), text)


def open_quotation(text: str, cut: int) -> tuple[int | None, int]:
    """Look at a text that is to be cut at `cut` for a quotation that the cut would split.

    Returns where it begins (None: nowhere), and where it ends (0: not yet).
    """
    at = 0
    if not _CANDIDATE.search(text, 0, cut) or not _OPENING.search(text, 0, cut):
        return None, 0
    for quotation in _begun_before(cut, text):
        at = quotation.end()
        if at > cut:
            return quotation.start(), at
    opening = _OPENING.search(text, at, cut)
    return (opening.start() if opening else None), 0


def _begun_before(stop: int, text: str) -> Iterator[re.Match[str]]:
    """Yield the quotations that begin before `stop`; only there are all patterns tried."""
    at = 0
    while begun := _CANDIDATE.search(text, at, stop):
        quotation = _QUOTATION.match(text, begun.start())
        if quotation:
            yield quotation
        at = quotation.end() if quotation else begun.end()


def unpaired_marks(text: str) -> Iterator[re.Match[str]]:
    """Yield the marks of quotations that are not closed, or not opened."""
    return _UNPAIRED.finditer(text) if _MARK.search(text) else iter(())


def may_become_a_quoted_line(line: str) -> bool:
    """Whether the beginning of a line may still turn out to be the mark of a quotation."""
    return _BEGUN_LINE.fullmatch(line) is not None


def is_term(words: str) -> bool:
    """Whether so few words stand between two marks that they are a term."""
    unspaced = len(_UNSPACED.findall(words)) // _CHARS_A_WORD
    return len(words.split()) + unspaced < _LEAST_WORDS
