"""Loopback ports for the servers that we start."""

import random
import socket
from collections import deque
from pathlib import Path

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_PORT, DEFAULT_EPHEMERAL = 10_000, 32_768
_recent: deque[int] = deque(maxlen=1_000)
_random = random.SystemRandom()


def free_port() -> int:
    """Return a free loopback port that was not returned lately.

    It lies below the range from which the kernel takes ports for outgoing connections: one of those
    could otherwise take it before our server listens. Two processes that start servers at the same
    time draw independently, so that they hardly ever draw the same.
    """
    while True:
        port = _random.randrange(FIRST_PORT, _first_ephemeral())
        if port in _recent:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _recent.append(port)
        return port


def _first_ephemeral() -> int:
    try:
        first = int(EPHEMERAL.read_text().split()[0])
    except OSError:
        return DEFAULT_EPHEMERAL
    return first if first > 2 * FIRST_PORT else DEFAULT_EPHEMERAL
