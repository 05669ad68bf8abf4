"""Somebody outside, who asks through nginx over TLS."""

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0


class ExternalClient:
    """Speaks HTTPS to the host names of `domain`, all of which are `port` of this machine."""

    def __init__(self, domain: str, port: int, authority: Path) -> None:
        self._domain = domain
        self._port = port
        self._context = ssl.create_default_context(cafile=str(authority))

    def ask(
        self,
        host: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Send a GET, or a POST with a JSON body; return the status and the JSON told, if any.

        Raises OSError or HTTPException when nobody answers.
        """
        name = f"{host}.{self._domain}"
        line = http.client.HTTPSConnection(name, timeout=TIMEOUT_S)
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_S)
        line.sock = self._context.wrap_socket(plain, server_hostname=name)
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            if body is None:
                line.request("GET", path, headers=sent)
            else:
                line.request("POST", path, json.dumps(body), sent)
            reply = line.getresponse()
            told = reply.read()
        finally:
            line.close()
        is_json = "json" in reply.getheader("content-type", "")
        return reply.status, json.loads(told) if told and is_json else told.decode()
