"""The pipeline: its files, the commands its steps run, and what a release does to a host."""

import argparse
import asyncio
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ai_core.access.keys import Scope
from deploy.host import release, smoke
from deploy.images import publish
from deploy.local import audit
from tests.ai_core.conftest import RunningApp
from tests.servers.loopback import served

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
OF_THE_RUNNER = {"apt-get", "cat", "docker", "echo", "exit", "gh", "git", "printf", "sh"}
"""Programs of GitHub's Ubuntu image, or of the container that a job names."""
WORDS_OF_SHELL = {"{", "}", "if", "then", "fi", "do", "done"}
DIGEST = f"sha256:{'1' * 64}"
IMAGES = f"AI_IMAGE=ghcr.io/example/neo/neo-ai_core@{DIGEST}\n"

DOCKER = """\
#!/bin/sh
printf '%s\\n' "${AI_IMAGE:+AI_IMAGE=$AI_IMAGE }$*" >>"$0.calls"
fault=$(cat "$0.fails" 2>/dev/null || echo nothing)
case "$*" in *"$fault"*) echo "no such thing" >&2; exit 1;; esac
case "$1 $2" in
"compose run") touch "$0.canary" ;;
"rm "*) rm "$0.canary" ;;
"ps "*) [ ! -e "$0.canary" ] || echo ai-api-canary ;;
"inspect "*) cat "$0.health" 2>/dev/null || echo healthy ;;
"push "*) echo "v1: digest: sha256:$(printf %064d 1) size: 1" ;;
"run "*) echo '{"bomFormat": "CycloneDX"}' ;;
esac
"""
COSIGN = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$0.calls"
[ ! -e "$0.unsigned" ] || { echo "no signatures found" >&2; exit 1; }
if [ "$1" = attest ]; then grep -q CycloneDX "$6"; fi
"""


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each job of each workflow, with its name."""
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield f"{path.stem}/{name}", job


def scripts() -> Iterator[tuple[str, str]]:
    """Yield what each step runs, with its job."""
    for name, job in jobs():
        for step in job.get("steps", ()):
            if "run" in step:
                yield name, step["run"]


def commands(script: str) -> Iterator[list[str]]:
    """Yield the commands of a script, in words; those given to another shell and on a host too."""
    script = script.replace("\\\n", " ")
    lexer = shlex.shlex(script, posix=True, punctuation_chars=";&|\n")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set(";&|\n"):
            words.append(word)
            continue
        while words and (words[0] in WORDS_OF_SHELL or words[0].startswith(">")):
            words = words[1:]
        if words and words[0] != "[" and not re.fullmatch(r"\w+=.*", words[0]):
            yield words
            if words[0] == ".ci/on_host":
                yield words[1:]
            if "-c" in words:
                yield from commands(words[words.index("-c") + 1])
        words = []


def test_github_takes_the_files_and_the_linter_finds_nothing_unsafe() -> None:
    schema: list[str | Path] = [BIN / "check-jsonschema", "--builtin-schema"]
    linters: tuple[list[str | Path], ...] = (
        [*schema, "vendor.github-workflows", *WORKFLOWS],
        [*schema, "vendor.dependabot", ROOT / ".github" / "dependabot.yml"],
        [BIN / "zizmor", "--offline", "--no-progress", "--min-severity", "medium", ".github"],
    )
    started = [
        subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for words in linters
    ]
    said = [linter.communicate()[0] for linter in started]
    assert [linter.returncode for linter in started] == [0, 0, 0], said


def test_every_job_has_a_limit_and_least_permissions_and_every_action_a_full_hash() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] in ({}, {"contents": "read"}), path.name
        used = re.findall(r"uses: (\S+)(.*)", path.read_text())
        for action, version in used:
            assert action.startswith("./") or (
                re.search(r"@[0-9a-f]{40}$", action) and re.match(r"  # v\d+\.\d+\.\d+$", version)
            ), action
    writing: dict[str, set[str]] = {}
    for name, job in jobs():
        assert "uses" in job or job["timeout-minutes"] <= 90, name
        given = {
            key
            for key, value in job.get("permissions", {}).items()
            if value not in {"read", "none"}
        }
        writing |= {name: given} if given else {}
    assert writing == {
        "delivery/publish": {"packages", "id-token"},
        "update/update": {"contents", "pull-requests", "actions"},
    }


def test_every_command_of_a_step_exists_and_takes_its_options() -> None:
    help_text = subprocess.run(
        [sys.executable, ROOT / "neo", "help"], capture_output=True, text=True, check=True
    ).stdout
    known = set(re.findall(r"^  \./neo (\w+)", help_text, re.MULTILINE))
    options = (ROOT / "deploy" / "local" / "testing.py").read_text()
    options += (ROOT / "deploy" / "local" / "command_line.json").read_text()
    ran = set()
    for name, script in scripts():
        done = subprocess.run(["bash", "-n"], input=script, text=True, check=False)
        assert done.returncode == 0, name
        for words in commands(script):
            if words[0] == "./neo":
                ran.add(words[1])
                assert words[1] in known, name
                for option in filter(lambda word: word.startswith("--"), words):
                    assert f'"{option}"' in options, (name, option)
            elif words[0].startswith(".ci/"):
                assert (ROOT / words[0]).stat().st_mode & 0o100, name
            else:
                assert words[0] in OF_THE_RUNNER, (name, words)
    assert ran == {"check", "test", "audit", "images", "lock", "publish", "release", "smoke"}


def test_the_pipeline_s_python_is_that_of_the_images() -> None:
    text = (ROOT / "deploy" / "images" / "ai_core.Dockerfile").read_text()
    pinned = re.search(r"PYTHON_IMAGE=(\S+)", text)
    assert pinned
    for path in WORKFLOWS:
        assert set(re.findall(r"python:\S+", path.read_text())) <= {pinned[1]}, path.name
    images = {job["container"]["image"] for _, job in jobs() if "container" in job}
    assert images == {pinned[1]}


def test_what_is_built_is_what_is_scanned_and_published() -> None:
    build = (ROOT / ".ci" / "build_images").read_text()
    built = {f"neo-{each}" for each in build.split("for image in ")[1].split(";")[0].split()}
    assert set(publish.BUILT.values()) == set(audit.BUILT) == built


class Stub(BaseHTTPRequestHandler):
    """A service that answers what `replies` says for a path, else 200 and `{}`."""

    replies: dict[str, tuple[int, str]]

    def do_GET(self) -> None:
        if length := int(self.headers.get("Content-Length", 0)):
            self.rfile.read(length)
        wrong = self.headers["X-API-Key"] == "not-a-key"
        status, text = (401, "{}") if wrong else self.replies.get(self.path, (200, "{}"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, format: str, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def stub(replies: dict[str, tuple[int, str]]) -> Iterator[str]:
    """Serve `replies` on loopback; yield the address."""
    handler = type("Replies", (Stub,), {"replies": replies})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def test_a_service_that_answers_from_the_law_passes(
    app: RunningApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key"
    key.write_text(f"{app.keys[Scope.INFERENCE]}\n")
    async with served(app.asgi) as url:
        words = [url, "--key-file", str(key), "--rounds", "2"]
        assert await asyncio.to_thread(smoke.main, words) == 0
    told = capsys.readouterr().out
    assert re.findall(r"^ok +(\w+)", told, re.MULTILINE) == ["health", "closed", "answers"] * 2


@pytest.mark.parametrize(
    ("path", "status", "text", "said"),
    [
        ("/ready", 503, '{"code": "not_ready"}', "FAILED  health: /ready: 503"),
        ("/live", 200, "<html>", "FAILED  health: /live: 200 with a body that is not JSON"),
        ("/api/v1/generate", 500, "{}", "FAILED  answers: L3121-27: 500"),
        (
            "/api/v1/generate",
            200,
            '{"response": "Trente-cinq heures.", "citations": []}',
            "FAILED  answers: L3121-27: the answer cites nothing",
        ),
        ("/api/v1/generate", 200, '{"response": " "}', "FAILED  answers: L3121-27"),
    ],
)
def test_a_service_that_does_not_serve_fails_and_says_where(
    path: str,
    status: int,
    text: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(smoke.KEY, "a-key")
    with stub({path: (status, text)}) as url:
        assert smoke.main([url]) == 1
    assert said in capsys.readouterr().out


def test_an_open_door_a_dead_address_and_a_missing_key_fail_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert smoke.main(["https://ai-api.example.org"]) == 2  # without a key nothing is asked
    monkeypatch.setenv(smoke.KEY, "not-a-key")  # the stub refuses it: so must nothing else
    with stub({}) as url:
        assert smoke.main([url]) == 1
    monkeypatch.setattr(smoke.Deployed, "call", lambda *_words, **_named: (200, {}))
    assert smoke.main(["http://127.0.0.1:1"]) == 1
    monkeypatch.undo()
    monkeypatch.setenv(smoke.KEY, "a-key")
    assert smoke.main(["http://127.0.0.1:1"]) == 1
    told = capsys.readouterr().out
    assert "closed: /api/v1/generate without a key: 200, not 401" in told
    assert "/live: no reply" in told


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """A command in Docker's place, which remembers what it was called with."""
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    return program


@pytest.fixture
def host(docker: Path, tmp_path: Path) -> release.Host:
    (tmp_path / ".env").write_text("COMPOSE_PROFILES=acme\nAI_IMAGE=old\nAI_CPUS=2\n")
    return release.Host(tmp_path, str(docker), look_every_s=0.01)


def calls(program: Path) -> list[str]:
    """Return the calls that change something, and forget them."""
    record = Path(f"{program}.calls")
    lines = record.read_text().splitlines() if record.exists() else []
    record.unlink(missing_ok=True)
    return [line for line in lines if not re.match(r"ps |inspect ", line)]


def shares(call: str) -> dict[str, int]:
    """Return what a call gives each server, of 100 requests."""
    return {name: int(share) for name, share in re.findall(r"server (\S+):8000 weight=(\d+)", call)}


def test_a_canary_takes_its_share_then_covers_the_change_and_goes(
    host: release.Host, docker: Path, tmp_path: Path
) -> None:
    images = release.read_images(IMAGES)
    host.canary(images, 10)
    pulled, started, sent = calls(docker)
    assert pulled == f"pull {images['AI_IMAGE']}"
    assert started.startswith(f"AI_IMAGE={images['AI_IMAGE']} compose run --detach")
    assert shares(sent) == {"ai-api": 90, "ai-api-canary": 10}
    assert "AI_IMAGE=old" in (tmp_path / ".env").read_text()

    host.promote(images)
    _, alone, started, whole, stopped, removed = calls(docker)
    assert shares(alone) == {"ai-api-canary": 100}
    assert started == "compose up --detach --wait --no-build"
    assert shares(whole) == {"ai-api": 100}
    assert (stopped, removed) == ("stop --time 40 ai-api-canary", "rm ai-api-canary")
    settings = (tmp_path / ".env").read_text()
    assert settings == f"COMPOSE_PROFILES=acme\nAI_CPUS=2\n{IMAGES}"
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0

    host.back()
    assert calls(docker) == ["compose up --detach --wait --no-build"]
    assert "AI_IMAGE=old" in (tmp_path / ".env").read_text()
    host.back()  # nothing is left to undo
    assert calls(docker) == []


@pytest.mark.parametrize("fault", ["unhealthy", "exec"])
def test_a_canary_that_is_ill_gets_no_request_and_is_removed(
    fault: str, host: release.Host, docker: Path
) -> None:
    Path(f"{docker}.{'health' if fault == 'unhealthy' else 'fails'}").write_text(fault)
    with pytest.raises(release.ReleaseFailed):
        host.canary(release.read_images(IMAGES), 10)
    made = calls(docker)
    assert made[-1] == "rm ai-api-canary"
    assert any("exec" in call for call in made) == (fault == "exec")


def test_a_canary_that_disappoints_is_stopped_and_the_old_one_has_everything(
    host: release.Host, docker: Path
) -> None:
    host.canary(release.read_images(IMAGES), 25)
    calls(docker)
    host.back()
    sent, _, removed = calls(docker)
    assert shares(sent) == {"ai-api": 100}
    assert removed == "rm ai-api-canary"


def test_a_promotion_that_fails_can_be_taken_back(
    host: release.Host, docker: Path, tmp_path: Path
) -> None:
    Path(f"{docker}.fails").write_text("compose up")
    with pytest.raises(release.ReleaseFailed, match="compose up"):
        host.promote(release.read_images(IMAGES))
    Path(f"{docker}.fails").unlink()
    host.back()
    assert "AI_IMAGE=old" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AI_IMAGE=ghcr.io/example/neo:latest\n",
        f"AI_IMAGE=x@{DIGEST} $(id)\n",
        f"PATH=x@{DIGEST}\n",
    ],
)
def test_only_images_with_a_digest_are_started(
    text: str, docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", argparse.Namespace(read=lambda: text))
    assert release.main(["promote", "--docker", str(docker)], tmp_path) == 1
    assert calls(docker) == []


def signing(docker: Path) -> Path:
    """Put a command in cosign's place, beside `docker`."""
    program = docker.with_name("cosign")
    program.write_text(COSIGN)
    program.chmod(0o755)
    return program


def test_every_image_is_pushed_signed_by_digest_and_listed(docker: Path, tmp_path: Path) -> None:
    cosign = signing(docker)
    listed = tmp_path / "images.env"
    tools = ["--images", str(listed), "--docker", str(docker), "--cosign", str(cosign)]
    assert publish.main(["ghcr.io/example/neo", "v1.2.3", *tools]) == 0

    images = release.read_images(listed.read_text())  # what a host takes
    assert images.keys() == publish.BUILT.keys()
    signed = [line.split() for line in calls(cosign)]
    assert {words[-1] for words in signed if words[0] == "sign"} == set(images.values())
    assert {words[-1] for words in signed if words[0] == "attest"} == {
        image for name, image in images.items() if name not in publish.WITHOUT_SBOM
    }
    verifying = ["--verify", "^https://github.com/example/", *tools]
    assert publish.main(verifying) == 0
    assert {line.split()[-1] for line in calls(cosign)} == set(images.values())
    Path(f"{cosign}.unsigned").touch()
    assert publish.main(verifying) == 1


@pytest.mark.parametrize("fails", ["push", "tag"])
def test_an_image_that_is_not_pushed_is_not_listed(
    fails: str, docker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f"{docker}.fails").write_text(fails)
    listed = tmp_path / "images.env"
    tools = ["--images", str(listed), "--docker", str(docker), "--cosign", str(signing(docker))]
    assert publish.main(["ghcr.io/example/neo", "v1.2.3", *tools]) == 1
    assert not listed.exists()
    assert "no such thing" in capsys.readouterr().err


def test_what_the_host_is_asked_to_do_reaches_it_word_by_word(tmp_path: Path) -> None:
    settings = {"NEO_HOST": "h", "NEO_HOST_KEY": "k", "NEO_SSH_KEY": "s"}
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor word in "$@"; do last=$word; done\nprintf "%s" "$last"\ncat\n')
    ssh.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "on_host", "./neo", "release", "a b; id"],
        input="\nAI_IMAGE=x",
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    command, _, handed = done.stdout.partition("\n")
    assert shlex.split(command.removeprefix("cd /opt/neo && ")) == ["./neo", "release", "a b; id"]
    assert handed == "AI_IMAGE=x"
