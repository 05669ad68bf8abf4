"""docs/operating.md as a stranger types it, block after block, in a folder that stands for a host.

Programs that would change the machine (docker, systemctl, apt-get …) are replaced by one that
notes what it is told; `./neo init`, sed, install, tar and the shell are real. What compose is told
must be an option it has and a service of our files; what is run in a container, what our programs
take.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

import ai_core.__main__
import deploy.backup.__main__
import deploy.host.dns_records
import mail_service.__main__
import telegram_service.__main__
from tests.stage.documented_commands import blocks

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
INSTALL = "## Install on a fresh Debian 12 VPS, step by step"
WITHOUT_DOCKER = "## Without Docker"
REPOSITORY = "https://git.example.org/neo.git"
KEY = "cdt-made-in-a-test"
NOTED = (
    "apt-get", "certbot", "chown", "curl", "docker", "git", "journalctl", "nano", "runuser", "ssh",
    "su", "systemctl", "systemd-analyze", "useradd",
)  # fmt: skip
NOTE = f"""\
#!{sys.executable}
import json, os, sys, tarfile
name, told = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == "su":
    told.append(sys.stdin.read())
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps([name, *told]) + "\\n")
if "create" in told:
    print("id1  {KEY}")
if "tar" in told:
    tarfile.open(fileobj=sys.stdout.buffer, mode="w|").close()
if name == "neo" and told[0] == "init":
    sys.exit(os.spawnl(os.P_WAIT, sys.executable, "python", "neo", *told))
if name == "python3" and told[:2] != ["-m", "venv"]:
    sys.exit(os.spawnl(os.P_WAIT, sys.executable, "python", *told))
"""
INSTALL_FOR_NOBODY = """\
#!/bin/bash
# install without the users and groups of a host
given=()
while [ $# -gt 0 ]; do
    case $1 in -o | -g) shift 2 ;; *) given+=("$1"); shift ;; esac
done
exec /usr/bin/install "${given[@]}"
"""
PROGRAMS: dict[str, Callable[[list[str]], Any]] = {
    "ai_core": ai_core.__main__.main,
    "telegram_service": telegram_service.__main__.main,
    "mail_service": mail_service.__main__.main,
    "deploy.backup": deploy.backup.__main__.main,
}
COMPOSE = {  # command: its options, True for those that take a value
    "build": {},
    "down": {},
    "exec": {"-T": False, "-e": True},
    "kill": {"-s": True},
    "logs": {},
    "ps": {},
    "restart": {},
    "run": {"--rm": False, "-T": False, "--entrypoint": True},
    "stop": {"-t": True},
    "up": {"-d": False, "--build": False, "--force-recreate": False, "--scale": True},
    "version": {},
}
"""What we say to compose: https://docs.docker.com/reference/cli/docker/compose/"""


def compose_services() -> set[str]:
    files = ROOT.glob("docker-compose.*.yml")
    return {name for file in files for name in yaml.safe_load(file.read_text())["services"]}


class Host:
    """A folder with the repository where the page puts it, and programs that note."""

    def __init__(self, root: Path, repository: str) -> None:
        self.root = root
        self.tree = root / repository
        self._notes = root / "notes"
        self._notes.touch()
        for name in ("etc/redis", "etc/systemd/system", "var/lib", "var/www", "opt/neo/bin", "bin"):
            (root / name).mkdir(parents=True)
        for name in ("ai_core", "deploy", "nginx", "shared"):
            skipped = shutil.ignore_patterns("__pycache__", "*.env", "secrets", "units")
            shutil.copytree(ROOT / name, self.tree / name, ignore=skipped)
        locks = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
        for file in (ROOT / "neo", *locks, *ROOT.glob("docker-compose.*.yml")):
            shutil.copy(file, self.tree)
        ours = [root / "bin" / name for name in ("neo", "python3", *NOTED)]
        for program in (*ours, root / "opt/neo/bin/python", root / "opt/neo/bin/pip"):
            program.write_text(NOTE)
            program.chmod(0o755)
        (root / "bin" / "install").write_text(INSTALL_FOR_NOBODY)
        (root / "bin" / "install").chmod(0o755)

    def type_in(self, commands: Sequence[str]) -> list[list[str]]:
        """Run blocks in one shell that stops at the first failure; return what was noted."""
        text = "\nchmod -R u+w deploy/secrets 2>/dev/null || true\n".join(commands)
        text = text.replace("<this repository>", REPOSITORY).replace("./neo ", "neo ")
        text = text.replace("--service ai ", "--service all ")  # one folder for the three hosts
        for place in ("/etc/", "/opt/neo", "/srv/neo", "/var/"):
            text = re.sub(rf"(?<![\w.}}-]){place}", f"{self.root}{place}", text)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.tree,
            env={"PATH": f"{self.root}/bin:{os.environ['PATH']}", "NOTES": str(self._notes)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert "No such file" not in done.stderr
        return [json.loads(line) for line in self._notes.read_text().splitlines()]

    def read(self, name: str) -> str:
        return (self.root / name).read_text()


class Taken(Exception):
    """A program took its arguments."""


@contextmanager
def only_reading_arguments(patch: pytest.MonkeyPatch) -> Iterator[None]:
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *given: Any) -> NoReturn:
        parse(self, *given)
        raise Taken

    with patch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_args", stop)
        yield


def takes(
    main: Callable[[list[str]], Any], arguments: list[str], patch: pytest.MonkeyPatch
) -> bool:
    """Return whether a program takes these arguments; nothing else of it runs."""
    with only_reading_arguments(patch):
        try:
            main(arguments)
        except Taken:
            return True
        except SystemExit as end:
            return end.code == 0  # it was asked for help
    return False


def wrong_in(words: list[str], services: set[str]) -> str:
    """Return what compose would refuse of `docker compose WORDS`, if anything."""
    command, *rest = words
    if command not in COMPOSE:
        return command
    options = COMPOSE[command]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option not in options:
            return f"{command} {option}"
        if options[option]:
            value = rest.pop(0)
            if option == "--scale" and value.partition("=")[0] not in services:
                return value
    named = rest[:1] if command in {"exec", "run"} else rest
    return " ".join(each for each in named if each not in services and not each.startswith("-"))


def inside(words: list[str]) -> tuple[str, list[str]] | None:
    """Return the program of ours that is run by `… -m NAME …`, and its arguments."""
    for at, word in enumerate(words[:-1]):
        if word == "-m" and words[at + 1] in PROGRAMS:
            return words[at + 1], words[at + 2 :]
    return None


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Host, list[list[str]]]:
    host = Host(tmp_path_factory.mktemp("vps"), "opt/neo")
    return host, host.type_in(blocks(INSTALL))


@pytest.fixture(scope="module")
def without_docker(tmp_path_factory: pytest.TempPathFactory) -> tuple[Host, list[list[str]]]:
    host = Host(tmp_path_factory.mktemp("vps"), "srv/neo")
    return host, host.type_in(blocks(WITHOUT_DOCKER))


@pytest.mark.slow
def test_every_command_of_the_installation_runs_and_changes_what_it_says(
    installed: tuple[Host, list[list[str]]],
) -> None:
    host, noted = installed

    assert "tcp dport { 22, 80, 443 } accept" in host.read("etc/nftables.conf")
    assert ["git", "clone", REPOSITORY, f"{host.root}/opt/neo"] in noted
    secrets = "opt/neo/deploy/secrets"
    assert host.read(f"{secrets}/telegram/TELEGRAM_BOT__TOKEN") == "123456:token-from-BotFather"
    assert host.read(f"{secrets}/ai_core/page_key").strip() == KEY
    assert host.read(f"{secrets}/prometheus/ai_core_admin_key").strip() == KEY
    assert "\nAI_CORE_PAGE__KEY_FILE=/run/secrets/page_key\n" in host.read(
        "opt/neo/deploy/env/ai_core.env"
    )
    assert "\nCOMPOSE_PROFILES=acme,backup,watch\n" in host.read("opt/neo/.env")
    assert "the relay takes it" in host.read(f"{secrets}/alertmanager/alertmanager.yml")


@pytest.mark.slow
def test_every_command_without_docker_runs_and_changes_what_it_says(
    without_docker: tuple[Host, list[list[str]]],
) -> None:
    host, noted = without_docker

    redis = host.read("etc/redis/neo.conf")
    assert f"include {host.root}/etc/redis/password.conf" in redis
    assert "\nbind 127.0.0.1\n" in redis
    assert host.read("etc/redis/password.conf").startswith("requirepass ")
    password = host.read("srv/neo/deploy/secrets/telegram/postgres_password")
    [role] = [words[-1] for words in noted if words[0] == "su"]
    assert f"PASSWORD '{password}'" in role
    units = {path.name for path in (host.root / "etc/systemd/system").glob("neo-*")}
    started = {words[-1] for words in noted if words[:2] == ["systemctl", "enable"]}
    assert started == {"neo-ai-serve", "neo-nginx", "neo-backup.timer"}
    assert started <= {name.removesuffix(".service") for name in units}
    site = host.read("etc/neo/nginx/conf.d/ai-api.conf")
    assert "server_name ai-api.example.org;" in site
    assert "server 127.0.0.1:8000;" in site
    assert (host.root / "etc/neo/nginx/certificates/ai-api.example.org/fullchain.pem").exists()
    assert any(words[0] == "certbot" and "ai-api.example.org" in words for words in noted)


def test_compose_gets_only_existing_services(
    installed: tuple[Host, list[list[str]]],
) -> None:
    told = [words[2:] for words in installed[1] if words[:2] == ["docker", "compose"]]
    services = compose_services()

    assert len(told) > 20
    assert not [words for words in told if wrong_in(words, services)]


@pytest.mark.parametrize("document", ["operating", "edge", "backup", "runbooks", "models"])
def test_what_the_text_says_to_compose_is_right_too(document: str) -> None:
    text = (DOCS / f"{document}.md").read_text()
    services = compose_services() | {"SERVICE"}
    for said in re.findall(r"`docker compose ([^`…]+)`", text):
        words = shlex.split(said.replace("\n", " "))
        assert not wrong_in(words, services), said


def test_our_programs_take_what_the_page_gives_them(
    installed: tuple[Host, list[list[str]]],
    without_docker: tuple[Host, list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = [found for words in (*installed[1], *without_docker[1]) if (found := inside(words))]
    dns = [words[2:] for words in installed[1] if words[:2] == ["neo", "dns"]]

    assert len(asked) > 15
    assert len(dns) == 2
    for program, arguments in asked:
        assert takes(PROGRAMS[program], arguments, monkeypatch), (program, arguments)
    for arguments in dns:
        assert takes(deploy.host.dns_records.main, arguments, monkeypatch), arguments


def test_a_command_that_is_wrong_would_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = compose_services()
    assert wrong_in(["exec", "ai-apy", "true"], services) == "ai-apy"
    assert wrong_in(["up", "-d", "--scale", "workers=4"], services) == "workers=4"
    assert wrong_in(["up", "--detatch"], services) == "up --detatch"
    assert not takes(PROGRAMS["ai_core"], ["keys", "make"], monkeypatch)
    with pytest.raises(AssertionError, match=r"no-such\.conf"):
        Host(tmp_path, "srv/neo").type_in(
            ["install -m 640 deploy/host/redis/no-such.conf /etc/redis/"]
        )
