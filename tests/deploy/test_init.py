"""`./neo init`: what it writes is what the services read, and it spoils nothing."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.host.init import plan, writing
from deploy.host.init.__main__ import main
from shared import settings
from shared.privacy.encryption import Encryption

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"ai_core": "ai_core", "telegram": "telegram_service", "mail": "mail_service"}
FILLED = {
    "telegram": ["TELEGRAM_BOT__TOKEN=1:a", "TELEGRAM_AI__API_KEY=key"],
    "mail": [
        "MAIL_ADDRESS=questions@example.org",
        "MAIL_IMAP__HOST=imap.example.org",
        "MAIL_IMAP__USER=questions",
        "MAIL_IMAP__PASSWORD=p",
        "MAIL_SMTP__HOST=smtp.example.org",
        "MAIL_SMTP__USER=questions",
        "MAIL_SMTP__PASSWORD=p",
        "MAIL_AI__API_KEY=key",
    ],
    "ai": [],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("env", "host/systemd"):
        shutil.copytree(ROOT / "deploy" / name, tmp_path / "deploy" / name)
    return tmp_path


def init(root: Path, service: str, *options: str) -> int:
    return main(["--service", service, "--domain", "example.org", *options], root)


def filled(service: str) -> list[str]:
    return [word for setting in FILLED[service] for word in ("--set", setting)]


def start(root: Path, env: str) -> subprocess.CompletedProcess[str]:
    """Read the settings of a service as its process does: the env file and the secret files."""
    lines = (root / "deploy" / "env" / f"{env}.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    package = PROGRAMS[env]
    program = (
        f"from {package}.settings import Settings; from shared.settings import read_settings; "
        "import sys\n"
        "try: print(read_settings(Settings).model_dump_json())\n"
        "except Exception as error: sys.exit(str(error))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**given, "CREDENTIALS_DIRECTORY": str(root / "deploy" / "secrets" / env)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("service", ["ai", "telegram", "mail"])
def test_a_service_starts_with_what_was_written_once_it_is_filled_in(
    root: Path, service: str
) -> None:
    assert init(root, service, *filled(service)) == 0
    told = start(root, plan.SERVICES[service].env)
    assert told.returncode == 0, told.stderr
    assert f"{service}-redis:6379" in told.stdout


@pytest.mark.parametrize(
    ("service", "missing"),
    [
        ("telegram", "TELEGRAM_BOT__TOKEN"),
        ("mail", "MAIL_IMAP__HOST"),
        ("mail", "MAIL_AI__API_KEY"),
    ],
)
def test_a_service_refuses_a_placeholder_with_one_sentence(
    root: Path, service: str, missing: str
) -> None:
    init(root, service)
    told = start(root, plan.SERVICES[service].env)
    assert told.returncode == 1
    assert missing in told.stderr
    assert told.stderr.strip().endswith("still to be filled in")
    assert len(told.stderr.strip().splitlines()) == 1


def test_what_is_left_to_fill_in_is_listed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(root, "all")
    told = capsys.readouterr().out
    assert "deploy/secrets/telegram/TELEGRAM_BOT__TOKEN" in told
    assert "MAIL_IMAP__HOST" in told
    init(root, "telegram", *filled("telegram"))
    assert "fill in" not in capsys.readouterr().out


def test_settings_are_for_their_owner_and_secrets_for_the_services_alone(root: Path) -> None:
    init(root, "all")
    assert stat.S_IMODE((root / "deploy" / "secrets").stat().st_mode) == 0o700
    settings_files = [root / ".env", *(root / "deploy" / "env").glob("*.env")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in settings_files} == {0o600}
    secrets = [path for path in (root / "deploy" / "secrets").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o440}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to a group it is not in")
def test_secrets_belong_to_the_group_of_the_images(root: Path) -> None:
    init(root, "mail")
    secrets = (root / "deploy" / "secrets" / "mail").iterdir()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in secrets} == {(0, 10001)}


def test_a_second_run_changes_nothing_and_makes_what_is_missing(root: Path) -> None:
    init(root, "all")
    written = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    (root / "deploy" / "env" / "telegram.env").write_text("TELEGRAM_LOG_LEVEL=debug\n")
    lost = root / "deploy" / "secrets" / "mail" / "MAIL_SERVER__API_KEY"
    lost.unlink()
    init(root, "all")
    assert (root / "deploy/env/telegram.env").read_text() == "TELEGRAM_LOG_LEVEL=debug\n"
    assert lost.read_text() != written[lost].decode()
    for path in set(written) - {lost, root / "deploy/env/telegram.env"}:
        assert path.read_bytes() == written[path]


def test_force_writes_settings_over_and_never_a_secret(root: Path) -> None:
    init(root, "telegram")
    before = (root / "deploy/secrets/telegram/telegram_vault").read_text()
    init(root, "telegram", "--force", "--set", "TELEGRAM_LOG_LEVEL=debug")
    assert "TELEGRAM_LOG_LEVEL=debug" in (root / "deploy/env/telegram.env").read_text()
    assert (root / "deploy/secrets/telegram/telegram_vault").read_text() == before


def test_a_setting_of_no_service_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(root, "ai", "--set", "MAIL_ADDRESS=a@example.org") == 1
    assert "a setting begins with AI_CORE_" in capsys.readouterr().err


def test_the_host_names_are_those_of_the_domain(root: Path) -> None:
    init(root, "all")
    nginx = (root / "deploy/env/nginx.env").read_text()
    assert "NGINX_AI_HOST=ai-api.example.org\n" in nginx
    telegram = (root / "deploy/env/telegram.env").read_text()
    assert "TELEGRAM_WEBHOOK__URL=https://telegram.example.org/telegram/webhook\n" in telegram
    assert "COMPOSE_FILE=docker-compose.all.yml:" in (root / ".env").read_text()


def test_no_secret_is_in_a_settings_file(root: Path) -> None:
    init(root, "all")
    settings_text = "".join(path.read_text() for path in (root / "deploy/env").glob("*.env"))
    for path in (root / "deploy" / "secrets").rglob("*_password"):
        assert path.read_text().strip() not in settings_text


def test_the_vault_it_makes_opens(root: Path) -> None:
    init(root, "telegram")
    vault = Encryption.read(root / "deploy/secrets/telegram/telegram_vault")
    assert vault.open_text(vault.seal_text("bonjour", "test"), "test") == "bonjour"


def test_it_needs_nothing_but_python(root: Path) -> None:
    program = "import sys, deploy.host.init.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"pydantic", "cryptography", "shared"} & set(loaded)


def test_alertmanager_is_configured_from_alerts_env(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = root / "deploy/env/alerts.env"
    written = root / "deploy/secrets/alertmanager/alertmanager.yml"
    init(root, "ai")
    assert not written.exists()
    settings.write_text("ALERTS_TELEGRAM__CHAT=5\n")
    assert init(root, "ai") == 1
    assert "ALERTS_TELEGRAM__TOKEN_FILE is needed" in capsys.readouterr().err
    (root / "token").write_text("1:token-of-alerts")
    settings.write_text(f"ALERTS_TELEGRAM__CHAT=5\nALERTS_TELEGRAM__TOKEN_FILE={root}/token\n")
    assert init(root, "ai") == 0
    assert "1:token-of-alerts" in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o440


@pytest.mark.parametrize("variant", ["light", "full"])
def test_a_host_that_cannot_render_it_gets_the_command_of_its_image(
    root: Path,
    variant: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    init(root, "ai")
    variables = (root / ".env").read_text().replace("AI_VARIANT=light", f"AI_VARIANT={variant}")
    (root / ".env").write_text(variables)
    (root / "deploy/env/alerts.env").write_text("ALERTS_WEBHOOK=http://127.0.0.1:9/\n")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert init(root, "ai") == 0
    told = capsys.readouterr().out
    assert (
        f"--entrypoint python neo-ai_core:{variant} -m deploy.monitoring.alertmanager /dev/stdout"
        in told
    )


def test_the_folders_that_containers_write_are_theirs(root: Path) -> None:
    init(root, "mail")
    for name, user in writing.FOLDERS.items():
        folder = root / "deploy" / name
        assert folder.stat().st_uid == (user if os.geteuid() == 0 else os.geteuid())


def test_the_image_of_a_service_is_the_one_that_compose_runs() -> None:
    for name, service in plan.SERVICES.items():
        text = (ROOT / f"docker-compose.{name}.yml").read_text()
        plain = text.replace("${AI_VARIANT:-light}", "light")
        assert f"-{service.image}}}" in plain


def test_what_is_to_be_filled_in_is_one_word_everywhere() -> None:
    assert plan.UNFILLED == settings.UNFILLED
