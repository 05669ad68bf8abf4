"""RFC 2047 encoded words of mail headers into text."""

import base64
import binascii
import quopri
import re
from itertools import groupby

from shared.privacy.charset import decode

ENCODED_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(=\?[^?\s]+\?[bBqQ]\?)")


def decode_words(header: str) -> str:
    """Return a raw header value with its RFC 2047 words decoded, on one line.

    Neighbouring words in one charset are joined as bytes first: many senders cut a character in
    two. Bytes that are not ASCII count as UTF-8, or else as Windows-1252.
    """
    text = decode(header.encode("utf-8", "surrogateescape"))
    text = BETWEEN_WORDS.sub(r"\1\2", text)
    pieces: list[tuple[str | None, bytes]] = []
    end = 0
    for word in ENCODED_WORD.finditer(text):
        if word.start() > end:
            pieces.append((None, text[end : word.start()].encode()))
        pieces.append((word[1].lower(), _word_bytes(word[2], word[3])))
        end = word.end()
    pieces.append((None, text[end:].encode()))
    joined = "".join(
        decode(b"".join(data for _, data in same), charset or "utf-8")
        for charset, same in groupby(pieces, key=lambda piece: piece[0])
    )
    return " ".join(joined.split())


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode()
    if encoding in "qQ":
        return quopri.decodestring(data, header=True)
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return data
