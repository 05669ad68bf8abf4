"""Names of folders as IMAP writes them, and the folder a server keeps for what is sent.

Modified UTF-7 (RFC 3501, 5.1.3) is written here: Python has plain UTF-7 only, and the library that
has it (IMAPClient) is a second IMAP client.
"""

import re
from base64 import b64encode
from collections.abc import Iterable

NOT_DIRECT = re.compile(r"[^\x20-\x7e]+|&")
LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (?P<name>.+)', re.DOTALL)


def encoded_name(name: str) -> str:
    """Return a folder's name in modified UTF-7; one that is in it already stays as it is."""
    if name.isascii() and re.search(r"&(?:[A-Za-z0-9+,]+)?-", name):
        return name
    return NOT_DIRECT.sub(_shifted, name)


def _shifted(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&-"
    shifted = b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{shifted}-"


def sent_folder(lines: Iterable[bytes]) -> str | None:
    """Return the folder that a LIST marks as the one of what is sent (RFC 6154, `\\Sent`)."""
    literal = False
    for line in lines:
        if literal:
            return line.decode("ascii", "replace")
        listed = LISTED.search(line)
        if listed and rb"\sent" in listed["flags"].lower().split():
            name = listed["name"].strip()
            if not re.fullmatch(rb"\{\d+\}", name):
                return _unquoted(name.decode("ascii", "replace"))
            literal = True
    return None


def _unquoted(name: str) -> str:
    if name.startswith('"') and name.endswith('"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
