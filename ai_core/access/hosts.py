"""The names under which browsers may reach this service with a publishable key.

A page of another site can have its own name resolve to our address (DNS rebinding): its requests
then carry its name as Host and an Origin equal to it. Only a list of our own names tells them from
ours.
"""

import re
from collections.abc import Iterable

from starlette.requests import Request

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
WILDCARDS = {"", "0.0.0.0", "::"}  # noqa: S104 - no name that a browser could ask for
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::[0-9]{1,5})?")


class OwnHosts:
    """Our host names, without ports: those of the loopback, where we listen, and the configured."""

    def __init__(self, configured: Iterable[str], listening: str) -> None:
        bound = f"[{listening}]" if ":" in listening else listening
        listed = () if listening in WILDCARDS else (bound,)
        self._names = frozenset(name.lower() for name in (*LOOPBACK, *listed, *configured))

    def host_of(self, request: Request) -> str | None:
        """Return the Host of a request in lower case, or None when it is none of ours."""
        values = request.headers.getlist("host")
        found = _HOST.fullmatch(values[0].lower()) if len(values) == 1 else None
        return found[0] if found and found[1] in self._names else None
