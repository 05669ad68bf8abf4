"""A Hub on loopback: lists files with their hashes, serves ranges, and misbehaves if asked."""

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
class PretendHub:
    """What the Hub holds. `cuts` answers end halfway; `lies` serves other bytes than listed."""

    files: dict[str, bytes]
    licence: str = "apache-2.0"
    closed: bool = False
    cuts: int = 0
    lies: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def listing(self) -> dict[str, Any]:
        return {"sha": COMMIT, "cardData": {"license": self.licence}, "siblings": [
            {"rfilename": name, "size": len(body), "blobId": blob_of(body)}
            | ({"lfs": {"sha256": hashlib.sha256(body).hexdigest()}} if len(body) > 1_000 else {})
            for name, body in self.files.items()
        ]}  # fmt: skip


def blob_of(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


class HubServer(ThreadingHTTPServer):
    """A server of what a hub holds."""

    def __init__(self, hub: PretendHub) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.hub = hub


class Visit(BaseHTTPRequestHandler):
    """One request."""

    server: HubServer

    def do_GET(self) -> None:
        hub = self.server.hub
        path, wanted = self.path.partition("?")[0], self.headers.get("Range", "")
        hub.asked.append((path, wanted))
        if hub.closed:
            self._send(403, b"")
        elif path == "/api/models/owner/repo/revision/main":
            self._send(200, json.dumps(hub.listing()).encode())
        elif path.startswith(f"/owner/repo/resolve/{COMMIT}/"):
            self._file(path.partition(f"{COMMIT}/")[2], wanted)
        else:
            self._send(404, b"")

    def _file(self, name: str, wanted: str) -> None:
        hub = self.server.hub
        body = bytes(len(hub.files[name])) if hub.lies else hub.files[name]
        start = int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
        self._send(206 if wanted else 200, body[start:], cut=hub.cuts > 0)

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
def serving(hub: PretendHub) -> Iterator[PretendHub]:
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
