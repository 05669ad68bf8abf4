"""Looks for words in every byte under a folder, in any encoding a program may have left them in."""

import base64
import quopri
from collections.abc import Iterable, Iterator
from pathlib import Path


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
    found: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.is_symlink():
            continue
        content = file.read_bytes()
        unfolded = content.replace(b"=\r\n", b"").replace(b"\r\n", b"").replace(b"\n", b"")
        for word, forms in needles.items():
            if any(form in content or form in unfolded for form in forms):
                found.setdefault(word, []).append(str(file.relative_to(folder)))
    return found
