"""The settings, and the example that operators copy."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from shared.settings import WrongSettings, read_settings
from telegram_service.settings import Settings
from tests.telegram_service.running_app import SECRET, settings_for

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "env" / "telegram.env.example"


def names(kind: type[BaseModel], prefix: str) -> set[str]:
    found: set[str] = set()
    for name, field in kind.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found |= names(section, f"{prefix}{name.upper()}__")
        else:
            found.add(f"{prefix}{name.upper()}")
    return found


def test_the_example_names_every_setting_and_no_other() -> None:
    written = re.findall(r"^#?(TELEGRAM_[A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert set(written) == names(Settings, "TELEGRAM_")
    assert len(written) == len(set(written))


def test_a_misspelt_setting_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOTT__TOKEN", "x")
    with pytest.raises(WrongSettings):
        read_settings(Settings)


def test_a_token_is_never_shown() -> None:
    settings = Settings.model_validate({"bot": {"token": "123:abc"}})
    assert "123:abc" not in repr(settings)


def test_settings_never_print_the_secret(tmp_path: Path) -> None:
    settings = settings_for("redis://h", "postgresql://h/x", "http://a", "http://b", tmp_path)
    assert SECRET not in repr(settings)
