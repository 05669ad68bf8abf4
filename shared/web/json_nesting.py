"""Where a JSON text nests deeper than its readers follow.

They stop there as if the text were no JSON: pydantic after 200 levels, orjson after 1,024.
"""

import re

MAX_NESTING = 200
"""Arrays and objects within each other in a body: what pydantic's reader follows."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]', re.DOTALL)


def deep_path(body: bytes, max_nesting: int = MAX_NESTING) -> tuple[str | int, ...] | None:
    """Return the way to the first value nested deeper than `max_nesting`, None without one.

    Linear in the text, whatever it is; a text that is no JSON may get a way, too.
    """
    place: list[str | int] = []
    key = b""
    for found in _TOKEN.finditer(body):
        token = found[0]
        if token in b"{[":
            if len(place) >= max_nesting:
                return tuple(place)
            place.append("" if token == b"{" else 0)
        elif not place:
            return None
        elif token in b"}]":
            place.pop()
        elif token in b":,":
            place[-1] = _next_place(place[-1], token, key)
        else:
            key = token
    return None


def _next_place(place: str | int, token: bytes, key: bytes) -> str | int:
    """Return the name a colon stands after, or the number of a list's next value."""
    if token == b":":
        return key[1:-1].decode("utf-8", "replace")
    return place + 1 if isinstance(place, int) else place
