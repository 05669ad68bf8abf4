from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from shared.settings import (
    UNFILLED,
    Section,
    StrictSettings,
    WrongSettings,
    read_settings,
)


class Store(Section):
    url: str = "redis://here"


class Settings(StrictSettings):
    model_config = SettingsConfigDict(env_prefix="AI_CORE_", env_nested_delimiter="__")

    workers: int = 1
    store: Store = Store()


def test_a_nested_setting_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_CORE_STORE__URL", "redis://there")
    assert read_settings(Settings).store.url == "redis://there"


@pytest.mark.parametrize("name", ["AI_CORE_WORKRES", "AI_CORE_STORE__ULR", "ai_core_typo"])
def test_a_misspelt_variable_refuses_to_start_and_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "5")
    with pytest.raises(WrongSettings, match="(?i)" + name):
        read_settings(Settings)


def test_a_wrong_value_is_named_but_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_CORE_WORKERS", "s3cr3t")
    with pytest.raises(WrongSettings, match="AI_CORE_WORKERS") as refusal:
        read_settings(Settings)
    assert "s3cr3t" not in str(refusal.value)


def test_a_variable_of_another_service_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME_AI_CORE_X", "1")
    assert read_settings(Settings).workers == 1


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_setting_is_read_from_a_secret_file(secrets: Path) -> None:
    (secrets / "AI_CORE_STORE__URL").write_text("redis://:secret@there\n")
    (secrets / "ai_core_vault").write_text("a key file that a setting points to")
    assert read_settings(Settings).store.url == "redis://:secret@there"


def test_a_misspelt_secret_file_refuses_to_start_and_is_named(secrets: Path) -> None:
    (secrets / "AI_CORE_STROE__URL").write_text("redis://there")
    with pytest.raises(WrongSettings, match="AI_CORE_STROE__URL is not a setting"):
        read_settings(Settings)


def test_a_setting_given_twice_refuses_to_start(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "AI_CORE_WORKERS").write_text("2")
    monkeypatch.setenv("AI_CORE_WORKERS", "3")
    with pytest.raises(WrongSettings, match="AI_CORE_WORKERS is in the environment and in a"):
        read_settings(Settings)


def test_a_secret_that_is_no_text_is_named_and_not_repeated(secrets: Path) -> None:
    (secrets / "AI_CORE_WORKERS").write_bytes(b"\xff\xfe")
    with pytest.raises(WrongSettings, match=r"AI_CORE_WORKERS in .* cannot be read: not text"):
        read_settings(Settings)


def test_what_is_still_to_be_filled_in_refuses_to_start_and_is_named(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "AI_CORE_STORE__URL").write_text(UNFILLED)
    monkeypatch.setenv("AI_CORE_WORKERS", UNFILLED)
    with pytest.raises(WrongSettings) as refusal:
        read_settings(Settings)
    assert str(refusal.value) == "AI_CORE_STORE__URL, AI_CORE_WORKERS: still to be filled in"
