"""What every test gets: an environment without our settings, and an alarm for a blocked loop."""

import os
from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster

PREFIXES = ("AI_CORE_", "TELEGRAM_", "MAIL_")
PACKAGES = ["ai_core", "telegram_service", "mail_service", "shared"]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(PREFIXES):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    alarm = BlockBuster(PACKAGES)
    alarm.activate()
    yield
    alarm.deactivate()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `./neo test --without` names; a test says what it needs by a marker."""
    without = {name for name in os.environ.get("NEO_WITHOUT", "").split(",") if name}
    left_out = [
        item
        for item in items
        if any(marker.args[0] in without for marker in item.iter_markers("needs"))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
