"""The settings and the example that lists them."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from mail_service.settings import Settings
from shared.settings import WrongSettings, read_settings

EXAMPLE = Path("deploy/env/mail.env.example").resolve()


def variables(model: type[BaseModel], prefix: str) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= variables(kind, f"{prefix}{name}__".upper())
        else:
            names.add(f"{prefix}{name}".upper())
    return names


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    lines = EXAMPLE.read_text().splitlines()
    written = {line.partition("=")[0].lstrip("# ") for line in lines if "MAIL_" in line}
    written = {name for name in written if name.startswith("MAIL_")}
    assert written == variables(Settings, "MAIL_")


def test_the_example_starts_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in EXAMPLE.read_text().splitlines():
        name, equals, value = line.lstrip("# ").partition("=")
        if equals and name.startswith("MAIL_"):
            monkeypatch.setenv(name, value)
    settings = read_settings(Settings)
    assert settings.imap.host == "imap.example.org"
    assert settings.addresses == frozenset({"questions@example.org"})


def test_several_mailboxes_each_have_their_own_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_ADDRESS", "a@neo.example")
    monkeypatch.setenv(
        "MAIL_MAILBOXES",
        '[{"name": "rh", "address": "RH@neo.example", "mode": "automatic", "imap": {},'
        ' "smtp": {}}]',
    )
    settings = read_settings(Settings)
    assert [(box.name, box.mode) for box in settings.every_mailbox] == [
        ("main", "review"),
        ("rh", "automatic"),
    ]
    assert settings.addresses == frozenset({"a@neo.example", "rh@neo.example"})


def test_a_poll_slower_than_thirty_seconds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_IMAP__POLL_S", "60")
    with pytest.raises(WrongSettings, match="MAIL_IMAP__POLL_S"):
        read_settings(Settings)
