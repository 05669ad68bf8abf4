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
from deploy.local.command_line import records
from deploy.local.programs import bench_names
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
    files = (ROOT / "tests" / "bench").glob("[!_]*.py")
    benches = {path.stem for path in files if "__main__" in path.read_text()}
    commands = "run test check bench demo keys corpus model mail backup restore dns init help"
    for word in {*commands.split()} | benches:
        assert word in told


def test_every_measurement_can_be_typed() -> None:
    recorded = records()["bench"]["subcommands"]["parsers"]
    assert set(recorded) == set(bench_names()), "run python -m tests.command_line"


HISTORY = {"docs/log.md"}
"""It names files as they were at the time."""
SUPERSEDED = re.compile(r"^Status: superseded", re.MULTILINE)
FILE_NAME = re.compile(
    r"`((?:[\w.-]+/)*[\w-]+(?:\.[\w-]+)*"
    r"\.(?:py|lua|sql|md|toml|tsv|js|html|css|sh|yml|service|timer|Dockerfile))(?::\w+)?`"
)
MODULE_NAME = re.compile(
    r"`(?:python -m )?((?:ai_core|telegram_service|mail_service|shared|deploy|tests)(?:\.\w+)+)"
)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
OPERATORS_FILES = {"flags.toml", "inventory.yml", "models.toml", "alerts.env"}
"""Files that an operator or a command makes."""


def tracked_files(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, check=True
    )
    return listed.stdout.decode().splitlines()


def pages() -> dict[str, str]:
    """Return the text of each page that describes the present, by its path."""
    texts = {
        name: (ROOT / name).read_text()
        for name in tracked_files("README.md", "docs/*.md")
        if name not in HISTORY
    }
    return {name: text for name, text in texts.items() if not SUPERSEDED.search(text)}


def has_name(dotted: str) -> bool:
    """Whether a dotted name is a module, a package, or defined in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:count])
        if path.is_dir():
            return count == len(parts)
        if (module := path.with_suffix(".py")).exists():
            code = module.read_text()
            definition = r"^\s*(?:async def |def |class |){}\b"
            return all(
                re.search(definition.format(part), code, re.MULTILINE) for part in parts[count:]
            )
    return False


def test_every_file_that_the_documentation_names_exists() -> None:
    files = [f"/{name}" for name in tracked_files()]
    missing = {
        f"{page}: {name}"
        for page, text in pages().items()
        for name in FILE_NAME.findall(text)
        if name not in OPERATORS_FILES and not any(file.endswith(f"/{name}") for file in files)
    }
    assert not missing


def test_every_module_that_the_documentation_names_exists() -> None:
    missing = {
        f"{page}: {name}"
        for page, text in pages().items()
        for name in MODULE_NAME.findall(text)
        if not has_name(name)
    }
    assert not missing


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    broken = {
        f"{page}: {target}"
        for page, text in pages().items()
        for target in LINK.findall(text)
        if not (ROOT / page).parent.joinpath(target).exists()
    }
    assert not broken


def test_the_index_of_decisions_lists_each_of_them_once_with_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    listed = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) (.+?) \| .+ \| .+ \|$", index, re.MULTILINE)
    titles: dict[str, tuple[str, str]] = {}
    for path in folder.glob("[0-9]*.md"):
        heading = re.match(r"# (\d{4})\. (.+)\n", path.read_text())
        assert heading, f"{path.name} has no heading `# NNNN. Title`"
        number, title = heading.groups()
        assert path.name.startswith(f"{number}-")
        titles[path.name] = (number, title)
    assert sorted(name for _, name, _ in listed) == sorted(titles)
    assert {name: (number, title) for number, name, title in listed} == titles
    assert len({number for number, _ in titles.values()}) == len(titles)
