"""What a newcomer does wrong: each mistake ends in one sentence with the way out, and at once.

Real runs of `./neo` with the system's Python in a copy of the checkout where nothing is installed.
Time is that of the processor, since the machine of a test may be busy.
"""

import ast
import json
import runpy
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import preflight
from deploy.local.command_line import recorded, records
from deploy.local.errors import Stop
from shared.failures import cause
from tests import command_line
from tests.deploy.newcomer import NOWHERE, ROOT, Newcomer, checkout

CPU_S, WALL_S = 1.5, 20.0
NPM = ("npm", "gcc", "g++")


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    return Newcomer(checkout(tmp_path_factory.mktemp("newcomer") / "neo"))


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    return Newcomer(checkout(tmp_path_factory.mktemp("equipped") / "neo"), NPM)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rnu"], "./neo has no command 'rnu': did you mean run?"),
        (["server"], "./neo has no command 'server': ./neo help lists the commands"),
        (["run", "--only", "web"], "./neo run --only knows no service 'web': they are ai, tel"),
        (["run", "--only", "ai,telegran"], "no service 'telegran': did you mean telegram?"),
        (["run", "--prot", "8080"], "./neo run has no option --prot: did you mean --port?"),
        (["run", "--port", "http"], "./neo run --port takes a number, not 'http'"),
        (["keys", "craete"], "./neo keys has no 'craete': did you mean create?"),
        (["keys"], "./neo keys needs one of: create, list, rotate, widget, revoke"),
        (["keys", "create", "--name", "x"], "./neo keys create needs --scope"),
        (["bench", "retrieva"], "./neo bench has no 'retrieva': did you mean retrieval?"),
        (["demo"], "./neo demo needs one of: telegram, line, whatsapp, mail"),
        (["keys", "list"], "ai_core does not run here: start it with ./neo run, then ask in"),
        (["console", "account", "list"], "ai_core does not run here: start it with ./neo run"),
        (["mail", "explain", "1"], "there is no mailbox here yet: ./neo run makes one"),
        (["telegram", "dead-letters", "list"], "there is no bot here yet: ./neo run makes one"),
        (["corpus", "update", "--from", "nowhere"], "nowhere is no folder"),
        (["run"], "npm is needed to fetch the Code du travail: on Debian apt-get install -y npm"),
        (["corpus", "update"], "npm is needed to fetch the Code du travail"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_before_anything_is_installed(
    newcomer: Newcomer, words: list[str], sentence: str, taken_port: int
) -> None:
    if words == ["run"]:
        words = ["run", "--port", str(free_port())]
    told = newcomer.types(*words)
    assert told.status == 2
    assert told.sentence.startswith("neo: ")
    assert sentence in told.sentence
    assert told.cpu_s < CPU_S
    assert told.wall_s < WALL_S
    assert not (newcomer.folder / ".neo").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_port_in_use_is_told_with_who_uses_it(equipped: Newcomer, taken_port: int) -> None:
    told = equipped.types("run", "--only", "ai", "--port", str(taken_port))
    assert told.status == 2
    assert f"port {taken_port} is in use by " in told.sentence
    assert f"./neo run --port {taken_port + 80}" in told.sentence
    assert told.cpu_s < CPU_S


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: fetch the model again"),
        (b"<html>Not found</html>", "is not a GGUF file"),
        (b"GGUF\x03\x00\x00\x00" + b"\x00" * 3, "is damaged"),
        (None, "does not exist"),
    ],
)
@pytest.mark.parametrize("command", ["run", "add"])
def test_a_wrong_file_of_a_model_is_told(
    equipped: Newcomer, content: bytes | None, sentence: str, command: str
) -> None:
    model = equipped.folder / "model.gguf"
    model.unlink(missing_ok=True)
    if content is not None:
        model.write_bytes(content)
    add = ["model", "add", "mine", "model.gguf"]
    told = equipped.types(*(["run", "--model", "model.gguf"] if command == "run" else add))
    assert told.status == 2
    assert sentence in told.sentence
    assert told.cpu_s < CPU_S
    assert not (equipped.folder / ".neo").exists()


def test_without_a_network_the_server_is_named(equipped: Newcomer) -> None:
    for words in (["knowledge", "list"], ["run", "--port", str(free_port())]):
        told = equipped.types(*words)
        assert told.status == 2
        assert "127.0.0.1 cannot be reached (Connection refused)" in told.sentence
        assert "HTTPS_PROXY" in told.sentence
        assert told.cpu_s < CPU_S


def test_a_network_that_swallows_everything_is_waited_for_two_seconds(equipped: Newcomer) -> None:
    with socket.socket() as silent, socket.socket() as first, socket.socket() as second:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)  # one connection waits; the next ones get no answer
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        port = silent.getsockname()[1]
        told = equipped.types("knowledge", "list", PIP_INDEX_URL=f"http://127.0.0.1:{port}/simple")
    assert told.status == 2
    assert "cannot be reached (no answer in 1.2 s)" in told.sentence
    assert told.wall_s < WALL_S


def test_a_mirror_or_a_proxy_is_asked_instead_of_the_index(
    equipped: Newcomer, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deploy.local import reachability

    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{taken_port}")
    assert reachability.unreachable([reachability.index_address()]) == {}
    monkeypatch.delenv("https_proxy")
    assert [*reachability.unreachable([reachability.index_address()])] == [
        "https://index.invalid/simple"
    ]
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert reachability.index_address() == ""


def test_a_disk_that_is_too_small_is_told_before_it_is_filled(
    equipped: Newcomer, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import shutil\nshutil.disk_usage = lambda path: type('Usage', (), {'free': 5 * 10**7})\n"
    )
    told = equipped.types("knowledge", "list", PYTHONPATH=str(tmp_path))
    assert told.status == 2
    assert "GB of disk space are needed and" in told.sentence
    assert "0.1 GB left: free some, or move the checkout to a larger disk" in told.sentence


def test_a_compiler_is_missed_before_it_is_needed(
    newcomer: Newcomer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(preflight, "VENV", tmp_path)
    with pytest.raises(Stop, match="GGUF models need a compiler: on Debian apt-get install"):
        preflight.need_to_install(["ai", "gguf"])


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 2), (3, 13, 1)])
def test_another_python_is_told_so(
    version: tuple[int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "neo"), run_name="__main__")
    said = str(ended.value)
    assert said.startswith(f"neo: Python 3.11 or 3.12 is needed, this is {version[0]}.{version[1]}")
    assert "apt-get install -y python3" in said


def test_a_python_that_serves_is_taken_where_another_one_comes_first(
    newcomer: Newcomer, tmp_path: Path
) -> None:
    newcomer.add("python3.12", '#!/bin/sh\necho "$0 $*"\n')
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 13, 1)\n")
    told = newcomer.types("run", PYTHONPATH=str(tmp_path))
    assert told.out.split()[1:] == ["neo", "run"]
    (newcomer.bin / "python3.12").unlink()


def test_an_old_python_can_read_the_command_that_refuses_it() -> None:
    ast.parse((ROOT / "neo").read_text(), feature_version=(3, 4))


@pytest.mark.parametrize("command", sorted(records()))
def test_help_is_printed_without_anything_installed(newcomer: Newcomer, command: str) -> None:
    told = newcomer.types(command, "--help")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith(f"usage: ./neo {command} ")
    assert told.cpu_s < CPU_S
    assert not (newcomer.folder / ".neo").exists()


def test_every_subcommand_has_help_under_the_name_it_is_typed_by() -> None:
    def walk(parser: object, words: list[str]) -> Iterator[list[str]]:
        yield words
        for name, inner in parser.subcommands().items():  # type: ignore[attr-defined]
            yield from walk(inner, [*words, name])

    every = [words for name in records() for words in walk(recorded(name), [name])]
    assert len(every) > 90
    for words in every:
        parser = recorded(words[0]).innermost(words[1:])
        assert parser.prog == f"./neo {' '.join(words)}"
        assert "python -m ai_core" not in parser.format_help()


@pytest.mark.parametrize("command", ["test", "check", "restore"])
def test_commands_that_are_no_programs_of_their_own_have_help_too(
    newcomer: Newcomer, command: str
) -> None:
    told = newcomer.types(command, "--help")
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith("usage: ./neo ")


def test_the_models_are_listed_where_none_was_added(newcomer: Newcomer) -> None:
    told = newcomer.types("model", "list")
    assert (told.status, told.err) == (0, "")
    assert told.out.split() == ["extractive", "built-in", "pinned", "default"]
    [model] = json.loads(newcomer.types("model", "list", "--json").out)
    assert (model["name"], model["format"], model["default"]) == ("extractive", "built-in", True)
    assert told.cpu_s < CPU_S
    assert not (newcomer.folder / ".neo").exists()


def test_the_version_is_printed(newcomer: Newcomer) -> None:
    assert newcomer.types("--version").out == "code-du-travail-neo 0.1.0\n"


@pytest.mark.slow(20)
def test_what_is_recorded_of_the_command_line_is_what_the_programs_take() -> None:
    recorded_now = (ROOT / "deploy" / "local" / "command_line.json").read_text()
    done = subprocess.run(
        [sys.executable, "-c", "from tests.command_line import written; print(written(), end='')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == recorded_now, "run python -m tests.command_line"


def test_a_parser_is_recorded_whole() -> None:
    made = recorded("keys").innermost(["create"])
    again = json.loads(json.dumps(command_line.record_of(made)))
    inner = records()["keys"]["subcommands"]["parsers"]["create"]
    assert again == {name: value for name, value in inner.items() if name != "help"}


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "not the one locked"),
        ("OSError: [Errno 28] No space left on device", "the disk is full: free some space"),
        ("npm ERR! code ENOSPC", "the disk is full"),
        ("NewConnectionError(': Failed to establish a new connection", "the network failed"),
        ("npm error code EAI_AGAIN", "the network failed on the way"),
        ("npm error code ECONNREFUSED", "the network failed"),
        ("ReadTimeoutError: HTTPSConnectionPool: Read timed out.", "the network failed"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate was refused"),
        ("npm ERR! code EINTEGRITY", "not the one locked"),
        ("npm error code E404", "the registry does not have that version"),
        ("No matching distribution found for torch==9", "has no file of a locked package"),
        ("error: command '/usr/bin/g++' failed: No such file", "could not be compiled"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "belong to another user"),
        ("MemoryError", "not enough memory"),
        ("something nobody has seen", ""),
    ],
)
def test_what_pip_and_npm_print_becomes_a_sentence_with_the_way_out(
    printed: str, sentence: str
) -> None:
    assert sentence in cause(f"lines before\n{printed}\nlines after")
    assert bool(cause(printed)) == bool(sentence)


@pytest.mark.slow
def test_pip_that_fails_leaves_its_words_in_a_file_that_is_named(equipped: Newcomer) -> None:
    told = equipped.types("knowledge", "list", NEO_UNCHECKED="1", PIP_RETRIES="1", PIP_TIMEOUT="2")
    log = equipped.folder / ".neo" / "logs" / "install.log"
    assert told.status == 2
    last = told.err.splitlines()[-1]
    assert "pip could not install the packages: the network failed on the way" in last
    assert last.endswith("(what was printed: .neo/logs/install.log)")
    assert "Traceback" not in told.err
    assert NOWHERE in log.read_text()
