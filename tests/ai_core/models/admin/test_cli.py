"""`model add | list | remove | default | quantize`, as an operator types it."""

import re
import tomllib
from pathlib import Path

import pytest

from ai_core.__main__ import main
from ai_core.models.memory import estimate_bytes
from ai_core.models.registry import CATALOGUE, Registry
from tests.ai_core.tiny_models import write_adapter, write_gguf
from tests.servers.hub import COMMIT, FakeHub, serving


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AI_CORE_MODELS__FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("AI_CORE_MODELS__MEMORY_BYTES", str(1024**3))
    return tmp_path / "models"


def catalogue(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / CATALOGUE).read_text())


def model(*words: object) -> int:
    return main(["model", *map(str, words)])


def test_a_model_is_added_listed_and_removed(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("add", "tiny", weights, "--licence", "MIT", "--pinned", "--context", 256) == 0
    card = Registry.read(folder, (), "tiny").card("tiny")
    assert (card.path, card.pinned, card.context_tokens, card.error) == (
        str(weights),
        True,
        256,
        "",
    )
    assert card.licence == "MIT"
    capsys.readouterr()
    assert model("list") == 0
    line = capsys.readouterr().out
    assert all(word in line for word in ("tiny", "gguf", "precision=f32", "MIT", "pinned"))
    assert model("remove", "tiny") == 0
    assert "model" not in catalogue(folder)
    assert weights.exists()


def test_a_model_of_a_hub_comes_with_its_origin_and_licence(
    folder: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(FakeHub({"tiny.gguf": weights.read_bytes()})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        assert model("add", "tiny", "hf:owner/repo") == 0
    entry = catalogue(folder)["model"][0]  # type: ignore[index]
    assert entry["source"] == "tiny/fetched/tiny.gguf"
    assert entry["origin"] == f"hf:owner/repo@{COMMIT}"
    assert entry["licence"] == "apache-2.0"
    assert model("remove", "tiny") == 0
    assert not (folder / "tiny").exists()


def test_what_an_operator_wrote_in_the_catalogue_stays(folder: Path, weights: Path) -> None:
    folder.mkdir()
    (folder / CATALOGUE).write_text("# Ours, since May.\n")
    model("add", "one", weights)
    model("add", "two", weights)
    model("default", "two")
    model("add", "one", weights, "--context", 128)
    text = (folder / CATALOGUE).read_text()
    assert text.startswith("# Ours, since May.\n")
    entries = catalogue(folder)
    assert entries["default"] == "two"
    assert [entry["name"] for entry in entries["model"]] == ["one", "two"]  # type: ignore[attr-defined]
    assert Registry.read(folder, ()).default == "two"


def test_the_default_goes_with_its_model(folder: Path, weights: Path) -> None:
    model("add", "one", weights)
    model("default", "one")
    model("remove", "one")
    assert catalogue(folder) == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("add", "tiny", "gone.gguf"), "gone.gguf does not exist"),
        (("add", "../tiny", "SOURCE"), "../tiny: name"),
        (("add", "tiny", "CUT"), "cut.gguf is damaged"),
        (("add", "tiny", "SOURCE", "--format", "onnx"), "damaged"),
        (("add", "tiny", "SOURCE", "--base", "none"), "no model is called none"),
        (("add", "tiny", "ADAPTER"), "base is what an adapter"),
        (("remove", "none"), "no model is called none"),
        (("default", "none"), "no model is called none"),
        (("quantize", "none"), "no model is called none"),
    ],
)
def test_an_impossible_action_is_reported_and_changes_nothing(
    words: tuple[str, ...],
    sentence: str,
    folder: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(weights.read_bytes()[:100_000])
    adapter = write_adapter(tmp_path / "adapter.gguf")
    places = {"SOURCE": str(weights), "CUT": str(cut), "ADAPTER": str(adapter)}
    assert model(*(places.get(word, word) for word in words)) == 1
    assert sentence in capsys.readouterr().err
    assert not (folder / CATALOGUE).exists()


def test_an_adapter_is_added_to_the_base_it_was_made_for(
    folder: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model("add", "tiny", weights)
    own, other = (write_adapter(tmp_path / f"{kind}.gguf", kind) for kind in ("llama", "qwen2"))
    assert model("add", "voice", own, "--base", "tiny") == 0
    assert Registry.read(folder, (), "voice").card("voice").base == "tiny"
    assert model("add", "stranger", other, "--base", "tiny") == 1
    assert "was made for qwen2 and tiny is llama" in capsys.readouterr().err
    assert model("remove", "tiny") == 1
    assert "is the base of voice" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_is_made_smaller_and_rolled_back(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model("add", "tiny", weights)
    assert model("quantize", "tiny", "q8_0") == 0
    assert "writes as q8_0" in capsys.readouterr().out
    assert Registry.read(folder, (), "tiny").card("tiny").precision == "q8_0"
    assert model("quantize", "tiny", "--rollback") == 0
    assert Registry.read(folder, (), "tiny").card("tiny").precision == "f32"
    assert model("quantize", "tiny", "int4") == 1
    assert "can be made as: bf16, q8_0, q6_k" in capsys.readouterr().err


@pytest.mark.slow
def test_the_precision_that_writes_most_here_is_put_in_use_and_the_others_are_deleted(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model("add", "tiny", weights, "--context", 256, "--slots", 2)
    capsys.readouterr()
    assert model("quantize", "tiny", "fastest", "--at-once", 2, "--tokens", 8) == 0
    printed = capsys.readouterr().out
    speeds = dict(re.findall(r"^(\w+): ([\d.]+) tokens/s, 2 at once", printed, re.MULTILINE))
    assert set(speeds) == {"original", "bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0"}
    assert all(float(speed) > 0 for speed in speeds.values())
    card = Registry.read(folder, (), "tiny").card("tiny")
    assert f"tiny now writes as {card.precision}" in printed
    kept = [file.name for file in (folder / "tiny").glob("*.gguf")]
    assert kept == ([] if card.path == str(weights) else [Path(card.path).name])
    assert float(speeds[card.precision if kept else "original"]) * 1.06 > max(
        map(float, speeds.values())
    )


@pytest.mark.slow
def test_a_precision_that_is_not_good_enough_is_never_the_fastest(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unsure = write_gguf(tmp_path / "unsure.gguf", sure=False)
    model("add", "tiny", unsure, "--context", 256, "--slots", 2)
    words = ("quantize", "tiny", "fastest", "--at-once", 1, "--tokens", 4, "--agreement", "1.01")
    assert model(*words) == 0
    printed = capsys.readouterr().out
    assert "q4_0 is not good enough" in printed
    assert "tiny now writes as f32" in printed
    assert not list((folder / "tiny").glob("*.gguf"))


@pytest.mark.slow
def test_a_model_too_large_for_the_budget_is_made_smaller_when_it_is_added(
    folder: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model("add", "tiny", weights)
    card = Registry.read(folder, (), "tiny").card("tiny")
    monkeypatch.setenv("AI_CORE_MODELS__MEMORY_BYTES", str(estimate_bytes(card) - 1_000))
    assert model("add", "tiny", weights) == 0
    assert Registry.read(folder, (), "tiny").card("tiny").precision == "q8_0"
