"""What is installed comes by version and hash, images by digest, and both are looked up weekly."""

import base64
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from deploy.images import pins
from deploy.images.pins import Pin, image_pins, pins_in
from deploy.local import audit, installing
from deploy.local.errors import Stop
from deploy.local.extras import AUDIT_EXTRAS, TEST_EXTRAS
from deploy.local.lock import pinned
from deploy.local.locked_packages import (
    CONSTRAINTS,
    ROOT,
    UNLOCKED,
    locked,
    name_of,
    normalized,
    requirements,
)

WITHOUT_DIGEST = {"nginx:1.30.7-trixie"}
"""Too new for a digest that others published too; `./neo images --update` writes the registry's."""
DIGEST = f"sha256:{'1' * 64}"
REGISTRY = """\
#!/bin/sh
echo "$*" >>"$0.calls"
[ "$1 $2 $3 $5" = "buildx imagetools inspect --format" ] || exit 64
case $4 in gone:*) echo "not found" >&2; exit 1;; esac
echo 'sha256:1111111111111111111111111111111111111111111111111111111111111111'
"""


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    program = tmp_path / "docker"
    program.write_text(REGISTRY)
    program.chmod(0o755)
    return program


def test_every_locked_package_has_a_hash_but_torch() -> None:
    text = CONSTRAINTS.read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    assert len(names) > 150
    without = {name for name in names if "--hash=sha256:" not in locked([name])}
    assert without == UNLOCKED


def test_everything_that_is_asked_for_is_locked() -> None:
    names = {name_of(each) for each in requirements((*TEST_EXTRAS, *AUDIT_EXTRAS))}
    locked_names = {
        normalized(name)
        for name in re.findall(r"^([\w.-]+)==", CONSTRAINTS.read_text(), re.MULTILINE)
    }
    assert "fastapi" in names
    assert names <= locked_names
    assert "torch" not in names


def test_an_unknown_extra_or_package_is_an_error() -> None:
    with pytest.raises(KeyError):
        requirements(["no-such-extra"])
    with pytest.raises(KeyError):
        locked(["no-such-package"])


def make_wheel(folder: Path) -> str:
    """Write tiny-1.0; return its SHA-256."""
    wheel = folder / "tiny-1.0-py3-none-any.whl"
    files = {
        "tiny.py": b"",
        "tiny-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
        for name, body in files.items()
    }
    record = "".join(f"{name},sha256={digests[name]},{len(body)}\n" for name, body in files.items())
    files["tiny-1.0.dist-info/RECORD"] = f"{record}tiny-1.0.dist-info/RECORD,,\n".encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.parametrize("tampered", [True, False])
@pytest.mark.slow
def test_a_package_with_another_hash_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tampered: bool
) -> None:
    digest = make_wheel(tmp_path)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64 if tampered else digest}\n")
    monkeypatch.setattr(installing, "CONSTRAINTS", constraints)
    monkeypatch.setattr(installing, "requirements", lambda _extras: ["tiny>=1"])
    monkeypatch.setattr(installing, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(installing, "VENV", tmp_path)
    monkeypatch.setattr(installing, "locked", lambda _names: constraints.read_text())
    monkeypatch.setattr(installing, "LOG", tmp_path / "install.log")
    commands: list[list[str]] = []
    pip = installing.pip

    def dry(words: Sequence[str], on: installing.Tell) -> tuple[int, str]:
        commands.append([*words])
        return pip(["--dry-run", "--no-index", "--find-links", str(tmp_path), *words], on)

    monkeypatch.setattr(installing, "pip", dry)
    if tampered:
        with pytest.raises(Stop, match=r"is not the one locked in .* \(what was printed: \S+\)$"):
            installing.install_locked(("x",), lambda _detail: None)
        assert "DO NOT MATCH THE HASHES" in (tmp_path / "install.log").read_text()
        return
    installing.install_locked(("x",), lambda _detail: None)
    assert "--no-deps" in commands[2]
    assert "--no-build-isolation" in commands[2]


def test_a_host_without_containers_installs_by_hash_too() -> None:
    """pip takes no folder, such as '.[ai]', where a constraints file has hashes."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    commands = re.findall(r"^/opt/neo/bin/pip install .*", page, re.MULTILINE)
    assert len(commands) == 3
    assert all("--require-hashes" in each or "--no-deps" in each for each in commands)
    assert not any("'.[" in each for each in commands)


def test_the_lock_leaves_out_this_project_and_local_versions() -> None:
    frozen = "code-du-travail-neo==0.1.0\ntorch==2.13.0+cpu\nsix==1.17.0\n"
    assert pinned(frozen) == ["torch==2.13.0", "six==1.17.0"]


def test_every_official_image_has_a_digest() -> None:
    found = image_pins(ROOT)
    assert {pin.name for pin in found} >= {
        "nginx",
        "redis",
        "postgres",
        "python",
        "grafana/grafana",
    }
    assert {pin.tagged for pin in found if not pin.digest} == WITHOUT_DIGEST
    assert len({pin.name for pin in found}) == len(found)  # one version of each, everywhere


def test_the_digests_are_compared_and_renewed(
    docker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compose = tmp_path / "docker-compose.x.yml"
    compose.write_text(
        f"a: ${{A_IMAGE:-one:1.0}}\nb: ${{B_IMAGE:-own/two:2-x@{DIGEST}}}\n"
        f"c: ${{C_IMAGE:-three:3@sha256:{'2' * 64}}}\nd: ${{D_IMAGE:-one:1.0}}\n"
        "e: ${E_IMAGE:-neo-ours:latest}\n"
    )
    monkeypatch.setattr(pins, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["images", "--docker", str(docker)])
    assert pins.main() == 1
    told = capsys.readouterr().out
    assert re.findall(r"^(\S+) +(\w.*)$", told, re.MULTILINE) == [
        ("one:1.0", "no digest"), ("own/two:2-x", "ok"), ("three:3", "newer build"),
    ]  # fmt: skip

    monkeypatch.setattr(sys, "argv", ["images", "--update", "--docker", str(docker)])
    assert pins.main() == 0
    assert set(pins_in(compose.read_text())) == {
        Pin("one", "1.0", DIGEST), Pin("own/two", "2-x", DIGEST), Pin("three", "3", DIGEST),
    }  # fmt: skip
    assert "neo-ours:latest}" in compose.read_text()
    assert pins.main() == 0
    assert compose.read_text().count(DIGEST) == 4


@pytest.mark.parametrize("command", ["/no/such/docker", "gone"])
def test_a_registry_that_does_not_answer_is_no_agreement(
    command: str,
    docker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "docker-compose.x.yml").write_text("a: ${A_IMAGE:-gone:1.0}\n")
    monkeypatch.setattr(pins, "ROOT", tmp_path)
    asked = command if command.startswith("/") else str(docker)
    monkeypatch.setattr(sys, "argv", ["images", "--docker", asked])
    assert pins.main() == 2
    assert "gone:1.0" in capsys.readouterr().err


def test_the_audit_looks_at_every_package_and_fails_on_what_it_cannot_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = audit.package_command()
    assert str(CONSTRAINTS) in command
    assert "--strict" in command

    monkeypatch.setattr(sys, "argv", ["audit"])
    monkeypatch.setattr(audit, "package_command", lambda: [sys.executable, "-c", "exit(1)"])
    assert audit.main() == 1


def test_the_audit_of_images_fails_when_one_of_them_has_a_finding(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.write_text('#!/bin/sh\necho "$*" >>"$0.calls"\ncase "$*" in *postgres*) exit 1;; esac\n')
    monkeypatch.setattr(sys, "argv", ["audit", "--images", "--docker", str(docker)])
    assert audit.main() == 1
    scanned = [line.split()[-1] for line in Path(f"{docker}.calls").read_text().splitlines()]
    assert set(scanned) == {pin.reference for pin in image_pins(ROOT)} | set(audit.BUILT)

    monkeypatch.setattr(sys, "argv", ["audit", "--images", "--docker", "/no/such/docker"])
    assert audit.main() == 2


def test_the_weekly_workflow_runs_the_documented_commands() -> None:
    workflow = ROOT / ".github" / "workflows" / "security.yml"
    text = json.dumps(yaml.safe_load(workflow.read_text()))
    page = (ROOT / "docs" / "operating.md").read_text()
    for command in ("./neo audit", "./neo audit --images", "./neo images"):
        assert command in text
        assert command in page
