"""A private Prometheus and a private Alertmanager, on loopback, with the configuration we ship."""

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from deploy.local.ports import free_port
from deploy.local.private_files import write_private
from deploy.local.program import Program

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "monitoring" / "prometheus"
START_TIMEOUT_S = 30.0


class WatchNotStarted(Exception):
    """There is no such program here, or it did not become ready."""


class WatchServer:
    """One of the two programs, over `folder`, which it owns."""

    def __init__(self, name: str, binaries: Sequence[str], folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.port = free_port()
        self._binaries = binaries
        self._program: Program | None = None

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def begin(self, arguments: Sequence[str]) -> None:
        """Start it and return once it is ready. Raises WatchNotStarted."""
        found = next(filter(None, map(shutil.which, self._binaries)), None)
        if found is None:
            raise WatchNotStarted(f"{self.name} is not installed; Debian: {self._binaries[-1]}")
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        command = [found, listen, "--log.level=warn", *arguments]
        self._program = Program(self.name, command, self.folder / "log", {})
        self._program.start()
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up_s and self._program.status is None:
            if self._ready():
                return
            time.sleep(0.05)
        self.stop()
        raise WatchNotStarted(f"{self.name} did not start:\n{self._program.last_words()}")

    def stop(self) -> None:
        """Stop it; nothing when it does not run."""
        if self._program:
            self._program.stop()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as told:  # noqa: S310 - loopback, ours
                return bool(told.status == HTTPStatus.OK)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False


class PrometheusServer(WatchServer):
    """Prometheus with the shipped rules; `targets` says where each job is, as HOST:PORT."""

    def __init__(
        self, folder: Path, targets: Mapping[str, Sequence[str]], admin_key: str = ""
    ) -> None:
        super().__init__("prometheus", ("prometheus",), folder)
        shutil.copytree(SHIPPED, folder / "configuration")
        self.configuration = folder / "configuration"
        places = {"prometheus": [f"127.0.0.1:{self.port}"], **targets}
        for file in (self.configuration / "targets").iterdir():
            wanted = [{"targets": list(places.get(file.stem, ()))}]
            file.write_text(json.dumps(wanted), encoding="utf-8")  # JSON is YAML too
        (self.configuration / "secrets").mkdir(mode=0o700)
        write_private(self.configuration / "secrets" / "ai_core_admin_key", admin_key)

    def start(self) -> None:
        """Start it and return once it is ready. Raises WatchNotStarted."""
        self.begin(
            [
                f"--config.file={self.configuration / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
            ]
        )


class AlertmanagerServer(WatchServer):
    """Alertmanager with a configuration as `deploy.monitoring.alertmanager` writes it."""

    def __init__(self, folder: Path, configuration: str) -> None:
        binaries = ("alertmanager", "prometheus-alertmanager")
        super().__init__("alertmanager", binaries, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_private(folder / "alertmanager.yml", configuration)

    def start(self) -> None:
        """Start it and return once it is ready. Raises WatchNotStarted."""
        self.begin(
            [
                f"--config.file={self.folder / 'alertmanager.yml'}",
                f"--storage.path={self.folder / 'data'}",
                "--cluster.listen-address=",
            ]
        )
