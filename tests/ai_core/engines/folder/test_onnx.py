"""ONNX models: quantized, and files that do not fit. What they write is in test_formats."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from ai_core.engines.folder.onnx import open_runner, quantize_int8
from ai_core.engines.runner import LoadOptions
from ai_core.errors import ModelUnusable, Unsupported
from tests.ai_core.engines.runner_calls import generate, texts
from tests.models.bleuet import ROOT, Bleuet

OPTIONS = LoadOptions(threads=1, slots=4)


@pytest.fixture
def copy(small_model: Bleuet, tmp_path: Path) -> Path:
    """The model's folder, to be spoiled."""
    return Path(shutil.copytree(small_model.onnx, tmp_path / "model"))


def test_int8_is_a_third_of_the_size_and_says_what_it_is(
    small_model: Bleuet, tmp_path: Path
) -> None:
    quantize_int8(small_model.onnx, tmp_path)
    whole, small = (folder / "model.onnx" for folder in (small_model.onnx, tmp_path))
    assert small.stat().st_size < whole.stat().st_size / 3
    assert open_runner(str(tmp_path), OPTIONS).info.precision == "int8"
    assert open_runner(str(small_model.onnx), OPTIONS).info.precision == "fp32"


def test_a_precision_that_was_not_made_is_refused(small_model: Bleuet) -> None:
    with pytest.raises(ModelUnusable, match=r"model\.onnx is in fp32.*quantize"):
        open_runner(str(small_model.onnx), LoadOptions(threads=1, precision="int8"))


def test_the_int8_file_of_a_folder_with_several_is_opened(
    copy: Path, tmp_path: Path, small_model: Bleuet
) -> None:
    quantize_int8(small_model.onnx, tmp_path / "int8")
    (copy / "onnx").mkdir()
    (tmp_path / "int8" / "model.onnx").rename(copy / "onnx" / "model_quantized.onnx")
    options = LoadOptions(threads=1, precision="int8")
    assert open_runner(str(copy), options).info.precision == "int8"
    assert open_runner(str(copy), OPTIONS).info.precision == "fp32"


def test_a_file_may_be_named_instead_of_its_folder(copy: Path, small_model: Bleuet) -> None:
    (copy / "onnx").mkdir()
    (copy / "model.onnx").rename(copy / "onnx" / "model.onnx")
    for path in (copy, copy / "onnx" / "model.onnx"):
        runner = open_runner(str(path), OPTIONS)
        assert texts(generate(runner, ["Bonjour !"])) == [small_model.answers["Bonjour !"]]


def test_neither_torch_nor_transformers_is_loaded(small_model: Bleuet) -> None:
    program = (
        "import sys; from ai_core.engines.folder.onnx import open_runner;"
        "from ai_core.engines.runner import LoadOptions;"
        f"open_runner({str(small_model.onnx)!r}, LoadOptions(threads=1));"
        "print({'torch', 'transformers', 'llama_cpp', 'onnx'} & set(sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "set()"


def test_what_onnx_cannot_do_is_refused(small_model: Bleuet) -> None:
    runner = open_runner(str(small_model.onnx), OPTIONS)
    with pytest.raises(Unsupported, match="vectors"):
        runner.embed(["Bonjour"])
    with pytest.raises(ModelUnusable, match=r"renard.*SafeTensors or GGUF"):
        runner.load_adapter("renard", str(small_model.lora))
    assert texts(generate(runner, ["Bonjour !"])) == [small_model.answers["Bonjour !"]]


def test_a_graph_without_a_cache_is_refused(copy: Path) -> None:
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    words = onnx.numpy_helper.from_array(np.ones((8, 8), np.float32), "words")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["input_ids", "words"], ["logits"])],
        "no cache",
        [value("input_ids", kind, ["rows", 8])],
        [value("logits", kind, ["rows", 8])],
        [words],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=9), copy / "model.onnx")
    with pytest.raises(ModelUnusable, match=r"keeps no keys and values.*with its cache"):
        open_runner(str(copy), OPTIONS)


@pytest.mark.parametrize("kept", [0, 100, 1_000_000])
def test_a_cut_file_is_refused(copy: Path, kept: int) -> None:
    file = copy / "model.onnx"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelUnusable, match=r"model\.onnx cannot be opened.*again"):
        open_runner(str(copy), OPTIONS)
    with pytest.raises(ModelUnusable, match=r"model\.onnx cannot be quantized"):
        quantize_int8(copy, copy / "int8")


def test_a_missing_file_is_named(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"no model\.onnx there"):
        open_runner(str(tmp_path), OPTIONS)
    for name in ("tokenizer.json", "config.json"):
        (copy / name).rename(copy / "aside")
        with pytest.raises(ModelUnusable, match=name):
            open_runner(str(copy), OPTIONS)
        (copy / "aside").rename(copy / name)


def test_another_models_tokenizer_is_refused(copy: Path) -> None:
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = dict(list(words.items())[:300])
    tokenizer["model"]["merges"] = []
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelUnusable, match="another model's tokenizer"):
        open_runner(str(copy), OPTIONS)
