"""What each service needs on a host: generated values, derived values, the operator's values."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

UNFILLED = "fill-me-in"
"""The word shared/settings.py refuses to start with."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its settings by name, and the secrets that are files.

    `known` are patterns over the host's domain. `proxies_variable` sets the trusted proxies.
    `operator_variables` and `operator_secrets` (files) are filled in by the operator. `random`
    are files with a generated password. `vault` is the file with the encryption key. `stores` have
    a password and a URL variable each.
    """

    name: str
    env: str
    image: str
    package: str
    programs: tuple[str, ...]
    prefix: str
    port: int
    memory: str
    host_name: str
    known: Mapping[str, str]
    proxies_variable: str = ""
    operator_variables: tuple[str, ...] = ()
    operator_secrets: tuple[str, ...] = ()
    random: tuple[str, ...] = ()
    vault: str = ""
    vault_variable: str = ""
    stores: tuple[str, ...] = ("redis",)

    def url_variable(self, store: str) -> str:
        """Return the variable that holds the address of a store."""
        return f"{self.prefix}{store.upper()}__URL"

    def url(self, store: str, password: str, *, compose: bool) -> str:
        """Return the address of a store with its password, in compose or on this machine."""
        host = f"{self.name}-{store}" if compose else "127.0.0.1"
        if store == "redis":
            return f"redis://:{password}@{host}:6379/0"
        return f"postgresql://{self.name}:{password}@{host}:5432/{self.name}"

    @property
    def credentials(self) -> tuple[str, ...]:
        """Return the secret files its programs read."""
        urls = (self.url_variable(store) for store in self.stores)
        return (*urls, *self.operator_secrets, *self.random, *([self.vault] if self.vault else []))


AI = Service(
    name="ai",
    env="ai_core",
    image="neo-ai_core:light",
    package="ai_core",
    programs=("serve",),
    prefix="AI_CORE_",
    port=8000,
    memory="2G",
    host_name="ai-api",
    known={
        "AI_CORE_PAGE__HOSTS": '["ai-api.{domain}"]',
        "AI_CORE_WATCH__CERTIFICATES": '["ai-api.{domain}:443"]',
    },
    proxies_variable="AI_CORE_SERVER__TRUSTED_PROXIES",
    vault="ai_core_vault",
    vault_variable="AI_CORE_POSTGRES__KEY_FILE",
    stores=("redis", "postgres"),
)
TELEGRAM = Service(
    name="telegram",
    env="telegram",
    image="neo-telegram:latest",
    package="telegram_service",
    programs=("serve", "worker"),
    prefix="TELEGRAM_",
    port=8001,
    memory="512M",
    host_name="telegram",
    known={
        "TELEGRAM_AI__URL": "https://ai-api.{domain}",
        "TELEGRAM_WEBHOOK__URL": "https://telegram.{domain}/telegram/webhook",
        "TELEGRAM_WATCH__CERTIFICATES": '["telegram.{domain}:443"]',
    },
    operator_secrets=("TELEGRAM_BOT__TOKEN", "TELEGRAM_AI__API_KEY"),
    random=("TELEGRAM_WEBHOOK__SECRET",),
    vault="telegram_vault",
    vault_variable="TELEGRAM_STORE__KEY_FILE",
    stores=("redis", "postgres"),
)
MAIL = Service(
    name="mail",
    env="mail",
    image="neo-mail:latest",
    package="mail_service",
    programs=("serve", "worker"),
    prefix="MAIL_",
    port=8002,
    memory="1G",
    host_name="mail",
    known={
        "MAIL_AI__URL": "https://ai-api.{domain}",
        "MAIL_WATCH__CERTIFICATES": '["mail.{domain}:443"]',
    },
    operator_variables=(
        "MAIL_ADDRESS",
        "MAIL_IMAP__HOST",
        "MAIL_IMAP__USER",
        "MAIL_SMTP__HOST",
        "MAIL_SMTP__USER",
    ),
    operator_secrets=("MAIL_IMAP__PASSWORD", "MAIL_SMTP__PASSWORD", "MAIL_AI__API_KEY"),
    random=("MAIL_SERVER__API_KEY",),
    vault="mail_vault",
    vault_variable="MAIL_VAULT__KEY_FILE",
    stores=("redis", "postgres"),
)
SERVICES = {service.name: service for service in (AI, TELEGRAM, MAIL)}


def new_password() -> str:
    """Return 192 random bits in letters and digits, safe in a URL and after requirepass."""
    return secrets.token_hex(24)


def new_vault() -> str:
    """Return the content of a key file, as shared/privacy/encryption.py reads it."""
    seal, fingerprint = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    return f"seal {seal}\nfingerprint {fingerprint}\n"
