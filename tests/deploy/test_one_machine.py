"""`./neo status | logs | stop | ask | doctor` and where the services listen, by real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from deploy.local import listening, logs, running
from deploy.local.errors import Stop
from deploy.local.services import desk_environment
from tests.deploy.newcomer import Newcomer, checkout
from tests.servers.json_service import JsonAnswers, answering

SUPERVISOR = """\
import signal, sys
from pathlib import Path
from deploy.local import running
signal.signal(signal.SIGTERM, signal.default_int_handler)
running.write(__import__("json").loads(sys.argv[1]))
print("up", flush=True)
try:
    signal.pause()
except KeyboardInterrupt:
    running.FILE.unlink()
"""
"""Stands for the supervisor: writes down what runs, and ends as it does."""
QUESTION = "Quelle est la durée du préavis ?"
ANSWER = {
    "response": "Un mois. [1]",
    "citations": [{"title": "Préavis", "url": "https://www.legifrance.gouv.fr/x"}],
    "notice": "Ceci est une information.",
}


class Service(JsonAnswers):
    """Plays a service: /health, /api/v1/health and /api/v1/chat."""

    asked: ClassVar[list[dict[str, object]]] = []

    def do_GET(self) -> None:
        corpus = {"law_date": "2026-03-27"}
        self.reply(200, {"status": "ok", "corpus": corpus, "models": ["extractive"]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        if self.headers["X-API-Key"] != "right":
            self.reply(401, {"detail": "This key is not valid."})
        else:
            self.reply(200, ANSWER)


@pytest.fixture
def service() -> Iterator[str]:
    with answering(Service) as url:
        yield url


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    made = Newcomer(checkout(tmp_path_factory.mktemp("machine") / "neo"), ("npm",))
    (made.folder / ".neo" / "logs").mkdir(parents=True)
    return made


@pytest.fixture
def started(newcomer: Newcomer, service: str) -> Iterator[subprocess.Popen[str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        silent = f"http://127.0.0.1:{probe.getsockname()[1]}"
    addresses = json.dumps({"ai": service, "mail": silent})
    # The name of the real one stands among its words, as in the command line that is looked for.
    words = [sys._base_executable, "-c", SUPERVISOR, addresses, running.SUPERVISOR]  # type: ignore[attr-defined]
    with subprocess.Popen(words, cwd=newcomer.folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            process.kill()  # or `with` waits for its end
    (newcomer.folder / ".neo" / "run.json").unlink(missing_ok=True)


def test_status_tells_what_runs_and_how_it_is(
    newcomer: Newcomer, started: subprocess.Popen[str], service: str
) -> None:
    told = newcomer.types("status")
    assert told.status == 1
    [first, ai, mail] = told.out.splitlines()
    assert f"process {started.pid} (./neo stop ends it)" in first
    described = ["ok,", "law", "of", "2026-03-27,", "models:", "extractive"]
    assert ai.split() == ["ai", service, *described]
    assert "does not answer: ./neo logs tells why" in mail
    read = json.loads(newcomer.types("status", "--json").out)
    assert read["running"] is True
    assert read["process"] == started.pid
    assert read["services"]["ai"]["health"]["status"] == "ok"
    assert read["services"]["mail"]["answers"] is False


def test_a_second_run_is_refused_and_stop_ends_the_first(
    newcomer: Newcomer, started: subprocess.Popen[str], service: str
) -> None:
    told = newcomer.types("run")
    assert told.status == 2
    assert f"the services run here already, at {service} (process {started.pid})" in told.sentence
    reaped = threading.Thread(target=started.wait)  # a shell does that for its children
    reaped.start()
    told = newcomer.types("stop")
    reaped.join(30)
    assert (told.status, told.err.splitlines()[-1]) == (0, "neo: stopped")
    assert started.returncode == 0
    assert newcomer.types("stop").err == "neo: nothing runs here\n"
    assert newcomer.types("status").out == "nothing runs here: ./neo run starts the services\n"
    assert json.loads(newcomer.types("status", "--json").out)["running"] is False


def test_what_was_killed_is_not_said_to_run(
    newcomer: Newcomer, started: subprocess.Popen[str]
) -> None:
    started.send_signal(signal.SIGKILL)
    started.wait(30)
    assert (newcomer.folder / ".neo" / "run.json").exists()
    assert newcomer.types("status").out.startswith("nothing runs here")


def test_a_question_is_asked_where_ours_runs(
    newcomer: Newcomer, started: subprocess.Popen[str]
) -> None:
    keys = newcomer.folder / ".neo" / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "inference").write_text("right\n")
    told = newcomer.types("ask", *QUESTION.split(), "--agreement", "1486")
    assert told.status == 0
    assert told.out.splitlines()[0] == "Un mois. [1]"
    assert "[1] Préavis: https://www.legifrance.gouv.fr/x" in told.out
    assert Service.asked[-1]["messages"] == [{"role": "user", "content": QUESTION}]
    assert Service.asked[-1]["agreement"] == "1486"
    assert json.loads(newcomer.types("ask", QUESTION, "--json").out) == ANSWER
    (keys / "inference").write_text("wrong\n")
    told = newcomer.types("ask", QUESTION)
    assert told.status == 2
    assert told.sentence.endswith("answers 401: This key is not valid.")
    (keys / "inference").unlink()
    assert "there is no key in .neo/keys/inference" in newcomer.types("ask", "x").sentence


def test_a_question_to_nobody_says_how_to_start(newcomer: Newcomer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("right")
    told = newcomer.types(
        "ask", "x", "--url", "http://127.0.0.1:9", "--key-file", str(tmp_path / "key")
    )
    assert "does not answer ([Errno 111] Connection refused): ./neo run starts" in told.sentence
    told = newcomer.types("ask", "x", "--url", "here", "--key-file", str(tmp_path / "key"))
    assert "here is no address" in told.sentence


def test_logs_show_the_ends_and_follow_what_is_added(newcomer: Newcomer) -> None:
    folder = newcomer.folder / ".neo" / "logs"
    (folder / "ai_core.log").write_text("".join(f"line {number}\n" for number in range(50)))
    (folder / "mail_service-worker.log").write_text("a mail\n")
    told = newcomer.types("logs", "ai", "-n", "2")
    assert told.out == "line 48\nline 49\n"
    assert "mail_service-worker.log: a mail\n" in newcomer.types("logs").out
    assert (
        "there is no log of 'mial': did you mean mail?" in newcomer.types("logs", "mial").sentence
    )
    with subprocess.Popen(
        [sys._base_executable, "neo", "logs", "ai", "-f", "-n", "1"],  # type: ignore[attr-defined]
        cwd=newcomer.folder,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        try:
            assert following.stdout
            assert following.stdout.readline() == "line 49\n"
            with (folder / "ai_core.log").open("a") as log:
                log.write("added\n")
            assert following.stdout.readline() == "added\n"
            following.send_signal(signal.SIGINT)
            following.wait(30)
        finally:
            following.kill()  # or `with` waits for its end
    assert following.returncode == 130


def test_what_is_added_before_the_following_begins_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "ai_core.log"
    file.write_text("first\nlast\n")
    places = {file: logs.show_end(file, 1, [file])}
    with file.open("a") as log:
        log.write("added\n")
    monkeypatch.setattr("deploy.local.logs.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        logs.follow(places)
    assert capsys.readouterr().out == "last\nadded\n"


def test_the_doctor_names_each_thing_and_the_way_out(newcomer: Newcomer) -> None:
    key = newcomer.folder / ".neo" / "environment.json"
    key.write_text("{}")
    key.chmod(0o644)
    told = newcomer.types("doctor")
    assert told.status == 1
    assert told.wall_s < 20
    found = {line.split()[1]: line for line in told.out.splitlines()}
    assert found["python"].startswith("ok")
    assert found["npm"].startswith("ok")
    assert "cannot be reached (Connection refused)" in found["index"]
    assert "apt-get install -y g++" in found["compiler"]
    assert "others may read them: chmod 600" in found["secrets"]
    key.chmod(0o600)
    read = json.loads(newcomer.types("doctor", "--json").out)
    assert {one["name"]: one["state"] for one in read}["secrets"] == "ok"
    key.unlink()


def test_nothing_listens_beyond_loopback_without_being_asked(newcomer: Newcomer) -> None:
    assert listening.host_names(listening.LOOPBACK) == []
    assert listening.address("", 8001) == "http://127.0.0.1:8001"
    assert listening.address("0.0.0.0", 8000) == "http://127.0.0.1:8000"  # noqa: S104
    assert listening.address("::1", 8000) == "http://[::1]:8000"
    assert socket.gethostname().lower() in listening.host_names("0.0.0.0")  # noqa: S104
    with pytest.raises(Stop, match=r"is no address of this machine: 0\.0\.0\.0 listens on all"):
        listening.need_address("198.51.100.7")
    told = newcomer.types("run", "--host", "localhost")
    assert told.status == 2
    assert "--host localhost is no address of this machine" in told.sentence


def test_the_desk_asks_the_services_on_the_ports_they_were_given(tmp_path: Path) -> None:
    ports = {"ai": 8100, "telegram": 8101, "mail": 8102}
    found = desk_environment(tmp_path, ["ai", "telegram", "mail"], ports)
    assert found["AI_CORE_CONSOLE__TELEGRAM_URL"] == "http://127.0.0.1:8101"
    assert found["AI_CORE_CONSOLE__MAIL_URL"] == "http://127.0.0.1:8102"


def test_a_line_moves_on_a_terminal_alone_and_leaves_what_it_took() -> None:
    program = (
        "import time\nfrom deploy.local.terminal import progress\n"
        "with progress('working') as on:\n    on('on it')\n    time.sleep(1.2)\n"
    )
    main, side = os.openpty()
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, stderr=side, check=False)
    os.close(side)
    shown = os.read(main, 10_000).decode()
    os.close(main)
    assert done.returncode == 0
    assert "neo: working … 0.5 s  on it" in shown
    assert "neo: working … 1." in shown.splitlines()[-1]
    plain = subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False)
    assert plain.stderr == "neo: working …\n"
