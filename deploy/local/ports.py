"""Loopback ports for the servers that we start."""

import random
import socket
from collections import deque
from pathlib import Path

PORTS = {"ai": 8000, "telegram": 8001, "mail": 8002}
"""Where the services listen unless they are told otherwise."""
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LISTEN = "0A"
"""The state of a socket that listens, in /proc/net/tcp."""
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


def in_use(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listener(port: int) -> str:
    """Return the program that listens on a port and its process id, "" where it cannot be seen.

    Of other users' processes only root sees the sockets (proc(5), /proc/PID/fd).
    """
    sockets = _listening_sockets(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
        except OSError:
            continue
        if sockets & links:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            return f"{command[:60]} (process {process.name})"
    return ""


def _listening_sockets(port: int) -> set[str]:
    """Return the sockets that listen on a port, as /proc/PID/fd names them (proc(5), net/tcp)."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for words in map(str.split, lines):
            if words[3] == LISTEN and int(words[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{words[9]}]")
    return found


def _first_ephemeral() -> int:
    try:
        first = int(EPHEMERAL.read_text().split()[0])
    except OSError:
        return DEFAULT_EPHEMERAL
    return first if first > 2 * FIRST_PORT else DEFAULT_EPHEMERAL
