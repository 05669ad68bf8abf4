"""Settings of a service from the environment, secrets also from files; unknown ones are errors.

A secret may be a file named like the variable, in `$CREDENTIALS_DIRECTORY` (systemd's
LoadCredential) or else in `/run/secrets` (compose): it is then in no environment and no process
listing.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from shared.errors import AppError

S = TypeVar("S", bound="StrictSettings")

UNFILLED = "fill-me-in"
"""What `./neo init` writes where only the operator knows the value."""
SECRETS = "/run/secrets"


class WrongSettings(AppError):
    """A setting is missing, misspelt or out of range."""

    code = "wrong_settings"


class Section(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WatchSettings(Section):
    """What a service monitors on its host; see shared/host_metrics.py."""

    disk: Path = Field(default=Path("/"), description="A folder on the disk that must not fill.")
    certificates: tuple[str, ...] = Field(
        default=(), description="HOST:PORT each; when the certificate served there ends."
    )
    backups: Path | None = Field(
        default=None, description="Folder of empty files, each touched when its backup succeeded."
    )

    @field_validator("certificates")
    @classmethod
    def _have_ports(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [each for each in addresses if not each.rpartition(":")[2].isdecimal()]
        if wrong:
            raise ValueError(f"HOST:PORT is needed, not {wrong[0]}")
        return addresses


class TracingSettings(Section):
    """The collector of traces; see shared/web/tracing.py."""

    url: str = Field(
        default="", description="OTLP over HTTP, ending in /v1/traces; empty: no traces."
    )
    share: float = Field(default=1.0, ge=0, le=1, description="Of the traces begun here.")


class ErrorReportSettings(Section):
    """Where unforeseen errors are reported; see shared/error_reports.py."""

    dsn: str = Field(
        default="", description="Of a project of Sentry's or a compatible one's; empty: no reports."
    )
    release: str = Field(default="", description="Its name in reports, such as an image's tag.")


class SecretFiles(EnvSettingsSource):
    """Reads the files of the secrets folder as if they were variables of the environment."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): text for name, text in secret_files(self.env_prefix).items()}


class StrictSettings(BaseSettings):
    """Settings from the environment and the secret files, with unknown variables refused.

    pydantic-settings ignores a misspelt variable even with `extra="forbid"`; here a variable with
    our prefix that matches no setting raises WrongSettings, as does one that is set twice or is
    still a placeholder.
    """

    def __init__(self, **values: Any) -> None:
        prefix = str(self.model_config.get("env_prefix", "")).upper()
        given = {name: text for name, text in os.environ.items() if _is_ours(name, prefix)}
        for name, text in secret_files(prefix).items():
            if name in given:
                raise WrongSettings(f"{name} is in the environment and in a secret file")
            given[name] = text
        unfilled = sorted(name for name, text in given.items() if UNFILLED in text)
        if unfilled:
            raise WrongSettings(f"{', '.join(unfilled)}: still to be filled in")
        super().__init__(**values)
        known = {f"{prefix}{name}".upper() for name in type(self).model_fields}
        for name in given:
            if name.upper().partition("__")[0] not in known:
                raise WrongSettings(f"{name} is not a setting of this service")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of values: arguments of a test, the environment, the files."""
        return init_settings, env_settings, SecretFiles(settings_cls)


def secret_files(prefix: str) -> dict[str, str]:
    """Return the text of each secret file whose name begins with `prefix`, in upper case.

    Raises WrongSettings when one cannot be read.
    """
    folder = Path(os.environ.get("CREDENTIALS_DIRECTORY", SECRETS))
    found = {}
    for file in sorted(folder.glob(f"{prefix.upper()}*")):
        try:
            found[file.name] = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise WrongSettings(f"{file.name} in {folder} cannot be read: {reason}") from None
    return found


def _is_ours(name: str, prefix: str) -> bool:
    return name.upper().startswith(prefix)


def read_settings(kind: type[S]) -> S:
    """Return the settings found in the environment and the secret files.

    Raises WrongSettings with one sentence that names each variable at fault and what is wrong.
    """
    try:
        return kind()
    except ValidationError as error:
        prefix = str(kind.model_config.get("env_prefix", ""))
        faults = [
            f"{prefix}{'__'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        ]
        raise WrongSettings("; ".join(faults)) from None
