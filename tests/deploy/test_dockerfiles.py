"""The Dockerfiles: what the linter knows, and what only this project knows."""

import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ai_core.knowledge.entry_folders import FOLDER
from ai_core.law.ingest.sources import RELEASES
from tests.stage.images import BACKUP, OURS, STANDINS, official_names
from tests.stage.monitoring import UNPACKAGED

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((ROOT / "deploy" / "images").glob("*.Dockerfile"))
PORTS = {"ai_core": "8000", "telegram": "8001", "mail": "8002"}

each = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.stem)
each_service = pytest.mark.parametrize(
    "dockerfile",
    [path for path in DOCKERFILES if path.stem in PORTS],
    ids=lambda path: path.stem,
)


def last_stage(dockerfile: Path) -> str:
    return re.split(r"^FROM ", dockerfile.read_text(), flags=re.MULTILINE)[-1]


@each
def test_the_linter_finds_nothing(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_there_is_one_for_each_service_and_one_for_the_backup() -> None:
    services = {each for each, _ in OURS.values()}
    assert set(PORTS) == services
    assert {path.stem for path in DOCKERFILES} == services | {BACKUP[0]}


@each
def test_every_base_image_is_pinned_by_tag_and_digest(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    stages = set(re.findall(r" AS (\w+)", text))
    for image in re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE):
        variable = re.fullmatch(r"\$\{(\w+)\}", image)
        if variable:
            default = re.search(rf"^ARG {variable[1]}=(\S+)$", text, flags=re.MULTILINE)
            assert default
            assert re.fullmatch(r"[a-z]+:\d+(\.\d+){1,2}-[\w-]+@sha256:[0-9a-f]{64}", default[1])
        else:
            assert image in stages


@each_service
def test_every_package_of_the_image_comes_by_hash(dockerfile: Path) -> None:
    commands = re.split(r"&&|;|\n", dockerfile.read_text().replace("\\\n", " "))
    installing = [command for command in commands if re.search(r"pip\"? install ", command)]
    assert len(installing) >= 4
    for command in installing:
        assert "--require-hashes" in command or "--no-deps" in command, command


@each_service
def test_the_image_runs_as_an_unprivileged_user_with_a_health_check(dockerfile: Path) -> None:
    stage = last_stage(dockerfile)
    assert "\nUSER 10001:10001\n" in stage
    assert "HEALTHCHECK" in stage
    assert f"127.0.0.1:{PORTS[dockerfile.stem]}/ready" in stage
    assert f"\nEXPOSE {PORTS[dockerfile.stem]}\n" in stage


@each_service
def test_the_image_carries_labels_and_the_list_of_what_is_in_it(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    for label in ("title", "description", "licenses", "version"):
        assert f"org.opencontainers.image.{label}=" in text
    assert "/opt/neo/sbom.cdx.json" in text


def test_the_law_in_the_image_is_the_law_that_is_pinned() -> None:
    text = (ROOT / "deploy" / "images" / "ai_core.Dockerfile").read_text()
    packed = set(re.findall(r"(@socialgouv/[\w-]+@[\d.]+)", text))
    assert packed == {f"{release.package}@{release.version}" for release in RELEASES}


def test_torch_can_only_come_without_cuda() -> None:
    text = (ROOT / "deploy" / "images" / "ai_core.Dockerfile").read_text()
    steps = re.findall(r"pip install ([^\n]*torch==[^\n\\;]*)", text)
    assert steps
    assert all("--no-index" in step or "--index-url" in step for step in steps)


@pytest.mark.parametrize(
    "kept_out", [".env", ".neo/keys/admin", "deploy/secrets/mail/mail_vault", ".git/config"]
)
def test_nothing_private_is_sent_to_a_build(kept_out: str) -> None:
    taken = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if (
            line
            and not line.startswith("#")
            and any(fnmatch.fnmatch(kept_out, each) for each in (pattern, f"{pattern}/*"))
        ):
            taken = line.startswith("!")
    assert not taken


def test_everything_a_build_copies_is_sent_to_it() -> None:
    sent = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE))
    for dockerfile in DOCKERFILES:
        for line in re.findall(r"^COPY (?!--)(.+)$", dockerfile.read_text(), flags=re.MULTILINE):
            assert set(line.split()[:-1]) <= sent


def test_each_official_image_has_a_stand_in_for_the_container_stage() -> None:
    named = official_names(ROOT).keys() - UNPACKAGED
    assert named == {path.stem for path in STANDINS.glob("*.Dockerfile")}


@each
def test_every_extra_that_an_image_installs_is_one_of_ours(dockerfile: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r'"\.\[([\w,]+)\]"', dockerfile.read_text()):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_the_image_of_ai_core_holds_all_that_the_import_writes() -> None:
    """Without the index of the entries no question is matched with one, in silence."""
    text = (ROOT / "deploy" / "images" / "ai_core.Dockerfile").read_text()
    copied = re.findall(r"^COPY --from=index (\S+) (\S+)$", text, re.MULTILINE)
    folders = [f"/var/lib/ai_core/{name}" for name in ("corpus", FOLDER)]
    assert copied == [(folder, folder) for folder in folders]
