"""`model add NAME https://…`, `model list` and names: as an operator types them."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_core.__main__ import main
from ai_core.models.admin.rows import built_in, printed
from ai_core.models.registry import CATALOGUE, Registry
from tests.ai_core.tiny_models import write_gguf
from tests.servers.json_service import JsonAnswers, answering

KEY = "sk-of-the-operator"
MODELS = {"/v1": ["gpt-4.1", "gpt-4.1-mini"], "/v1beta/openai": ["models/gemini-3"]}


class Service(JsonAnswers):
    """Lists models under two base paths, to who has the key."""

    def do_GET(self) -> None:
        base = self.path.removesuffix("/models")
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self.reply(401, {})
        elif base == "/html":
            self.reply(200, "hello")
        elif base not in MODELS:
            self.reply(404, {})
        else:
            self.reply(200, {"data": [{"id": name} for name in MODELS[base]]})


@pytest.fixture
def service() -> Iterator[str]:
    with answering(Service) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AI_CORE_MODELS__FOLDER", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o644)
    return file


def model(*words: object) -> int:
    return main(["model", *map(str, words)])


def test_a_model_of_a_service_is_added_with_its_key_from_a_file(
    folder: Path, service: str, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--model", "gpt-4.1-mini", "--key-file", key_file)
    assert model("add", "g2", f"{service}/v1", *asked) == 0
    assert model("add", "gemini", f"{service}/v1beta/openai/", "--key-file", key_file) == 0
    assert model("add", "gpt-4.1", service, "--key-file", key_file) == 0
    out = capsys.readouterr().out
    assert f"g2: gpt-4.1-mini at {service}/v1; what people ask is sent there" in out
    cards = {card.id: card for card in Registry.read(folder, (), "g2").cards()}
    assert cards["g2"].upstreams == (f"{service}/v1",)
    assert cards["gemini"].upstream_model == "gemini-3"
    assert cards["gpt-4.1"].upstream_model == "gpt-4.1"
    assert KEY not in (folder / CATALOGUE).read_text()
    assert cards["g2"].upstream_key_file == str(key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600

    assert model("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["extractive", "built-in", "pinned", "default"]
    assert lines[1].split()[:4] == ["g2", "remote", "gpt-4.1-mini", "at"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("g", "BASE/v1", "--model", "gpt-9", "--key-file", "KEY"),
            "has no model gpt-9: it has gpt",
        ),
        (("g", "BASE/v1", "--key-file", "KEY"), "--model NAME, of: gpt-4.1, gpt-4.1-mini"),
        (("g", "BASE/v1"), "refuses a request without key (401): give a valid one"),
        (("g", "BASE/v1", "--key-file", "EMPTY"), "is empty: put the service's key into it"),
        (("g", "BASE/v1", "--key-file", "/absent"), "/absent cannot be read: No such file"),
        (("g", "BASE/v9", "--key-file", "KEY"), "give the address that ends before /models"),
        (("g", "BASE/html", "--key-file", "KEY"), "is no OpenAI-compatible service"),
        (("g", "http://127.0.0.1:9/v1"), "cannot be reached ("),
        (("g", "https:///v1"), "names no host: https://HOST/v1"),
        (("extractive", "BASE/v1"), "extractive is built in"),
    ],
)
def test_what_is_wrong_with_a_service_is_told_in_a_sentence(
    folder: Path,
    service: str,
    key_file: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").write_text("")
    places = {"KEY": str(key_file), "EMPTY": str(tmp_path / "empty")}
    typed = [places.get(word, word).replace("BASE", service) for word in words]
    assert model("add", *typed) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert KEY not in line
    assert not (folder / CATALOGUE).exists()


def test_a_name_is_given_once_unless_the_model_is_to_be_replaced(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = write_gguf(tmp_path / "tiny.gguf")
    assert model("add", "tiny", weights) == 0
    assert model("add", "tiny", weights) == 1
    assert "a model is called tiny already: choose another name" in capsys.readouterr().err
    assert model("add", "tiny", weights, "--replace", "--pinned") == 0
    [entry] = tomllib.loads((folder / CATALOGUE).read_text())["model"]
    assert entry["pinned"] is True


def test_the_list_is_there_for_programs_and_alone_is_quick(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("list", "--json") == 0
    assert capsys.readouterr().out == printed([built_in()], as_json=True)
    assert model("add", "tiny", write_gguf(tmp_path / "tiny.gguf")) == 0
    assert model("default", "tiny") == 0
    program = (
        "import sys; from ai_core.models.admin.listing import main; main(['--json']); "
        "import time; print(time.process_time(), file=sys.stderr); "
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    first, tiny = json.loads(done.stdout)
    assert (first["name"], first["default"]) == ("extractive", False)
    assert (tiny["name"], tiny["format"], tiny["default"]) == ("tiny", "gguf", True)
    assert tiny["memory_bytes"] > 0
    cpu_s, loaded = done.stderr.splitlines()
    assert float(cpu_s) < 2
    assert not {"fastapi", "numpy", "httpx2", "redis"} & set(loaded.split())
