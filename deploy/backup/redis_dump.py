"""A consistent copy of a running Redis, taken as a replica takes it (SYNC): one RDB file.

The file, named `appendonly.aof` in an empty folder, is what a Redis with an append-only log starts
from: a log may begin with an RDB (aof-use-rdb-preamble), and Redis 7 takes such a file over into
its `appendonlydir`. Redis's own log protects against crashes; this copy protects against the loss
of its disk.
"""

import socket
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from deploy.backup.errors import BackupFailed
from deploy.local.redis_server import server_version

TIMEOUT_S = 120.0
BLOCK = 1 << 20


def dump_redis(url: str, target: Path) -> dict[str, int | str]:
    """Write the RDB of the Redis at `url`; return its number of keys and its version."""
    parts = urlsplit(url)
    try:
        address = (parts.hostname or "127.0.0.1", parts.port or 6379)
        with socket.create_connection(address, TIMEOUT_S) as line, line.makefile("rb") as reader:
            if parts.password:
                user = [unquote(parts.username)] if parts.username else []
                _send(line, "AUTH", *user, unquote(parts.password))
                _expect(reader.readline(), b"+OK")
            facts: dict[str, int | str] = {
                "keys": _keys(line, reader),
                "version": _version(line, reader),
            }
            _send(line, "SYNC")
            head = reader.readline()
            while head == b"\n":  # Redis's keep-alive while it prepares the RDB
                head = reader.readline()
            _expect(head, b"$")
            left = int(head[1:])
            with target.open("wb") as file:
                while left:
                    block = reader.read(min(left, BLOCK))
                    if not block:
                        raise BackupFailed("Redis closed the connection in the middle of the copy")
                    file.write(block)
                    left -= len(block)
    except OSError as error:
        raise BackupFailed(f"Redis does not answer: {error}") from error
    return facts


def _keys(line: socket.socket, reader: BinaryIO) -> int:
    _send(line, "DBSIZE")
    reply: bytes = reader.readline()
    _expect(reply, b":")
    return int(reply[1:])


def _version(line: socket.socket, reader: BinaryIO) -> str:
    _send(line, "INFO", "server")
    head: bytes = reader.readline()
    _expect(head, b"$")
    text: bytes = reader.read(int(head[1:]) + 2)
    program, major = server_version(text.decode())
    return f"{program} {major}"


def _send(line: socket.socket, *words: str) -> None:
    encoded = [word.encode() for word in words]
    parts = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
    line.sendall(b"*%d\r\n%b" % (len(words), parts))


def _expect(reply: bytes, beginning: bytes) -> None:
    if not reply.startswith(beginning):
        raise BackupFailed(f"Redis refused: {reply[:200].decode(errors='replace').strip()}")
