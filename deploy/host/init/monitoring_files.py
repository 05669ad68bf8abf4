"""Files of Prometheus, Alertmanager and Grafana."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from deploy.host.init.plan import UNFILLED, new_password
from deploy.host.init.writing import ACTIVE, CannotInit, Host, close, keep_or_make

SETTINGS = "deploy/env/alerts.env"
CONFIGURATION = "deploy/secrets/alertmanager/alertmanager.yml"
BY_CONTAINER = (
    "docker run --rm --user 0 --env-file {settings} -v ./deploy:/srv/deploy:ro -w /srv "
    "--entrypoint python {image} -m deploy.monitoring.alertmanager /dev/stdout "
    "| install -m 440 -g 10001 /dev/stdin {configuration}"
)
RENDER_TIMEOUT_S = 60


def write_watch(host: Host, image: str) -> list[str]:
    """Write the monitoring secrets and, from alerts.env, Alertmanager's configuration.

    Returns the steps that are left: rendering needs pydantic, which may be missing here; `image`
    has it. Raises CannotInit with the sentence of the setting that is wrong.
    """
    keep_or_make(host, host.secrets / "grafana" / "grafana_password", new_password())
    keep_or_make(host, host.secrets / "prometheus" / "ai_core_admin_key", UNFILLED)
    settings = host.root / SETTINGS
    if not settings.exists():
        return []
    target = host.root / CONFIGURATION
    if importlib.util.find_spec("pydantic_settings") is None:
        target.parent.mkdir(parents=True, exist_ok=True)
        return [BY_CONTAINER.format(settings=SETTINGS, image=image, configuration=CONFIGURATION)]
    close(host, target, _rendered(host.root, settings))
    host.made.append(target)
    return []


def _rendered(root: Path, settings: Path) -> str:
    """Return Alertmanager's configuration for the settings of a file."""
    lines = settings.read_text(encoding="utf-8").splitlines()
    given = {line[1]: line[2] for line in map(ACTIVE.fullmatch, lines) if line}
    here = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "deploy.monitoring.alertmanager", "/dev/stdout"],
        cwd=root,
        env={"PATH": os.defpath, "PYTHONPATH": str(here), **given},
        capture_output=True,
        text=True,
        timeout=RENDER_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise CannotInit(done.stderr.strip())
    return done.stdout
