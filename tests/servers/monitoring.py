"""A private Prometheus and a private Alertmanager, on loopback, with the configuration we ship."""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

import yaml

from deploy.local.ports import free_port
from deploy.local.private_files import write_private
from deploy.local.server import Server, ServerNotStarted

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "monitoring" / "prometheus"


class MonitoringServer(Server):
    """Prometheus, Alertmanager or node_exporter, whichever of `binaries` is installed."""

    start_timeout_s = 30.0
    ready_path = "/-/ready"

    def __init__(self, name: str, binaries: Sequence[str], directory: Path) -> None:
        super().__init__(name, directory)
        self.port = free_port()
        self._binaries = binaries

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Return whether it is ready, by its own word."""
        try:
            with urllib.request.urlopen(f"{self.url}{self.ready_path}", timeout=2) as reply:  # noqa: S310 - loopback, ours
                return bool(reply.status == HTTPStatus.OK)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def command(self, *arguments: str) -> list[str]:
        """Return the command with `arguments`. Raises ServerNotStarted when it is not installed."""
        found = next(filter(None, map(shutil.which, self._binaries)), None)
        if found is None:
            raise ServerNotStarted(f"{self.name} is not installed; Debian: {self._binaries[-1]}")
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        return [found, listen, "--log.level=warn", *arguments]


class PrometheusServer(MonitoringServer):
    """Prometheus with the shipped rules; `targets` says where each job is, as HOST:PORT."""

    def __init__(
        self, directory: Path, targets: Mapping[str, Sequence[str]], admin_key: str = ""
    ) -> None:
        super().__init__("prometheus", ("prometheus",), directory)
        shutil.copytree(SHIPPED, directory / "configuration")
        self.configuration = directory / "configuration"
        places = {"prometheus": [f"127.0.0.1:{self.port}"], **targets}
        for file in (self.configuration / "targets").iterdir():
            wanted = [{"targets": list(places.get(file.stem, ()))}]
            file.write_text(json.dumps(wanted), encoding="utf-8")  # JSON is YAML too
        (self.configuration / "secrets").mkdir(mode=0o700)
        write_private(self.configuration / "secrets" / "ai_core_admin_key", admin_key)

    def prepare(self) -> Sequence[str | Path]:
        """Return the command."""
        return self.command(
            f"--config.file={self.configuration / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
        )


class NodeExporter(MonitoringServer):
    """node_exporter with the options of docker-compose.watch.yml, over this machine."""

    ready_path = "/metrics"

    def __init__(self, directory: Path) -> None:
        super().__init__("node_exporter", ("node_exporter", "prometheus-node-exporter"), directory)

    def prepare(self) -> Sequence[str | Path]:
        """Return the command; a dollar is written twice for compose."""
        compose = yaml.safe_load((ROOT / "docker-compose.watch.yml").read_text(encoding="utf-8"))
        shipped = compose["services"]["host"]["command"]
        options = [each.replace("$$", "$") for each in shipped if each.startswith("--collector.")]
        return self.command(*options)


class AlertmanagerServer(MonitoringServer):
    """Alertmanager with a configuration as `deploy.monitoring.alertmanager` writes it."""

    def __init__(self, directory: Path, configuration: str) -> None:
        binaries = ("alertmanager", "prometheus-alertmanager")
        super().__init__("alertmanager", binaries, directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_private(directory / "alertmanager.yml", configuration)

    def prepare(self) -> Sequence[str | Path]:
        """Return the command."""
        return self.command(
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'data'}",
            "--cluster.listen-address=",
        )
