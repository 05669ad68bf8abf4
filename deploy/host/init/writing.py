"""Writes the files of a host. Run again, it creates missing ones and keeps existing ones.

    .env                       what docker compose reads: which files, which limits
    deploy/env/NAME.env        the settings of a service
    deploy/secrets/NAME/…      one secret per file, for root and the services' group alone
    deploy/certificates/ …     folders that containers write: certificates, challenges, backups

A secret is never overwritten, not even with --force: a new encryption key would lose what the old
one encrypted, a new password would lock a service out of its store.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.host.init.plan import UNFILLED, Service, new_password, new_vault

GROUP = 10001
BACKUP_USER = 999  # makes the backups, of settings too
"""The group of our images' user; stores and nginx are given it too."""
POSTGRES = 999
"""The user of the stores' images, who also makes the backups."""
FOLDERS = {"certificates": GROUP, "webroot": GROUP, "letsencrypt": GROUP, "backups": POSTGRES}
"""Folders of deploy/ and who writes them."""
ACTIVE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


class CannotInit(Exception):
    """Why the host's files cannot be written, in one sentence."""


@dataclass
class Host:
    """The target folder and the operator's options.

    `chosen` are variables given with --set. `made` and `kept` list the new and the existing files.
    """

    root: Path
    domain: str
    compose: bool
    force: bool
    chosen: Mapping[str, str]
    made: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)

    @property
    def secrets(self) -> Path:
        """Return the folder of every secret."""
        return self.root / "deploy" / "secrets"


def write_service(host: Host, service: Service) -> None:
    """Write the settings and secrets of one service."""
    _write_secrets(host, service)
    example = host.root / "deploy" / "env" / f"{service.env}.env.example"
    text = "\n".join(_settings(host, service, example.read_text(encoding="utf-8").splitlines()))
    _write_settings(host, host.root / "deploy" / "env" / f"{service.env}.env", text + "\n")


def write_nginx(host: Host, services: Sequence[Service]) -> None:
    """Write the host names of the edge; without containers its services are on this machine."""
    lines = ["# Over the defaults of nginx.env.example, which lists every variable."]
    for each in services:
        prefix = f"NGINX_{each.name.upper()}"
        lines.append(f"{prefix}_HOST={each.host_name}.{host.domain}")
        if not host.compose:
            lines.append(f'{prefix}_SERVERS="server 127.0.0.1:{each.port};"')
    _write_settings(host, host.root / "deploy" / "env" / "nginx.env", "\n".join(lines) + "\n")


def write_folders(host: Host) -> None:
    """Create the folders that containers write, owned by their users where this is root."""
    for name, user in FOLDERS.items():
        folder = host.root / "deploy" / name
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(folder, user, GROUP)


def write_backup(host: Host) -> None:
    """Write the address and the password of the backups."""
    lines = (
        "# Where backups are kept, as restic says it: rest:https://host/, s3:https://host/bucket",
        "# (with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY here). /backups is deploy/backups/ of",
        "# this host, or the folder BACKUPS names in .env: what is there alone dies with its disk.",
        "BACKUP_REPOSITORY=/backups",
    )
    _write_settings(host, host.root / "deploy" / "env" / "backup.env", "\n".join(lines) + "\n")
    keep_or_make(host, host.secrets / "backup" / "backup_password", new_password())


def write_compose(host: Host, name: str) -> None:
    """Write .env: the compose files of this host and the share of it that a service may use."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        "# Read by docker compose; the other variables stand in the compose files after ${.",
        f"COMPOSE_FILE=docker-compose.{name}.yml:docker-compose.watch.yml",
        "# acme: certificates by ACME; backup: a backup every quarter of an hour;",
        "# watch: Prometheus, Alertmanager and Grafana.",
        "COMPOSE_PROFILES=acme,backup",
        "# Whom the certificates' authority writes to.",
        "ACME_EMAIL=",
        f"AI_CPUS={os.cpu_count() or 1}",
        f"AI_MEMORY={max(1, int(memory_gib * 0.6))}g",
        "# light quotes the law and asks models elsewhere; full runs models here.",
        "AI_VARIANT=light",
    ]
    _write_settings(host, host.root / ".env", "\n".join(lines) + "\n")


def _settings(host: Host, service: Service, example: Sequence[str]) -> list[str]:
    """Return the lines of a service's env file: the example's, with the known values filled in."""
    elsewhere = set(service.credentials)
    if not host.compose and service.vault_variable:
        elsewhere.add(service.vault_variable)  # the unit sets the path of the file
    values = {name: pattern.format(domain=host.domain) for name, pattern in service.known.items()}
    values |= dict.fromkeys(service.operator_variables, UNFILLED)
    values[f"{service.prefix}SERVER__HOST"] = "0.0.0.0" if host.compose else "127.0.0.1"  # noqa: S104
    if service.proxies_variable and not host.compose:
        values[service.proxies_variable] = '["127.0.0.1"]'
    ours = {name for name in host.chosen if name.startswith(service.prefix)}
    values |= {name: host.chosen[name] for name in ours - elsewhere}
    lines, seen = [], set()
    for line in example:
        active = ACTIVE.fullmatch(line)
        if not active:
            lines.append(line)
        elif active[1] in elsewhere:
            lines.append(f"# {active[1]} is a file of deploy/secrets/{service.env}/")
        else:
            seen.add(active[1])
            lines.append(f"{active[1]}={values.get(active[1], active[2])}")
    lines += [f"{name}={values[name]}" for name in sorted(set(values) - seen)]
    return lines


def _write_secrets(host: Host, service: Service) -> None:
    """Write the secret files of a service; its addresses hold its passwords."""
    folder = host.secrets / service.env
    for store in service.stores:
        password = keep_or_make(host, folder / f"{store}_password", new_password())
        url = service.url(store, password, compose=host.compose)
        variable = service.url_variable(store)
        keep_or_make(host, folder / variable, host.chosen.get(variable, url))
        if store == "redis":
            keep_or_make(host, folder / "redis.conf", f"requirepass {password}\n")
    for name in service.random:
        keep_or_make(host, folder / name, host.chosen.get(name, new_password()))
    for name in service.operator_secrets:
        _fill(host, folder / name, host.chosen.get(name))
    if service.vault:
        keep_or_make(host, folder / service.vault, new_vault())
    if service.name == "ai":
        keep_or_make(host, folder / "page_key", "")


def _fill(host: Host, path: Path, given: str | None) -> None:
    """Write a value given by the operator, replacing only a placeholder."""
    if path.exists() and path.read_text(encoding="utf-8").strip() == UNFILLED and given:
        path.unlink()
    keep_or_make(host, path, given or UNFILLED)


def keep_or_make(host: Host, path: Path, text: str) -> str:
    """Return the existing secret, or write and return `text`."""
    if path.exists():
        host.kept.append(path)
        return path.read_text(encoding="utf-8").strip()
    close(host, path, text)
    host.made.append(path)
    return text


def close(host: Host, path: Path, text: str) -> None:
    """Write a file for its owner and the services' group (0440), in folders closed to others."""
    for folder, mode in ((host.secrets, 0o700), (path.parent, 0o750)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(0o440)
    if host.compose and os.geteuid() == 0:
        os.chown(path, 0, GROUP)
        os.chown(path.parent, 0, GROUP)


def _write_settings(host: Host, path: Path, text: str) -> None:
    if path.exists() and not host.force:
        host.kept.append(path)
        return
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if host.compose and os.geteuid() == 0:
        os.chown(path, BACKUP_USER, BACKUP_USER)
    host.made.append(path)


def unfilled(host: Host, services: Sequence[Service]) -> dict[Path, list[str]]:
    """Return what only the operator can fill in, by file; for a secret the file's own name."""
    left: dict[Path, list[str]] = {}
    for service in services:
        settings = host.root / "deploy" / "env" / f"{service.env}.env"
        names = [
            line.partition("=")[0]
            for line in settings.read_text(encoding="utf-8").splitlines()
            if ACTIVE.fullmatch(line) and UNFILLED in line
        ]
        if names:
            left[settings] = names
        for name in service.operator_secrets:
            path = host.secrets / service.env / name
            if path.read_text(encoding="utf-8").strip() == UNFILLED:
                left[path] = []
    return left
