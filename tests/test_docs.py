"""What is promised on paper exists, and the other way round."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from ai_core.api.routes import create_api
from ai_core.app import open_state
from ai_core.settings import Settings as AiCoreSettings
from mail_service.settings import Settings as MailSettings
from shared.settings import StrictSettings
from telegram_service.settings import Settings as TelegramSettings
from tests import api_reference

ROOT = Path(__file__).resolve().parents[1]
API_REPLIES = {"reply POST /api/v1/models/load"}
"""What docs/api.md says in words: the reply is an entry of a list it has a table of."""
SERVICES = [AiCoreSettings, TelegramSettings, MailSettings]


def variables(model: type[BaseModel], prefix: str) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names |= variables(kind, f"{prefix}{name}__".upper())
        else:
            names.add(f"{prefix}{name}".upper())
    return names


@pytest.mark.parametrize("settings", SERVICES)
def test_the_example_environment_has_every_setting_and_no_other(
    settings: type[StrictSettings],
) -> None:
    prefix = str(settings.model_config["env_prefix"])
    example = ROOT / "deploy" / "env" / f"{prefix.lower().rstrip('_')}.env.example"
    lines = [line.lstrip("# ") for line in example.read_text().splitlines()]
    written = {line.partition("=")[0] for line in lines if line.startswith(prefix)}
    assert written == variables(settings, prefix)


@pytest.mark.parametrize("settings", SERVICES)
def test_every_setting_has_a_reader(settings: type[StrictSettings]) -> None:
    package = str(settings.__module__).partition(".")[0]
    readers = [ROOT / package, ROOT / "shared"]
    code = "\n".join(path.read_text() for folder in readers for path in folder.rglob("*.py"))

    def unread(model: type[BaseModel]) -> set[str]:
        names = {name for name in model.model_fields if not re.search(rf"\.{name}\b", code)}
        for field in model.model_fields.values():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                names |= unread(field.annotation)
        return names

    assert not unread(settings)


def test_every_endpoint_is_in_the_api_documentation() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    documented = create_api(AiCoreSettings(), open_state, CollectorRegistry()).openapi()["paths"]
    spelled = {path: re.sub(r"\\{\w+\\}", r"[^/\\s]+", re.escape(path)) for path in documented}
    assert not [path for path, pattern in spelled.items() if not re.search(pattern, text)]


def test_the_api_documentation_says_what_the_openapi_document_says() -> None:
    for page, document in api_reference.read_documents().items():
        text = page.read_text()
        assert api_reference.render(text, document) == text, "run python -m tests.api_reference"
        if page.name == "api.md":
            wanted = api_reference.required_blocks(document) - API_REPLIES
            assert wanted <= api_reference.present_blocks(text)


def test_the_tree_in_the_readme_is_the_tree_on_disk() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = re.search(r"```tree\n(.*?)```", readme, re.DOTALL)
    assert tree
    promised = {line.split()[0].rstrip("/") for line in tree[1].splitlines() if line.strip()}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
    on_disk = {name.partition("/")[0] for name in tracked.stdout.decode().splitlines()}
    hidden = {name for name in on_disk if name.startswith(".")}
    assert promised == on_disk - hidden


def test_the_help_names_every_command_and_measurement() -> None:
    told = subprocess.run(
        [sys.executable, "neo", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    benches = {path.stem for path in (ROOT / "tests" / "bench").glob("[!_]*.py")}
    commands = "run test check bench demo keys corpus model mail backup restore dns init help"
    for word in {*commands.split()} | benches:
        assert word in told
