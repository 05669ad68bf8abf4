"""A private nginx over the shipped templates, on free loopback ports, stopped by pid.

For tests and measurements. Its folder and those above it must be open to others: as root, nginx's
workers run as another user. Standard library only.
"""

import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.host.edge.rendering import read_variables, render
from deploy.local.ports import free_port
from deploy.local.server import Server, ServerNotStarted, accepts_connections


class NginxServer(Server):
    """One nginx over `directory`, which it owns.

    `hosts` are the templates to serve; `variables` go over the defaults of the example. Put each
    host's certificate under `directory/certificates/NAME/` before `start`.
    """

    directory_mode = 0o755

    def __init__(
        self, directory: Path, hosts: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> None:
        super().__init__("nginx", directory)
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
        self._nginx = [
            *(binary, "-p", f"{directory}/", "-c", f"{directory}/nginx.conf"),
            *("-e", "stderr", "-g", "daemon off;"),
        ]

    def set(self, **variables: str) -> None:
        """Write the configuration again with other variables; `reload` brings it into force."""
        self._variables.update(variables)
        render(self.directory, self._variables, self._hosts)

    def prepare(self) -> Sequence[str | Path]:
        """Write the configuration and check it; return the command."""
        self.webroot.mkdir(parents=True, exist_ok=True)
        self.set()
        self.check()
        return self._nginx

    def answers(self) -> bool:
        """Return whether it listens."""
        return accepts_connections(self.https_port)

    def check(self) -> None:
        """Raise ServerNotStarted unless nginx accepts the configuration (nginx -t)."""
        try:
            told = subprocess.run(
                [*self._nginx, "-t"], capture_output=True, text=True, timeout=10, check=False
            )
        except FileNotFoundError as error:
            raise ServerNotStarted(
                "no nginx; on Debian: apt-get install -y --no-install-recommends nginx"
            ) from error
        if told.returncode:
            raise ServerNotStarted(told.stderr)

    def reload(self) -> None:
        """Bring the configuration and certificates on disk into force; no request is dropped."""
        self.check()
        self.signal(signal.SIGHUP)
