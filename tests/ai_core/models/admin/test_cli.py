"""`model add | list | remove | default | quantize`, as an operator types it."""

import re
import tomllib
from pathlib import Path

import pytest

from ai_core.__main__ import main
from ai_core.engines.base import Sampling
from ai_core.engines.gguf.runner import open_runner
from ai_core.engines.runner import GenerationJob, LoadOptions
from ai_core.models.memory import MEASUREMENTS, Measurements, estimate_bytes
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
    model("add", "one", weights, "--context", 128, "--replace")
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
        (("add", "extractive", "SOURCE"), "extractive is built in: give the model another name"),
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


@pytest.mark.slow(20)
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


@pytest.mark.slow(12)
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
    assert model("add", "tiny", weights, "--replace") == 0
    assert Registry.read(folder, (), "tiny").card("tiny").precision == "q8_0"


CHAT = "{% for message in messages %}{{ message.content }}{% endfor %}"


def parts_of(folder: Path) -> list[Path]:
    """Write a model in three files and return them in order."""
    folder.mkdir()
    write_gguf(folder / "tiny.gguf", tensors_per_file=5, template=CHAT)
    return sorted(folder.glob("tiny-0000?-of-00003.gguf"))


@pytest.mark.parametrize("named", [0, 1, 2])
def test_any_part_of_a_split_model_brings_all_of_them(
    folder: Path, tmp_path: Path, named: int
) -> None:
    parts = parts_of(tmp_path / "parts")
    assert len(parts) == 3
    assert model("add", "tiny", parts[named]) == 0
    card = Registry.read(folder, (), "tiny").card("tiny")
    assert (card.path, card.error) == (str(parts[0]), "")
    assert card.size_bytes == sum(part.stat().st_size for part in parts)
    whole = write_gguf(tmp_path / "whole.gguf", template=CHAT)
    assert model("add", "whole", whole) == 0
    other = Registry.read(folder, (), "tiny").card("whole")
    assert abs(estimate_bytes(card) - estimate_bytes(other)) < 0.05 * estimate_bytes(other)


@pytest.mark.slow
def test_a_split_model_writes_what_the_whole_one_writes(tmp_path: Path) -> None:
    options = LoadOptions(context_tokens=128, slots=1, threads=1)
    written = []
    for path in (parts_of(tmp_path / "parts")[0], write_gguf(tmp_path / "whole.gguf")):
        runner = open_runner(str(path), options)
        prompt = runner.render((), "abc")
        assert runner.admit(GenerationJob(1, prompt, Sampling(max_tokens=20)))
        chunks = []
        while runner.busy:
            chunks += [(chunk.text, chunk.tokens) for chunk in runner.step()]
        written.append(chunks)
        runner.close()
    assert written[0] == written[1]
    assert written[0]


def test_a_split_model_of_which_a_part_is_missing_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = parts_of(tmp_path / "parts")
    parts[1].unlink()
    assert model("add", "tiny", parts[0]) != 0
    error = capsys.readouterr().err
    assert "tiny-00002-of-00003.gguf" in error
    assert "put all its parts there" in error
    assert not (folder / CATALOGUE).exists()


def test_a_part_under_another_name_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = parts_of(tmp_path / "parts")
    for part, number in ((first, 1), (second, 2)):
        alone = part.rename(tmp_path / f"alone{number}.gguf")
        assert model("add", "tiny", alone) != 0
        assert f"is part {number} of 3 of a model" in capsys.readouterr().err


def test_a_part_cut_short_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = parts_of(tmp_path / "parts")
    parts[2].write_bytes(parts[2].read_bytes()[:-4096])
    assert model("add", "tiny", parts[0]) != 0
    assert "tiny-00003-of-00003.gguf" in capsys.readouterr().err


def test_the_licence_in_a_model_s_files_is_used(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_gguf(tmp_path / "licensed.gguf", licence="apache-2.0", template=CHAT)
    assert model("add", "own", file) == 0
    assert model("add", "said", file, "--licence", "MIT") == 0
    registry = Registry.read(folder, (), "own")
    assert [registry.card(name).licence for name in ("own", "said")] == ["apache-2.0", "MIT"]
    capsys.readouterr()
    assert model("list") == 0
    assert "apache-2.0" in capsys.readouterr().out


def test_a_model_without_chat_template_is_added_with_a_word_about_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("add", "base", write_gguf(tmp_path / "base.gguf")) == 0
    assert "base has no chat template" in capsys.readouterr().out
    assert model("add", "chat", write_gguf(tmp_path / "chat.gguf", template=CHAT)) == 0
    assert "no chat template" not in capsys.readouterr().out
    assert model("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["no chat template" in line for line in lines] == [False, True, False]
    text = (folder / CATALOGUE).read_text()
    (folder / CATALOGUE).write_text(text.replace('"base"', '"base"\nchat_template = "{{ 1 }}"', 1))
    assert model("list") == 0
    assert "no chat template" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["été", "../x", "", "a b", "-a", "a" * 129, "x/y"])
def test_a_bad_name_is_refused_in_words(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert model("add", "--", name, weights) != 0
    error = capsys.readouterr().err
    assert "a name has up to 128 letters" in error
    assert "^[" not in error
    folder.mkdir(exist_ok=True)
    (folder / CATALOGUE).write_text(f'[[model]]\nname = "{name}"\nformat = "gguf"\nsource = "x"\n')
    assert model("list") != 0
    error = capsys.readouterr().err
    assert "a name has up to 128 letters" in error
    assert "^[" not in error


@pytest.mark.slow
def test_a_model_that_fits_as_it_is_needs_nothing_smaller(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("add", "tiny", weights) == 0
    low = ("--agreement", 0, "--perplexity", 99)
    assert model("quantize", "tiny", "q4_k_m", *low) == 0
    made = Path(Registry.read(folder, (), "tiny").card("tiny").path)
    assert model("add", "small", made) == 0
    capsys.readouterr()
    assert model("quantize", "small", "auto") == 0
    out = capsys.readouterr().out
    assert "small fits as it is: nothing smaller is made of gguf q4_k_m" in out
    assert model("quantize", "small", "auto", "--room", 1_000) != 0
    error = capsys.readouterr().err
    assert "does not fit in 1,000 bytes: as it is it takes" in error


@pytest.mark.slow
def test_list_shows_what_bench_measured(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert model("add", "tiny", weights) == 0
    card = Registry.read(folder, (), "tiny").card("tiny")
    service = Measurements.read(folder / MEASUREMENTS)
    service.record(card, memory_bytes=1_000, tokens_per_s=28.4)
    service.write()
    capsys.readouterr()
    assert model("bench", "tiny", "--tokens", 8, "--at-once", 2) == 0
    benched = re.search(r"tiny: ([\d.]+) tokens/s, 2 at once", capsys.readouterr().out)
    assert benched
    service.write()  # a service that goes on and measured nothing new
    assert model("list") == 0
    line = capsys.readouterr().out
    assert f"bench={benched[1]} tokens/s, 2 at once" in line
    assert "tokens/s=28.4" in line
