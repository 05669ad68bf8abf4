"""Looks for words in every byte under a folder, in any encoding a program may have left them in."""

import base64
import quopri
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

PIECE_BYTES = 4 * 1024 * 1024


class FormSearch:
    """Searches for hundreds of byte strings (of three bytes or more) in one pass over the content.

    Three bytes of every string are marked in a table; where three bytes of the content are marked,
    the strings that hold them are compared. A pass of its own for each string would take most of a
    test's time: the folder of a Postgres has 60 MB.
    """

    def __init__(self, forms: Iterable[bytes]) -> None:
        self._by_key: defaultdict[bytes, set[tuple[bytes, int]]] = defaultdict(set)
        self._marked = np.zeros(1 << 24, dtype=bool)
        for form in forms:
            at = _rarest(form)
            key = form[at : at + 3]
            self._by_key[key].add((form, at))
            self._marked[int.from_bytes(key, "little")] = True

    def found_in(self, content: bytes) -> set[bytes]:
        """Return the strings that stand in the content."""
        found: set[bytes] = set()
        for start in range(0, len(content) - 2, PIECE_BYTES):
            piece = np.frombuffer(content[start : start + PIECE_BYTES + 2], np.uint8)
            triples = piece[:-2].astype(np.uint32)
            triples |= piece[1:-1].astype(np.uint32) << 8
            triples |= piece[2:].astype(np.uint32) << 16
            for place in map(int, np.flatnonzero(self._marked[triples]) + start):
                for form, at in self._by_key[content[place : place + 3]]:
                    if place >= at and content.startswith(form, place - at):
                        found.add(form)
        return found


def _rarest(form: bytes) -> int:
    """Return where the three bytes begin that are most unlike what fills a disk: zeros."""
    return max(range(len(form) - 2), key=lambda at: len(set(form[at : at + 3]) - {0}))


def encodings(word: str) -> set[bytes]:
    """Return the forms a text can have on a disk: charsets, base64, quoted-printable, hex."""
    plain = word.encode()
    charsets = {plain, word.encode("utf-16-le"), word.encode("utf-16-be")}
    charsets |= {word.encode("latin-1", "ignore")}
    packed = {form for each in charsets for form in _base64_forms(each)}
    small = {each.hex().encode() for each in charsets}
    hexes = small | {each.upper() for each in small}
    quoted = {quopri.encodestring(plain).rstrip(b"=\n"), quopri.encodestring(plain, header=True)}
    return charsets | packed | hexes | quoted


def _base64_forms(clear: bytes) -> Iterator[bytes]:
    """Yield what every base64 text that holds `clear` has in common, at each alignment.

    The characters that also hold bits of the bytes around it are left out.
    """
    for before, first in enumerate((0, 2, 3)):
        packed = base64.b64encode(bytes(before) + clear).rstrip(b"=")
        shared_last = (before + len(clear)) % 3 != 0
        yield packed[first : len(packed) - shared_last]


def occurrences(folder: Path, words: Iterable[str]) -> dict[str, list[str]]:
    """Return the files under `folder` that hold each word, by word; a line break may part it."""
    needles = {word: encodings(word) for word in words}
    search = FormSearch(form for forms in needles.values() for form in forms)
    found: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.is_symlink():
            continue
        content = file.read_bytes()
        unfolded = content.replace(b"=\r\n", b"").replace(b"\r\n", b"").replace(b"\n", b"")
        seen = search.found_in(content) | search.found_in(unfolded)
        for word, forms in needles.items():
            if forms & seen:
                found.setdefault(word, []).append(str(file.relative_to(folder)))
    return found
