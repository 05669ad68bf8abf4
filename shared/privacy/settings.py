"""The settings of masking, the same in each service."""

from pydantic import Field, field_validator

from shared.privacy.name_model import missing_modules
from shared.settings import Section


class PrivacySettings(Section):
    """What masking finds beside what its rules do; see shared/privacy/name_model.py."""

    names: bool = Field(
        default=False,
        description="Also mask names found by a model; needs the extra [names] and 0.6 GiB.",
    )

    @field_validator("names")
    @classmethod
    def _is_installed(cls, names: bool) -> bool:
        if names and (missing := missing_modules()):
            raise ValueError(
                f"masking names needs {' and '.join(missing)}: "
                "pip install 'code-du-travail-neo[names]'"
            )
        return names
