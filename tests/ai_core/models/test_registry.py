"""models.toml, read: which models exist, and what is wrong with them."""

import json
import struct
from pathlib import Path

import gguf
import pytest

from ai_core.engines.base import Engine
from ai_core.errors import ModelUnusable, UnknownModel
from ai_core.models.files import GGML_BLOCKS, guess_format, read_metadata
from ai_core.models.registry import CATALOGUE, Registry
from ai_core.models.variants import Variant, Variants
from shared.settings import WrongSettings
from tests.ai_core.tiny_models import write_gguf


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def written(folder: Path, text: str, default: str = "one") -> Registry:
    (folder / CATALOGUE).write_text(text)
    built_in: tuple[Engine, ...] = ()
    return Registry.read(folder, built_in, default)


def entry(name: str, source: Path | str, *more: str, format: str = "gguf") -> str:
    lines = [f'name = "{name}"', f'format = "{format}"', f'source = "{source}"', *more]
    return "[[model]]\n" + "\n".join(lines) + "\n"


def folder_of_safetensors(folder: Path, *, hidden: int = 64) -> Path:
    folder.mkdir()
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    whole = struct.pack("<Q", len(header)) + header + bytes(16)
    (folder / "model.safetensors").write_bytes(whole)
    config = {
        "model_type": "llama", "num_hidden_layers": 2, "hidden_size": hidden, "vocab_size": 100,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
        "torch_dtype": "float32",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_a_model_is_described_by_its_files(tmp_path: Path, weights: Path) -> None:
    card = written(tmp_path, entry("one", weights, "pinned = true", 'licence = "MIT"')).card("one")
    assert (card.format, card.precision, card.context_tokens) == ("gguf", "f32", 512)
    assert card.size_bytes == weights.stat().st_size
    assert (card.pinned, card.licence, card.error) == (True, "MIT", "")
    assert 2 <= card.options.slots <= 16


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[model]]\nname = "one"\nformat = "gguf"\nsourse = "x"\n', "model one: sourse: unknown"),
        ('[[model]]\nname = "one"\nformat = "gguf"\n', "model one: .*needs its source"),
        ('[[model]]\nformat = "gguf"\nsource = "x"\n', "model 1: name: Field required"),
        ('[[model]]\nname = "a/b"\nformat = "gguf"\nsource = "x"\n', "model a/b: name"),
        ('[[model]]\nname = "one"\nformat = "lora"\nsource = "x"\n', "model one: .*base"),
        (entry("one", "x") + entry("one", "y"), "model one: the name is used twice"),
        (entry("one", "x", 'base = "two"', format="lora"), "model one: base two is no"),
        ("[[model]\n", r"line 1"),
        ('defaut = "one"\n', "defaut: unknown key"),
    ],
)
def test_a_wrong_catalogue_is_refused_with_one_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(WrongSettings, match=sentence) as refusal:
        written(tmp_path, text)
    assert "\n" not in str(refusal.value)


def test_a_default_that_does_not_exist_is_refused(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(UnknownModel, match="two does not exist"):
        written(tmp_path, entry("one", weights), default="two")


def test_the_default_of_the_file_answers_unless_the_settings_name_another(
    tmp_path: Path, weights: Path
) -> None:
    text = 'default = "two"\n' + entry("one", weights) + entry("two", weights)
    assert written(tmp_path, text, default="").default == "two"
    assert written(tmp_path, text, default="one").default == "one"


def test_a_model_without_files_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    card = written(tmp_path, entry("one", tmp_path / "gone.gguf")).card("one")
    assert "gone.gguf does not exist" in card.error


def test_other_weights_have_another_identity(tmp_path: Path, weights: Path) -> None:
    def identity(*more: str) -> str:
        return written(tmp_path, entry("one", weights, *more)).card("one").weights

    assert identity('sha256 = "a"') == identity('sha256 = "a"', "pinned = true")
    others = {identity('sha256 = "a"'), identity('sha256 = "b"'), identity()}
    assert len(others | {identity('sha256 = "a"', 'chat_template = "x"')}) == 4


def test_a_precision_in_use_takes_the_place_of_the_original(tmp_path: Path, weights: Path) -> None:
    registry = written(tmp_path, entry("one", weights, 'sha256 = "a"'))
    before = registry.card("one")
    made = write_gguf(tmp_path / "made.gguf", seed=2)
    variant = Variant("q8_0", of="a", path=made.name, sha256="b", agreement=0.97)
    Variants().select(variant).write(tmp_path / "one")
    assert registry.refresh()
    after = registry.card("one")
    assert after.path == str(made)
    assert (after.precision, after.agreement) == ("q8_0", 0.97)
    assert after.weights != before.weights
    assert not registry.refresh()


def test_an_adapter_reads_as_its_base_and_writes_as_both(tmp_path: Path, weights: Path) -> None:
    def adapter(base_hash: str) -> tuple[int, str]:
        base = entry("one", weights, f'sha256 = "{base_hash}"', "context_tokens = 300")
        lora = entry("voice", "voice.gguf", 'base = "one"', 'sha256 = "v"', format="lora")
        card = written(tmp_path, base + lora).card("voice")
        return card.context_tokens, card.weights

    assert adapter("a")[0] == 300
    assert adapter("a") != adapter("b")


def test_a_remote_model_is_known_by_its_servers(tmp_path: Path) -> None:
    text = '[[model]]\nname = "one"\nformat = "remote"\nupstreams = ["http://a/v1"]\n'
    card = written(tmp_path, text + 'upstream_model = "mistral"\n').card("one")
    assert (card.upstreams, card.upstream_model) == (("http://a/v1",), "mistral")
    assert card.weights != written(tmp_path, text).card("one").weights


def test_a_truncated_gguf_is_detected(tmp_path: Path, weights: Path) -> None:
    assert read_metadata(weights, "gguf").vocabulary == 259
    whole = weights.read_bytes()
    for length in (3, 20, 900, len(whole) - 1):
        cut = tmp_path / "cut.gguf"
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelUnusable, match="damaged"):
            read_metadata(cut, "gguf")


def test_the_sizes_of_ggml_types_are_those_of_its_own_package() -> None:
    known = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: known[kind] for kind in GGML_BLOCKS} == GGML_BLOCKS


def test_a_folder_of_safetensors_is_checked_before_it_is_loaded(tmp_path: Path) -> None:
    folder = folder_of_safetensors(tmp_path / "whole")
    metadata = read_metadata(folder, guess_format(folder))
    assert (metadata.format, metadata.context_tokens, metadata.precision) == (
        "safetensors",
        2048,
        "fp32",
    )
    assert metadata.cache_bytes_per_token == 2 * 4 * 2 * 2 * 16
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelUnusable, match=r"model\.safetensors: \d+ bytes expected"):
        read_metadata(folder, "safetensors")


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = folder_of_safetensors(tmp_path / "mute")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json missing"):
        read_metadata(folder, "safetensors")


def test_the_format_is_detected_from_the_files(tmp_path: Path, weights: Path) -> None:
    assert guess_format(weights) == "gguf"
    (tmp_path / "cut.gguf").write_bytes(weights.read_bytes()[:30])
    assert guess_format(tmp_path / "cut.gguf") == "gguf"
    lora = tmp_path / "lora"
    lora.mkdir()
    (lora / "adapter_config.json").write_text("{}")
    assert guess_format(lora) == "lora"
    onnx = tmp_path / "onnx"
    onnx.mkdir()
    (onnx / "model.onnx").write_bytes(b"x")
    assert guess_format(onnx) == "onnx"
    (tmp_path / "note.txt").write_text("bonjour")
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "note.txt", tmp_path / "empty"):
        with pytest.raises(ModelUnusable):
            guess_format(nothing)
