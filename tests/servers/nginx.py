"""A private nginx over the shipped templates, on free loopback ports, stopped by pid.

For tests and measurements. Its folder and those above it must be open to others: as root, nginx's
workers run as another user. Standard library only.
"""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.host.edge.rendering import read_variables, render
from deploy.local.ports import free_port
from deploy.local.program import Program

START_TIMEOUT_S = 10.0


class NginxNotStarted(Exception):
    """There is no nginx on this machine, or it refused its configuration."""


class NginxServer:
    """One nginx over `directory`, which it owns.

    `hosts` are the templates to serve; `variables` go over the defaults of the example. Put each
    host's certificate under `directory/certificates/NAME/` before `start`.
    """

    name = "nginx"

    def __init__(
        self, directory: Path, hosts: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> None:
        self.directory = directory
        self.http_port = free_port()
        self.https_port = free_port()
        self.webroot = directory / "acme"
        self._hosts = hosts
        self._variables = {
            **read_variables(),
            "NGINX_HTTP_LISTEN": f"127.0.0.1:{self.http_port}",
            "NGINX_HTTPS_LISTEN": f"127.0.0.1:{self.https_port}",
            "NGINX_ACME_WEBROOT": str(self.webroot),
            **(variables or {}),
        }
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self._command = [
            *(binary, "-p", f"{directory}/", "-c", f"{directory}/nginx.conf"),
            *("-e", "stderr", "-g", "daemon off;"),
        ]
        self._program = Program("nginx", self._command, directory / "nginx.log", {})

    @property
    def status(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._program.status

    def set(self, **variables: str) -> None:
        """Write the configuration again with other variables; `reload` brings it into force."""
        self._variables.update(variables)
        render(self.directory, self._variables, self._hosts)

    def start(self) -> None:
        """Write the configuration, check it, start, and return once it listens.

        Raises NginxNotStarted with what nginx said.
        """
        self.webroot.mkdir(parents=True, exist_ok=True)
        self.set()
        self.check()
        self._program.start()
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_s and self.status is None:
            if self._listens():
                return
            time.sleep(0.02)
        self.stop()
        raise NginxNotStarted(self._program.last_words())

    def check(self) -> None:
        """Raise NginxNotStarted unless nginx accepts the configuration (nginx -t)."""
        try:
            told = subprocess.run(
                [*self._command, "-t"], capture_output=True, text=True, timeout=10, check=False
            )
        except FileNotFoundError as error:
            raise NginxNotStarted(
                "no nginx; on Debian: apt-get install -y --no-install-recommends nginx"
            ) from error
        if told.returncode:
            raise NginxNotStarted(told.stderr)

    def reload(self) -> None:
        """Bring the configuration and certificates on disk into force; no request is dropped."""
        self.check()
        self._program.signal(signal.SIGHUP)

    def stop(self) -> None:
        """Stop it."""
        self._program.stop()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.https_port), timeout=1).close()
        except OSError:
            return False
        return True
