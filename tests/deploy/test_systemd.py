"""The units of a host without Docker, judged by systemd itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.host.edge.rendering import read_variables
from deploy.host.init.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
UNITS = ["ai-serve", "telegram-serve", "telegram-worker", "mail-serve", "mail-worker"]
EXPOSURE = 1.5
"""systemd-analyze calls 0 to 2 "OK" and its own default for a service 9.6 "UNSAFE"."""

pytestmark = pytest.mark.needs("systemd-analyze")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("host")
    for name in ("env", "host/systemd"):
        shutil.copytree(ROOT / "deploy" / name, root / "deploy" / name)
    assert main(["--systemd", "--python", sys.executable], root) == 0
    return root / "deploy" / "host" / "systemd" / "units"


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def test_there_is_one_unit_for_each_program(units: Path) -> None:
    assert sorted(path.stem for path in units.iterdir()) == sorted(f"neo-{name}" for name in UNITS)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(units: Path, name: str) -> None:
    told = analyze("verify", "--man=no", units / f"neo-{name}.service")
    assert told.returncode == 0, told.stderr
    assert f"neo-{name}" not in told.stderr


@pytest.mark.needs("nginx")
@pytest.mark.parametrize(
    "unit",
    ["host/systemd/neo-nginx.service", "backup/neo-backup.service", "backup/neo-backup.timer"],
)
def test_systemd_finds_nothing_wrong_with_what_stands_beside_the_services(
    unit: str, tmp_path: Path
) -> None:
    for beside in (ROOT / "deploy" / unit).parent.glob("neo-*"):  # a timer is read with its service
        (tmp_path / beside.name).write_text(beside.read_text().replace("/srv/neo", str(ROOT)))
    told = analyze("verify", "--man=no", tmp_path / Path(unit).name)
    assert told.returncode == 0, told.stderr
    assert "neo-" not in told.stderr


def test_the_backup_runs_where_the_code_is_put() -> None:
    unit = (ROOT / "deploy" / "backup" / "neo-backup.service").read_text()
    operating = (ROOT / "docs" / "operating.md").read_text()
    folder = re.search(r"^WorkingDirectory=(\S+)$", unit, flags=re.MULTILINE)
    assert folder
    assert f"git clone <this repository> {folder[1]} " in operating


def test_systemd_would_find_a_wrong_line(units: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.service"
    good = (units / "neo-ai-serve.service").read_text()
    broken.write_text(good.replace("ProtectSystem=strict", "ProtectSystem=sometimes"))
    assert "broken.service:" in analyze("verify", "--man=no", broken).stderr


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_as_closed_as_systemd_asks(units: Path, name: str) -> None:
    told = analyze("security", "--offline=true", units / f"neo-{name}.service").stdout
    score = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert score
    assert float(score[1]) <= EXPOSURE


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_hands_over_secrets_as_credentials_that_exist(units: Path, name: str) -> None:
    text = (units / f"neo-{name}.service").read_text()
    files = re.findall(r"^LoadCredential=\S+?:(\S+)$", text, flags=re.MULTILINE)
    assert files
    assert all(Path(file).is_file() for file in files)


@pytest.mark.parametrize("service", ["ai_core", "telegram", "mail"])
def test_the_stores_are_looked_for_on_this_machine(units: Path, service: str) -> None:
    folder = units.parents[2] / "secrets" / service
    urls = [path.read_text() for path in folder.glob("*__URL")]
    assert urls
    assert all("@127.0.0.1:" in url for url in urls)


def test_the_client_address_is_the_one_nginx_of_this_machine_tells(units: Path) -> None:
    settings = (units.parents[2] / "env" / "ai_core.env").read_text()
    assert '\nAI_CORE_SERVER__TRUSTED_PROXIES=["127.0.0.1"]\n' in settings


def test_nginx_of_this_machine_finds_the_service_here(units: Path) -> None:
    variables = read_variables(units.parents[2] / "env" / "nginx.env")
    assert variables["NGINX_AI_SERVERS"] == "server 127.0.0.1:8000;"
    assert variables["NGINX_MAIL_SERVERS"] == "server 127.0.0.1:8002;"
