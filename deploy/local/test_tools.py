"""The programs of the system that the tests use: found, or installed on a Debian."""

import os
import shlex
import shutil
import subprocess

from deploy.local.errors import Stop
from deploy.local.terminal import progress

SYSTEM_TOOLS = {  # tool the tests use: (how it is found, Debian packages, what it proves)
    "redis-server": (("redis-server",), "redis-server", "the newest Redis beside the embedded one"),
    "chromium": (("chromium", "chromium-browser"), "chromium", "the page in a real browser"),
    "dovecot": (("dovecot",), "dovecot-imapd", "mail over real IMAP"),
    "cyrus": (
        ("/usr/local/lib/cyrus-imapd/usr/lib/cyrus/bin/imapd",),
        "cyrus-common sasl2-bin",
        "mail over a second kind of IMAP server",
    ),
    "prometheus": (("prometheus",), "prometheus", "rules, alerts and dashboards on a live one"),
    "alertmanager": (
        ("alertmanager", "prometheus-alertmanager"),
        "prometheus-alertmanager",
        "notifications that arrive",
    ),
    "prometheus-node-exporter": (
        ("prometheus-node-exporter",),
        "prometheus-node-exporter",
        "what is measured of a host",
    ),
    "systemd-analyze": (("systemd-analyze",), "systemd", "the units of a host without Docker"),
    "nginx": (("nginx", "/usr/sbin/nginx"), "nginx", "the edge: TLS, limits, errors, replicas"),
    "pebble": (("pebble",), "pebble", "an ACME server to issue certificates"),
    "certbot": (("certbot",), "certbot", "certificates issued and renewed"),
    "restic": (("restic",), "restic", "backups made, damaged and restored"),
    # Not Debian's own, which is too old: from Kubernetes' repository (its manual has the line).
    "kubectl": (("kubectl",), "kubectl", "the Kubernetes manifests, built as they are applied"),
    "tesseract": (
        ("tesseract",),
        "tesseract-ocr tesseract-ocr-tha",
        "Thai read from pictures, by the weights that Debian has",
    ),
}
UNPACKED = {"cyrus": ("cyrus-imapd", "/usr/local/lib/cyrus-imapd")}
"""Of Debian's IMAP servers only one can be installed: another's package is unpacked beside it."""


def unpacking(package: str, folder: str) -> list[str]:
    """Return the command that unpacks one of Debian's packages into a folder of its own."""
    fetch = f"cd $(mktemp -d) && apt-get download {package}"
    return ["sh", "-c", f"{fetch} && dpkg-deb -x {package}_*.deb {folder}"]


def need_system_tools(tools: set[str]) -> None:
    """Install missing test tools when this is root on a Debian; otherwise raise Stop."""
    missing = [tool for tool in sorted(tools) if not any(map(shutil.which, SYSTEM_TOOLS[tool][0]))]
    if not missing:
        return
    packages = [name for tool in missing for name in SYSTEM_TOOLS[tool][1].split()]
    steps = [["apt-get", "install", "-y", "--no-install-recommends", *packages]]
    steps += [unpacking(*UNPACKED[tool]) for tool in missing if tool in UNPACKED]
    commands = "; ".join(map(shlex.join, steps))
    proofs = "; ".join(f"{tool} ({SYSTEM_TOOLS[tool][2]})" for tool in missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Stop(f"the tests need {proofs}. Install: {commands}")
    # In run level 1 Debian's scripts start no service: the tests start their own.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with progress(f"installing {', '.join(packages)}"):
        for step in (["apt-get", "update", "-qq"], *steps):
            done = subprocess.run(step, capture_output=True, text=True, env=quiet, check=False)
            if done.returncode:
                raise Stop(f"{' '.join(step)} failed:\n{done.stdout}{done.stderr}")
