"""Whether the servers that an installation needs can be reached, told within two seconds."""

import configparser
import os
import queue
import socket
import threading
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.errors import Stop

TIMEOUT_S = 1.2
INDEX = "https://pypi.org/simple"
REGISTRY = "https://registry.npmjs.org"
UNCHECKED = "NEO_UNCHECKED"
"""Set, the network is not asked beforehand: for one that is slower than TIMEOUT_S."""


def need_servers(addresses: Iterable[str]) -> None:
    """Raise Stop when one of these servers takes no connection; all are tried at the same time."""
    if os.environ.get(UNCHECKED):
        return
    for address, reason in unreachable(addresses).items():
        host = urlsplit(address).hostname
        raise Stop(
            f"{host} cannot be reached ({reason}): connect this machine to the network, or name "
            "your proxy (HTTPS_PROXY) or your mirror (PIP_INDEX_URL for Python's packages, "
            f"npm_config_registry for npm's); {UNCHECKED}=1 ./neo … tries all the same"
        )


def unreachable(addresses: Iterable[str]) -> dict[str, str]:
    """Return the addresses that take no connection within TIMEOUT_S, and why."""
    results: queue.Queue[tuple[str, str]] = queue.Queue()
    waiting = dict.fromkeys(addresses, f"no answer in {TIMEOUT_S:g} s")
    for address in waiting:
        # A name is looked up without a timeout of its own, hence a thread that is not waited for.
        threading.Thread(target=_try, args=(address, results), daemon=True).start()
    try:
        for _ in list(waiting):
            address, reason = results.get(timeout=TIMEOUT_S + 0.1)
            waiting[address] = reason
    except queue.Empty:
        pass
    return {address: reason for address, reason in waiting.items() if reason}


def _try(address: str, results: "queue.Queue[tuple[str, str]]") -> None:
    host, port = _place(address)
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
        results.put((address, ""))
    except TimeoutError:
        results.put((address, f"no answer in {TIMEOUT_S:g} s"))
    except OSError as error:
        results.put((address, error.strerror or str(error)))


def _place(address: str) -> tuple[str, int]:
    """Return the host and port to connect to for an address: those of the proxy, if any."""
    asked = urlsplit(address)
    proxy = urllib.request.getproxies().get(asked.scheme)
    if proxy and not urllib.request.proxy_bypass(asked.hostname or ""):
        asked = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return asked.hostname or "", asked.port or (443 if asked.scheme == "https" else 80)


def index_address() -> str:
    """Return the address of the package index that pip asks, "" when it asks none on a network."""
    if _pip_setting("no-index") not in {"", "0", "false", "no"}:
        return ""
    address = _pip_setting("index-url") or INDEX
    return address if address.startswith("http") else ""


def registry_address() -> str:
    """Return the address of the registry that npm asks."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return os.environ[name]
    npmrc = Path("~/.npmrc").expanduser()
    for line in npmrc.read_text(encoding="utf-8").splitlines() if npmrc.is_file() else ():
        name, _, value = line.partition("=")
        if name.strip() == "registry":
            return value.strip()
    return REGISTRY


def _pip_setting(name: str) -> str:
    """Return a setting of pip: from the environment, else from its files, the user's first."""
    written = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if written is not None:
        return written.lower() if name == "no-index" else written
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    files = (
        Path(os.environ.get("PIP_CONFIG_FILE", "")),
        folder / "pip" / "pip.conf",
        Path("~/.pip/pip.conf").expanduser(),
        Path("/etc/pip.conf"),
    )
    found = (_setting_in(file, name) for file in files if file.is_file())
    return next(filter(None, found), "")


def _setting_in(file: Path, name: str) -> str:
    settings = configparser.RawConfigParser()
    try:
        settings.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return ""
    sections = [each for each in ("install", "global") if settings.has_option(each, name)]
    return settings.get(sections[0], name).strip() if sections else ""
