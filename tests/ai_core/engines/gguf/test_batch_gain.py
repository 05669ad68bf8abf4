"""Whether answers are written together or in turn, as measured while the model loads."""

from pathlib import Path

import pytest

from ai_core.engines.base import ChatMessage, Sampling
from ai_core.engines.gguf import runner as module
from ai_core.engines.gguf.batch_gain import WORTH_IT, answer_gain
from ai_core.engines.gguf.runner import GgufRunner, open_runner
from ai_core.engines.runner import GenerationJob, LoadOptions
from tests.bench._shapes import END, Shape, write_model

SHAPE = Shape("llama", 2, 64, 4, 2, 128, 600, context_tokens=1_024, spread=0.3)
CHAT = "{% for message in messages %}{{ message['content'] }}" + END + "{% endfor %}"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_model(path, SHAPE, CHAT)
    return path


def opened(file: Path, *, tunes_slots: bool = True) -> GgufRunner:
    options = LoadOptions(context_tokens=256, slots=4, threads=1, tunes_slots=tunes_slots)
    return open_runner(str(file), options)


def written(runner: GgufRunner) -> str:
    prompt = runner.render([ChatMessage("user", "le salaire est verse")], None)
    assert runner.admit(GenerationJob(1, prompt, Sampling(max_tokens=12)))
    text = ""
    while runner.busy:
        text += "".join(chunk.text for chunk in runner.step())
    return text


@pytest.mark.parametrize(("gain", "slots"), [(1.0, 1), (WORTH_IT - 0.01, 1), (WORTH_IT, 4)])
def test_a_model_that_gains_little_writes_in_turn(
    file: Path, monkeypatch: pytest.MonkeyPatch, gain: float, slots: int
) -> None:
    monkeypatch.setattr(module, "measure_batch_gain", lambda *_: gain)
    runner = opened(file)
    assert (runner.info.slots, runner.info.batch_gain) == (slots, gain)
    runner.close()


def test_the_measurement_leaves_nothing_behind_and_slots_that_were_chosen_stay(file: Path) -> None:
    measured, chosen = opened(file), opened(file, tunes_slots=False)
    assert measured.info.batch_gain is not None
    assert measured.info.batch_gain >= 1.0
    assert (chosen.info.slots, chosen.info.batch_gain) == (4, None)
    assert written(measured) == written(chosen)
    measured.close()
    chosen.close()


def test_the_gain_is_that_of_a_whole_answer_from_the_law() -> None:
    assert answer_gain(prompt_row_s=0.0, alone_s=0.08, together_s=0.02) == pytest.approx(4.0)
    assert answer_gain(prompt_row_s=0.01, alone_s=0.08, together_s=0.08) == 1.0
    assert answer_gain(prompt_row_s=0.01, alone_s=0.08, together_s=0.04) < WORTH_IT
