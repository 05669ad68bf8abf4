"""Whether an edited reply still quotes its sources word for word.

Spaces, apostrophes, bold marks and the numbers of sources may differ; words may be left out where
the quotation says so ("[…]"). Short expressions in quotation marks are not quotations of a text.
"""

import re
from collections.abc import Iterator

from shared.ai.contract import ChatReply

MIN_INLINE_WORDS = 4
"""From this many words on, what stands in quotation marks must be in a source."""
INLINE = re.compile(r"«([^«»]{1,4000})»|“([^“”]{1,4000})”")
OMISSION = re.compile(r"\[(?:…|\.\.\.)\]|\((?:…|\.\.\.)\)|…")
MARKS = re.compile(r"\*\*|__|`|\[\d{1,2}\]")
APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'"})
EDGES = " .,;:!?\"'–—-"


def changed_quotation(text: str, draft: ChatReply) -> tuple[int, str] | None:
    """Return number and words of the first quotation of `text` that is in no source, or None.

    What the draft itself quotes counts as held: it was checked when it was written.
    """
    held = [_plain(source.quote) for source in draft.citations]
    held += [_plain(quoted) for quoted in _quoted_texts(draft.response)]
    held.append(_plain(" ".join(_block_lines(draft.response))))
    for number, quoted in enumerate(_quoted_texts(text), 1):
        if not any(_is_in(quoted, source) for source in held):
            return number, quoted
    return None


def _quoted_texts(text: str) -> Iterator[str]:
    """Yield what a text quotes: lines after `>`, and longer expressions in quotation marks."""
    for line in text.splitlines():
        if line.lstrip().startswith(">"):
            quoted = line.lstrip("> \t").strip()
            if re.search(r"\w", quoted):
                yield quoted
    own = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(">"))
    for match in INLINE.finditer(own):
        quoted = (match[1] or match[2]).strip()
        if len(re.findall(r"\w+", quoted)) >= MIN_INLINE_WORDS:
            yield quoted


def _block_lines(text: str) -> list[str]:
    lines = (line.lstrip() for line in text.splitlines())
    return [line.lstrip("> \t") for line in lines if line.startswith(">")]


def _is_in(quoted: str, source: str) -> bool:
    """Whether the pieces of a quotation stand in a source, in this order."""
    start = 0
    for piece in OMISSION.split(quoted):
        wanted = _plain(piece).strip(EDGES)
        if not wanted:
            continue
        found = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)").search(source, start)
        if found is None:
            return False
        start = found.end()
    return True


def _plain(text: str) -> str:
    return " ".join(MARKS.sub("", text).translate(APOSTROPHES).split())
