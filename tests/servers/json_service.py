"""A small HTTP service on loopback, in a thread of its own, that answers with JSON."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class JsonAnswers(BaseHTTPRequestHandler):
    """Answers with documents, and prints nothing."""

    def reply(self, status: int, body: object) -> None:
        """Answer with a document."""
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def answering(answers: type[JsonAnswers]) -> Iterator[str]:
    """Serve until the end of the block; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
