import pytest
from pydantic_settings import SettingsConfigDict

from shared.settings import Section, StrictSettings, WrongSettings, read_settings


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


def test_somebody_elses_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME_AI_CORE_X", "1")
    assert read_settings(Settings).workers == 1
