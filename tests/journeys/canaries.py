"""Searches files for a text in every spelling in which a store or a log might hold it."""

import base64
import json
import struct
from collections.abc import Sequence
from pathlib import Path

from tests.byte_search import FormSearch

LEAST_BYTES = 6
"""Shorter pieces of a base64 text would be found by chance."""


def spellings(text: str) -> dict[str, bytes]:
    """Return the bytes of `text` by the name of the spelling."""
    plain = text.encode()
    escaped = json.dumps(text)[1:-1]
    found = {
        "UTF-8": plain,
        "JSON": escaped.encode(),
        "JSON, capitals": escaped.upper().replace("\\U", "\\u").encode(),
        "UTF-16LE": text.encode("utf-16-le"),
        "UTF-16BE": text.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "JSON in hex": escaped.encode().hex().encode(),
    }
    for name, content in (("base64", plain), ("JSON in base64", escaped.encode())):
        for alignment in range(3):
            found[f"{name}, alignment {alignment}"] = base64_core(content, alignment)
    if text.isdecimal():
        for order in "<>":
            found[f"64 bits {order}"] = struct.pack(f"{order}q", int(text))
    return {name: content for name, content in found.items() if len(content) >= LEAST_BYTES}


def base64_core(content: bytes, alignment: int) -> bytes:
    """Return the characters that `content` always has in base64, `alignment` bytes after a start.

    The characters at both ends also depend on what stands beside the text.
    """
    encoded = base64.b64encode(b"\0" * alignment + content)
    first = (alignment * 8 + 5) // 6
    last = (alignment + len(content)) * 8 // 6
    return encoded[first:last]


def found_in(folders: Sequence[Path], texts: Sequence[str]) -> list[str]:
    """Return where a text stands in the files of some folders: "file: text (spelling)"."""
    wanted = {(text, name): form for text in texts for name, form in spellings(text).items()}
    search = FormSearch(wanted.values())
    return [
        f"{path.relative_to(folder.parent)}: {text} ({name})"
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        for seen in [search.found_in(_content(path))]
        for (text, name), form in wanted.items()
        if form in seen
    ]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a store has removed it meanwhile
        return b""
