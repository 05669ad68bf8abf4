"""deploy/render.yaml against the documented fields of Render's Blueprints and our own settings.

Render publishes a JSON Schema, which is not ours to copy; `render blueprints validate` checks it
with an account. Field names: https://render.com/docs/blueprint-spec
"""

from typing import Any

import pytest
import yaml

from ai_core.settings import Settings as AiCoreSettings
from mail_service.settings import Settings as MailSettings
from shared.settings import StrictSettings
from telegram_service.settings import Settings as TelegramSettings
from tests.models.bleuet import ROOT
from tests.test_docs import variables

BLUEPRINT: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (ROOT / "deploy" / "render.yaml").read_text(encoding="utf-8")
)
SERVICES = {one["name"]: one for one in BLUEPRINT["services"]}
RUNNING = [one for one in BLUEPRINT["services"] if one["type"] != "keyvalue"]
SETTINGS: dict[str, type[StrictSettings]] = {
    "AI_CORE_": AiCoreSettings,
    "TELEGRAM_": TelegramSettings,
    "MAIL_": MailSettings,
}
PORTS = {"neo-ai": "8000", "neo-telegram": "8001", "neo-mail": "8002"}
FIELDS = {
    *("type", "name", "runtime", "dockerfilePath", "dockerContext", "dockerCommand", "plan"),
    *("region", "autoDeployTrigger", "healthCheckPath", "maxShutdownDelaySeconds", "envVars"),
    *("maxmemoryPolicy", "ipAllowList"),
}


def test_only_fields_of_blueprints_are_used() -> None:
    assert set(BLUEPRINT) == {"services", "databases"}
    assert {field for one in BLUEPRINT["services"] for field in one} <= FIELDS
    for database in BLUEPRINT["databases"]:
        assert database.keys() <= {"name", "plan", "region", "postgresMajorVersion", "ipAllowList"}


@pytest.mark.parametrize("service", RUNNING, ids=lambda one: one["name"])
def test_every_variable_is_a_setting_and_comes_from_one_place(service: dict[str, Any]) -> None:
    known = {name for prefix, model in SETTINGS.items() for name in variables(model, prefix)} | {
        "PORT"
    }
    names = [one["key"] for one in service["envVars"]]
    assert set(names) <= known
    assert len(names) == len(set(names))
    for one in service["envVars"]:
        assert len(one.keys() - {"key"}) == 1, one
        assert one.get("value") is None or isinstance(one["value"], str), one
    if service["type"] == "web":
        assert {"key": "PORT", "value": PORTS[service["name"]]} in service["envVars"]


@pytest.mark.parametrize("service", RUNNING, ids=lambda one: one["name"])
def test_what_a_service_names_exists(service: dict[str, Any]) -> None:
    databases = {one["name"] for one in BLUEPRINT["databases"]}
    assert (ROOT / service["dockerfilePath"]).is_file()
    for one in service["envVars"]:
        if found := one.get("fromDatabase"):
            assert found["name"] in databases
        if found := one.get("fromService"):
            assert SERVICES[found["name"]]["type"] == found["type"]


def test_stores_are_closed_to_the_internet_and_queues_lose_nothing() -> None:
    stores = [one for one in BLUEPRINT["services"] if one["type"] == "keyvalue"]
    assert [one["ipAllowList"] for one in (*stores, *BLUEPRINT["databases"])] == [[]] * 6
    policies = {one["name"]: one["maxmemoryPolicy"] for one in stores}
    assert policies == {
        "neo-ai-redis": "volatile-lru",
        "neo-telegram-redis": "noeviction",
        "neo-mail-redis": "noeviction",
    }


def test_no_secret_is_written_down() -> None:
    for service in RUNNING:
        for one in service["envVars"]:
            secret = any(word in one["key"] for word in ("PASSWORD", "TOKEN", "API_KEY", "SECRET"))
            if secret and not one["key"].endswith("_FILE"):
                assert one.get("sync") is False, one
