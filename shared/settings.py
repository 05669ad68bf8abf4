"""How a service reads its settings: from the environment only, and all of it."""

import os
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_settings import BaseSettings

from shared.errors import AppError

S = TypeVar("S", bound="StrictSettings")


class WrongSettings(AppError):
    """A setting is missing, misspelt or out of range."""

    code = "wrong_settings"


class Section(BaseModel):
    """A group of settings that belong together; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StrictSettings(BaseSettings):
    """Reads the environment, and reads all of it.

    pydantic-settings passes over a misspelt variable even with `extra="forbid"`; here a variable
    that bears our prefix and matches no setting refuses to start.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        prefix = str(self.model_config.get("env_prefix", "")).upper()
        known = {f"{prefix}{name}".upper() for name in type(self).model_fields}
        for variable in os.environ:
            name = variable.upper()
            if name.startswith(prefix) and name.partition("__")[0] not in known:
                raise WrongSettings(f"{variable} is not a setting of this service")


def read_settings(kind: type[S]) -> S:
    """Return the settings found in the environment.

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
