"""What the container stage types and how `docker compose` is said to podman-compose; the containers
themselves are `./neo test --containers`."""

import json
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.stage import bare_debian, monitoring
from tests.stage.container_engine import Engine, StageFailed
from tests.stage.docker_command import lines, read_project, surplus, wanted
from tests.stage.documented_commands import blocks, says

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text(
        "# Page\n## One\nSay `up -d`.\n```sh\n# not a heading\nfirst\n```\n```\nnot typed\n```\n"
        "### Part\n```sh\nsecond \\\n    goes on\n```\n## Two\n```sh\nthird\n```\n"
    )
    return file


def test_the_commands_under_a_heading_are_those_of_its_parts_too(page: Path) -> None:
    assert blocks("## One", page) == ["# not a heading\nfirst\n", "second \\\n    goes on\n"]
    assert blocks("### Part", page) == ["second \\\n    goes on\n"]
    assert blocks("## Two", page) == ["third\n"]


def test_what_the_page_does_not_say_is_not_typed(page: Path) -> None:
    assert says("up -d", page) == "up -d"
    with pytest.raises(LookupError, match=r"does not say down"):
        says("down", page)
    with pytest.raises(LookupError, match="no commands under ## Three"):
        blocks("## Three", page)


def said(words: str, *, terminal: bool = False, tmp: Path) -> list[list[str]]:
    (tmp / ".env").write_text("COMPOSE_FILE=docker-compose.ai.yml:docker-compose.watch.yml\n")
    for name in ("docker-compose.ai.yml", "docker-compose.watch.yml"):
        (tmp / name).write_text((ROOT / name).read_text())
    command, *rest = words.split()
    told = lines(command, rest, read_project(tmp), terminal=terminal)
    return [[word for word in line if not word.startswith("--podman-build")] for line in told]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ps", ["ps"]),
        ("exec ai-api true", ["exec -T ai-api true"]),
        ("exec -T ai-api true", ["exec -T ai-api true"]),
        ("run --rm restore", ["--profile restore run -T --rm restore"]),
        ("exec backup true", ["--profile backup exec -T backup true"]),
        ("up -d --build", ["build", "up -d"]),
    ],
)
def test_compose_commands_are_translated_for_podman_compose(
    typed: str, told: list[str], tmp_path: Path
) -> None:
    assert [" ".join(line) for line in said(typed, tmp=tmp_path)] == told


def test_a_process_at_a_terminal_keeps_it(tmp_path: Path) -> None:
    assert said("exec ai-api sh", terminal=True, tmp=tmp_path) == [["exec", "ai-api", "sh"]]


def test_instances_over_what_is_asked_for_are_taken_away() -> None:
    names = [f"neo-ai_ai-api_{number}" for number in (1, 2, 3)] + ["neo-ai_redis_1"]

    assert surplus(names, wanted("up", ["-d", "--scale", "ai-api=2"])) == ["neo-ai_ai-api_3"]
    assert surplus(names, wanted("up", ["-d"])) == ["neo-ai_ai-api_2", "neo-ai_ai-api_3"]


def test_two_runs_of_the_stage_do_not_share_a_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "clear", lambda _self: None)  # podman is not on every machine

    with (
        Engine(tmp_path).alone(),
        pytest.raises(StageFailed, match="another run"),
        Engine(tmp_path).alone(),
    ):
        pass
    with Engine(tmp_path).alone():
        pass


@pytest.fixture
def relay() -> Iterator[tuple[smtplib.SMTP, subprocess.Popen[str]]]:
    port = free_port()
    command = [sys.executable, "-c", monitoring.TAKE, str(port), "user", "the password"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            with connected(port) as line:
                yield line, program
        finally:
            program.kill()  # or `with` waits for its end


def connected(port: int) -> smtplib.SMTP:
    for _ in range(600):  # half a minute
        try:
            return smtplib.SMTP("127.0.0.1", port, "tests", timeout=5)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nothing listens")


def test_the_operators_relay_accepts_mail_with_its_password(
    relay: tuple[smtplib.SMTP, subprocess.Popen[str]],
) -> None:
    line, program = relay
    letter = "Subject: [FIRING] ServiceDown ai_core\r\n\r\nIt is gone."

    with pytest.raises(smtplib.SMTPResponseException, match="530"):
        line.sendmail("alerts@example.org", [monitoring.OPERATOR], letter)
    with pytest.raises(smtplib.SMTPAuthenticationError):
        line.login("user", "another one")
    line.login("user", "the password")
    line.sendmail("alerts@example.org", [monitoring.OPERATOR], letter)

    assert program.stdout is not None
    kept = json.loads(program.stdout.readline())
    assert kept["to"] == [f"<{monitoring.OPERATOR}>"]
    assert "Subject: [FIRING] ServiceDown ai_core" in kept["letter"]


def test_the_stage_types_the_alertmanager_step_of_init() -> None:
    told = "then (docs/operating.md has every step):\n  docker run --rm x | install y\n"

    assert monitoring.by_image(told) == "docker run --rm x | install y"
    with pytest.raises(StageFailed, match="does not say how"):
        monitoring.by_image("then:\n  docker compose up -d --build\n")


def test_a_port_is_in_use_when_something_listens() -> None:
    spoken, silent = free_port(), free_port()
    with subprocess.Popen(
        [sys.executable, "-c", bare_debian.LISTEN, json.dumps([spoken])]
    ) as program:
        asked = json.dumps([["127.0.0.1"], [spoken, silent], 2.0])
        connect = [sys.executable, "-c", bare_debian.CONNECT, asked]
        heard: list[object] = []
        try:
            for _ in range(50):
                told = subprocess.run(connect, capture_output=True, timeout=30, check=True)
                if heard := json.loads(told.stdout):
                    break
        finally:
            program.kill()  # or `with` waits for its end

    assert heard == [["127.0.0.1", spoken, "here"]]
