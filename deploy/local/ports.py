"""Loopback ports for the servers that we start."""

import socket
from collections import deque

_given: deque[int] = deque(maxlen=1_000)


def free_port() -> int:
    """Return a loopback port nobody listens on, and that was not returned lately.

    The system draws one by chance: it may draw the same again before anybody listens on it.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.append(port)
            return port
