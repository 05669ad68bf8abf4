"""What each service needs on one machine: its own stores, its programs, its settings."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deploy.local.ports import PORTS
from deploy.local.postgres_server import PostgresServer
from deploy.local.private_files import secret, write_private
from deploy.local.program import Program
from deploy.local.redis_server import RedisServer
from shared.privacy.encryption import new_key_file

LOOPBACK = "http://127.0.0.1"


class Part(Protocol):
    """A program to keep running."""

    name: str

    log: Path

    def start(self) -> None:
        """Start it."""
        ...

    def log_tail(self) -> str:
        """Return the end of its log."""
        ...

    def stop(self) -> None:
        """Stop it; nothing when it does not run."""
        ...

    @property
    def status(self) -> int | None:
        """Return its exit status, or None while it runs."""
        ...


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of a service under `.neo/`, the ai_core it uses, and the services' ports."""

    neo: Path
    ai_url: str
    ai_key: str
    ports: Mapping[str, int] = field(default_factory=lambda: PORTS)

    def log(self, name: str) -> Path:
        """Return the log of a program."""
        return self.neo / "logs" / f"{name}.log"


def telegram(home: Home) -> list[Part]:
    """Return the bot's stores, its webhook and a worker, in the order they start.

    Its settings are kept in a private file, where `./neo telegram` finds them.
    """
    redis, postgres, vault = _stores(home, "telegram")
    environment = {
        "TELEGRAM_REDIS__URL": redis.url,
        "TELEGRAM_POSTGRES__URL": postgres.url(),
        "TELEGRAM_STORE__KEY_FILE": str(vault),
        "TELEGRAM_SERVER__PORT": str(home.ports["telegram"]),
        "TELEGRAM_SERVER__API_KEY": secret(home.neo / "keys" / "telegram"),
        "TELEGRAM_AI__URL": home.ai_url,
        "TELEGRAM_AI__API_KEY": home.ai_key,
    }
    write_private(home.neo / "telegram" / "environment.json", json.dumps(environment, indent=2))
    return [redis, postgres, *_programs(home, "telegram_service", environment)]


def mail(home: Home) -> list[Part]:
    """Return the mailbox's stores, its review page and a worker, in the order they start.

    Its settings are kept in a private file, where `./neo mail` finds them.
    """
    redis, postgres, vault = _stores(home, "mail")
    environment = {
        "MAIL_REDIS__URL": redis.url,
        "MAIL_POSTGRES__URL": postgres.url(),
        "MAIL_VAULT__KEY_FILE": str(vault),
        "MAIL_SERVER__PORT": str(home.ports["mail"]),
        "MAIL_SERVER__API_KEY": secret(home.neo / "keys" / "mail"),
        "MAIL_AI__URL": home.ai_url,
        "MAIL_AI__API_KEY": home.ai_key,
    }
    write_private(home.neo / "mail" / "environment.json", json.dumps(environment, indent=2))
    return [redis, postgres, *_programs(home, "mail_service", environment)]


def desk_environment(
    keys: Path, services: Sequence[str], ports: Mapping[str, int] = PORTS
) -> dict[str, str]:
    """Return the settings by which ai_core's desk asks the bot and the mailbox.

    `keys` is the folder where the key of each is kept, made when it is missing.
    """
    environment = {}
    for name in services:
        if name in {"telegram", "mail"}:
            secret(keys / name)
            setting = f"AI_CORE_CONSOLE__{name.upper()}"
            environment[f"{setting}_URL"] = f"{LOOPBACK}:{ports[name]}"
            environment[f"{setting}_KEY_FILE"] = str(keys / name)
    if "mail" in services:
        environment["AI_CORE_CONSOLE__MAIL_REVIEW_URL"] = f"{LOOPBACK}:{ports['mail']}"
    return environment


def _stores(home: Home, name: str) -> tuple[RedisServer, PostgresServer, Path]:
    """Return a service's own Redis and Postgres, and the file with the key of what it keeps."""
    folder = home.neo / name
    folder.mkdir(mode=0o700, exist_ok=True)
    password = secret(folder / "password")
    redis = RedisServer(folder / "redis", password=password, queue=True)
    return redis, PostgresServer(folder / "postgres", password=password), vault_key(folder)


def vault_key(folder: Path) -> Path:
    """Return the file with the keys of what a service seals, made when it is missing."""
    vault = folder / "vault"
    if not vault.exists():
        write_private(vault, new_key_file())
    return vault


def _programs(home: Home, package: str, environment: Mapping[str, str]) -> list[Part]:
    return [
        Program(
            f"{package} {program}",
            [sys.executable, "-m", package, program],
            home.log(f"{package}-{program}"),
            environment,
        )
        for program in ("serve", "worker")
    ]
