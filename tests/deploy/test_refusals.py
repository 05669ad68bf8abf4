"""A host that is not set up right: each program says what is wrong in one sentence, and ends."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TOKEN = {"TELEGRAM_BOT__TOKEN": "1:a"}


def start(
    secrets: Path, package: str, program: str, given: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", package, program],
        env={"CREDENTIALS_DIRECTORY": str(secrets), **given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("package", "program", "given", "sentence"),
    [
        ("ai_core", "serve", {"AI_CORE_SERVER__PORT": "0"}, "AI_CORE_SERVER__PORT: Input should"),
        ("ai_core", "serve", {"AI_CORE_REDIS__URL": "here"}, "AI_CORE_REDIS__URL: Input should"),
        ("ai_core", "serve", {"AI_CORE_REDIS": "fill-me-in"}, "AI_CORE_REDIS: still to be filled"),
        ("ai_core", "serve", {"AI_CORE_MODEL": "x"}, "AI_CORE_MODEL is not a setting of this"),
        ("telegram_service", "serve", {"TELEGRAM_BOT__TOKEN": "fill-me-in"}, "TOKEN: still to be"),
        ("telegram_service", "serve", {"TELEGRAM_BOT__MODE": "carrier"}, "MODE: Input should be"),
        ("telegram_service", "worker", TOKEN, "telegram_vault is not a vault key file"),
        ("mail_service", "serve", {"MAIL_IMAP__HOST": "fill-me-in"}, "HOST: still to be filled in"),
        ("mail_service", "worker", {"MAIL_MODE": "manual"}, "MAIL_MODE: Input should be"),
        ("mail_service", "worker", {}, "mail_vault is not a vault key file"),
    ],
)
def test_an_error_is_reported_in_one_sentence(
    tmp_path: Path, package: str, program: str, given: dict[str, str], sentence: str
) -> None:
    told = start(tmp_path, package, program, given)
    assert told.returncode == 2
    said = told.stderr.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"{package}: ")
    assert sentence in said[0]


def test_a_secret_that_the_service_may_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "AI_CORE_REDIS__URL").mkdir()
    told = start(tmp_path, "ai_core", "serve", {})
    assert told.returncode == 2
    assert "AI_CORE_REDIS__URL" in told.stderr
    assert "cannot be read" in told.stderr
