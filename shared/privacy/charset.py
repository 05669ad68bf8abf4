"""Decodes bytes whose declared charset is untrusted into text that Postgres and a model accept.

The declared charset is tried, then UTF-8 strictly, then Windows-1252 where ASCII dominates (a text
in French or another Western language), then a guess: decoding never fails. A guess comes last
because of a short text it takes "à" of Windows-1252 for a letter of Windows-1250.
"""

import codecs
import re

import charset_normalizer

from shared.privacy.plain_text import without_invisible

ALIASES = {
    "x-unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "us-askey": "ascii",
    "ansi_x3.4-1968": "ascii",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "cp-850": "cp850",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "windows-874": "cp874",
    "x-windows-874": "cp874",
    "ms874": "cp874",
    "tis-620": "cp874",  # of which TIS 620 is a part, without "–" and "…"
    "iso-8859-11": "cp874",
    "windows-936": "gb18030",
    "windows-31j": "cp932",
    "x-sjis": "shift_jis",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "x-gbk": "gbk",
    "gb2312": "gb18030",
    "x-windows-1252": "cp1252",
    "iso-8859-1": "cp1252",  # what senders mean by it: https://encoding.spec.whatwg.org/
    "latin1": "cp1252",
    "us-ascii": "ascii",
}
GUESS_FROM_BYTES = 16_384
WESTERN_MAX_HIGH = 0.5
"""Of the letters of a Western text so many at most are outside ASCII; of a Thai, Russian or Chinese
text in an encoding of one or two bytes most bytes are.
"""
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decode(data: bytes, declared: str | None = None) -> str:
    """Return `data` as text without control or invisible characters; never raises."""
    return clean(_decode(data, declared))


def clean(text: str) -> str:
    """Remove what Postgres refuses (NUL, lone surrogates) and invisible characters."""
    return without_invisible(NOT_TEXT.sub("", text))


def _decode(data: bytes, declared: str | None) -> str:
    for name in (declared, "utf-8"):
        codec = _codec(name)
        if codec:
            try:
                return data.decode(codec)
            except (LookupError, ValueError):  # LookupError: a codec that makes no text
                continue
    if _is_western(data[:GUESS_FROM_BYTES]):
        return data.decode("cp1252", "replace")
    guess = charset_normalizer.from_bytes(data[:GUESS_FROM_BYTES], threshold=0.3).best()
    codec = guess.encoding if guess and b"\x00" not in data[:GUESS_FROM_BYTES] else "cp1252"
    return data.decode(codec, "replace")


def _is_western(data: bytes) -> bool:
    """Whether ASCII dominates the letters, and every other byte is a letter of Windows-1252."""
    high = sum(byte > 127 for byte in data)
    letters = high + sum(bytes((byte,)).isalpha() for byte in data if byte < 128)
    if b"\x00" in data or b"\x1b" in data or high > WESTERN_MAX_HIGH * letters:
        return False
    try:
        return all(
            character.isalpha() or not character.isalnum()
            for character in data.decode("cp1252")
            if character > "\x7f"
        )
    except UnicodeDecodeError:
        return False


def _codec(name: str | None) -> str | None:
    """Return Python's name of a text encoding, or None when there is no such one."""
    plain = (name or "").strip().strip("\"'").lower()
    try:
        return codecs.lookup(ALIASES.get(plain, plain)).name
    except (LookupError, ValueError):
        return None
