"""A Hub on loopback: lists files with their hashes, serves ranges, and misbehaves if requests."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c0ffee" * 6 + "abcd"


@dataclass
class FakeHub:
    """What the Hub holds; `cuts` responses end halfway, `busy` are 503, `corrupt`: other bytes."""

    files: dict[str, bytes]
    licence: str = "apache-2.0"
    closed: bool = False
    cuts: int = 0
    busy: int = 0
    corrupt: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    address: str = ""

    def listing(self) -> dict[str, Any]:
        return {
            "id": "owner/repo",
            "sha": COMMIT,
            "cardData": {"license": self.licence},
            "siblings": [listed(name, body) for name, body in self.files.items()],
        }


def listed(name: str, body: bytes) -> dict[str, Any]:
    """A file as the Hub lists it: those of more than 1,000 bytes are in Git LFS."""
    file = {"rfilename": name, "size": len(body), "blobId": blob_of(body)}
    sha256 = hashlib.sha256(body).hexdigest()
    lfs = {"lfs": {"sha256": sha256, "size": len(body), "pointerSize": 134}}
    return file | (lfs if len(body) > 1_000 else {})


def blob_of(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


class HubServer(ThreadingHTTPServer):
    """A server of what a hub holds."""

    def __init__(self, hub: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.hub = hub


class HubHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: HubServer

    def do_GET(self) -> None:
        hub = self.server.hub
        path, range_header = self.path.partition("?")[0], self.headers.get("Range", "")
        hub.requests.append((path, range_header))
        hub.tokens.add(self.headers.get("Authorization", ""))
        if hub.busy and "/resolve/" in path:
            hub.busy -= 1
            self._send(503, b"")
        elif hub.closed:
            self._send(403, b"")
        elif path == "/api/models/owner/repo/revision/main":
            self._send(200, json.dumps(hub.listing()).encode())
        elif path.startswith(f"/owner/repo/resolve/{COMMIT}/"):
            self._file(path.partition(f"{COMMIT}/")[2], range_header)
        else:
            self._send(404, b"")

    def _file(self, name: str, range_header: str) -> None:
        hub = self.server.hub
        body = bytes(len(hub.files[name])) if hub.corrupt else hub.files[name]
        start = int(range_header.removeprefix("bytes=").removesuffix("-") or 0)
        self._send(206 if range_header else 200, body[start:], cut=hub.cuts > 0)

    def _send(self, status: int, body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if cut:
            self.server.hub.cuts -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    server = HubServer(hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
