"""uvicorn's HTTP protocol, which loses no request to a server that leaves.

uvicorn closes every connection without a request under way when it begins to end: also one that a
client has just opened and writes its first request on, who would get an error. A connection that
was kept after a response may end at any time (RFC 9112, section 9.3.1); this one may not.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

FIRST_REQUEST_S = 1.0
"""How long a leaving server waits for the first request on a new connection."""


class DrainedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    _leaving = False

    def shutdown(self) -> None:
        """End once the request under way is answered, or the first one is."""
        if self.cycle is not None:
            super().shutdown()
            return
        self._leaving = True
        self.loop.call_later(FIRST_REQUEST_S, self._end_unused)

    def on_headers_complete(self) -> None:
        """Begin a request; a server that leaves takes no other on this connection."""
        super().on_headers_complete()
        if self._leaving and self.cycle is not None:
            self.cycle.keep_alive = False

    def _end_unused(self) -> None:
        if self.cycle is None:
            self.transport.close()
