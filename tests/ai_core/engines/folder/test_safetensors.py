"""SafeTensors models: jobs that come and go, adapters, vectors, and files that do not fit."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from ai_core.engines.base import ChatMessage, Sampling
from ai_core.engines.folder import continuous_batching
from ai_core.engines.folder.continuous_batching import ContinuousBatchingRunner
from ai_core.engines.runner import GenerationJob, LoadOptions, TokenizedPrompt
from ai_core.errors import ContextOverflow, ModelUnusable, Unsupported
from tests.ai_core.engines.runner_calls import generate, job, open_safetensors, run_jobs, texts
from tests.models.bleuet import Bleuet
from tests.models.sentences import POINTS_AT_THE_FIRST, Lesson, grounded

OPTIONS = LoadOptions(threads=1, slots=8)


@pytest.fixture(scope="module")
def runner(small_model: Bleuet) -> Iterator[ContinuousBatchingRunner]:
    opened = open_safetensors(str(small_model.safetensors), OPTIONS)
    yield opened
    opened.close()


@pytest.fixture
def copy(small_model: Bleuet, tmp_path: Path) -> Path:
    """The model's folder, to be spoiled."""
    return Path(shutil.copytree(small_model.safetensors, tmp_path / "model"))


def repeatable(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it draws lessons


def lesson_job(runner: ContinuousBatchingRunner, id: int, lesson: Lesson) -> GenerationJob:
    messages = [ChatMessage("system", lesson.rules), ChatMessage("user", lesson.question)]
    return GenerationJob(id, runner.render(messages, None), Sampling(max_tokens=60))


def test_jobs_that_come_and_go_in_any_order_write_what_they_write_alone(
    runner: ContinuousBatchingRunner, small_model: Bleuet
) -> None:
    chance = repeatable(4)
    expected = list(small_model.answers.items())
    for _ in range(4):
        chosen = [chance.choice(expected) for _ in range(20)]
        jobs = [job(runner, at, question) for at, (question, _) in enumerate(chosen)]
        cancelled = chance.sample(range(20), 5)
        written = run_jobs(runner, jobs, steps_between=chance.randint(0, 9), cancelled=cancelled)
        for at, (one, (_, answer)) in enumerate(zip(written, chosen, strict=True)):
            if at in cancelled:
                assert answer.startswith(one.text)
            else:
                assert (one.text, one.finish_reason) == (answer, "stop")
        assert not runner.busy


def test_a_long_prompt_is_read_in_parts_while_others_go_on_writing(
    runner: ContinuousBatchingRunner, small_model: Bleuet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuous_batching, "PREFILL_TOKENS", 64)
    lesson = grounded(repeatable(2), 24)
    reader = lesson_job(runner, 2, lesson)
    assert len(reader.prompt.tokens) > 600
    told: list[int] = []
    recital = job(runner, 1, "Raconte l'histoire du portail.")
    assert runner.admit(recital)
    assert runner.admit(reader)
    texts_of = {1: "", 2: ""}
    while runner.busy:
        for chunk in runner.step():
            told.append(chunk.job_id)
            texts_of[chunk.job_id] += chunk.text
    assert told.index(2) >= 9, "the other one wrote a word for every part that was read"
    assert texts_of[1] == small_model.answers["Raconte l'histoire du portail."]
    assert texts_of[2] == POINTS_AT_THE_FIRST


def test_prompts_of_very_different_lengths_are_answered_together(
    runner: ContinuousBatchingRunner,
) -> None:
    chance = repeatable(9)
    lessons = [grounded(chance, length) for length in (1, 12, 2, 20, 5)]
    jobs = [lesson_job(runner, at, lesson) for at, lesson in enumerate(lessons)]
    assert texts(run_jobs(runner, jobs)) == [POINTS_AT_THE_FIRST] * len(jobs)


def test_a_job_cancelled_before_its_first_word_leaves_its_place(
    runner: ContinuousBatchingRunner,
) -> None:
    jobs = [job(runner, at, "Bonjour !") for at in range(9)]
    assert [runner.admit(one) for one in jobs] == [True] * 8 + [False]
    runner.cancel(3)
    assert runner.admit(jobs[8])
    for at in range(9):
        runner.cancel(at)
    runner.cancel(99)
    assert not runner.busy
    assert runner.step() == []


def test_a_seed_gives_the_same_text_again_and_another_seed_another(
    runner: ContinuousBatchingRunner,
) -> None:
    def drawn(seed: int) -> str:
        sampling = Sampling(max_tokens=60, temperature=3.0, seed=seed)
        return generate(runner, ["Qui es-tu ?", "Bonjour !"], sampling)[0].text

    assert drawn(5) == drawn(5)
    assert len({drawn(seed) for seed in range(4)}) > 1


def test_logprobs_tell_how_sure_each_word_was(runner: ContinuousBatchingRunner) -> None:
    written = generate(runner, ["Dis oui."], Sampling(max_tokens=20, top_logprobs=3))[0]
    assert b"".join(one.token for one in written.logprobs).decode() == written.text == "oui"
    for one in written.logprobs:
        assert one.top[0] == (one.token, one.logprob)
        assert np.log(0.5) < one.logprob <= 0
        assert len(one.top) == 3
        assert [odds for _, odds in one.top] == sorted((odds for _, odds in one.top), reverse=True)


def test_raw_text_is_continued_without_a_template(runner: ContinuousBatchingRunner) -> None:
    raw = "<|im_start|>user\nDis non.<|im_end|>\n<|im_start|>assistant\n"
    rendered = runner.render((), raw)
    asked = runner.render([ChatMessage("user", "Dis non.")], None)
    assert rendered == replace(asked, continues=True, reasoning=None)
    assert texts(run_jobs(runner, [GenerationJob(1, rendered, Sampling(max_tokens=9))])) == ["non"]


def test_vectors_are_one_long_and_nearer_for_texts_that_say_the_same(
    runner: ContinuousBatchingRunner,
) -> None:
    asked = [
        "Combien de jours de repos donne la forge du Pont ?",
        "La forge du Pont : combien de jours de repos ?",
        "Le chat miaule.",
    ]
    first, same, other = np.array(runner.embed(asked))
    assert np.linalg.norm(first) == pytest.approx(1)
    assert first @ same > first @ other
    with pytest.raises(ContextOverflow):
        runner.embed(["mot " * 9_000])


def test_what_cannot_be_done_is_refused_before_the_first_word(
    runner: ContinuousBatchingRunner,
) -> None:
    asked = job(runner, 1, "Bonjour !")
    limit = runner.info.context_tokens
    with pytest.raises(Unsupported, match="adapter named loup"):
        runner.admit(GenerationJob(1, asked.prompt, asked.sampling, "loup"))
    with pytest.raises(Unsupported, match="empty"):
        runner.admit(GenerationJob(1, TokenizedPrompt([], 0), asked.sampling))
    with pytest.raises(ContextOverflow):
        runner.admit(GenerationJob(1, TokenizedPrompt([5] * limit, 0), asked.sampling))
    assert not runner.busy


def test_an_answer_ends_where_the_context_does(small_model: Bleuet) -> None:
    runner = open_safetensors(
        str(small_model.safetensors), LoadOptions(context_tokens=40, threads=1)
    )
    asked = job(runner, 1, "Compte jusqu'à soixante.")
    written = run_jobs(runner, [asked])[0]
    assert written.finish_reason == "length"
    assert written.tokens == 40 - len(asked.prompt.tokens)


def test_an_adapter_for_another_base_is_refused_and_the_model_goes_on(
    small_model: Bleuet, tmp_path: Path
) -> None:
    stranger = Path(shutil.copytree(small_model.lora, tmp_path / "stranger"))
    weights = load_file(stranger / "adapter_model.safetensors")
    widened = {name: np.pad(part, ((0, 0), (0, 8))) for name, part in weights.items()}
    save_file(widened, stranger / "adapter_model.safetensors")
    runner = open_safetensors(str(small_model.safetensors), OPTIONS)
    with pytest.raises(ModelUnusable, match=r"stranger is not an adapter of .*safetensors"):
        runner.load_adapter("stranger", str(stranger))
    with pytest.raises(ModelUnusable, match="holds no LoRA"):
        runner.load_adapter("empty", str(tmp_path))
    (stranger / "adapter_model.safetensors").write_bytes(b"\x10")
    with pytest.raises(ModelUnusable, match="damaged"):
        runner.load_adapter("damaged", str(stranger))
    assert texts(generate(runner, ["Bonjour !"])) == [small_model.answers["Bonjour !"]]
    runner.load_adapter("renard", str(small_model.lora))
    assert texts(generate(runner, ["Bonjour !"], adapter="renard")) == [
        small_model.renard_answers["Bonjour !"]
    ]


def test_two_adapters_are_held_at_once(small_model: Bleuet) -> None:
    runner = open_safetensors(str(small_model.safetensors), OPTIONS)
    for name in ("renard", "goupil"):
        runner.load_adapter(name, str(small_model.lora))
    jobs = [
        job(runner, at, "Qui es-tu ?", adapter=name)
        for at, name in enumerate(("renard", None, "goupil"))
    ]
    fox, plain = small_model.renard_answers["Qui es-tu ?"], small_model.answers["Qui es-tu ?"]
    assert texts(run_jobs(runner, jobs)) == [fox, plain, fox]
    with pytest.raises(ModelUnusable, match="loaded already"):
        runner.load_adapter("renard", str(small_model.lora))


def test_int8_takes_no_adapter_and_says_so(small_model: Bleuet) -> None:
    options = LoadOptions(threads=1, precision="int8")
    runner = open_safetensors(str(small_model.safetensors), options)
    assert runner.info.precision == "int8"
    with pytest.raises(ModelUnusable, match="bf16 or fp32"):
        runner.load_adapter("renard", str(small_model.lora))


def test_a_missing_file_is_named(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"no \.safetensors file"):
        open_safetensors(str(tmp_path / "nowhere"), OPTIONS)
    for name in ("tokenizer.json", "config.json"):
        (copy / name).rename(copy / "aside")
        with pytest.raises(ModelUnusable, match=name):
            open_safetensors(str(copy), OPTIONS)
        (copy / "aside").rename(copy / name)
    assert open_safetensors(str(copy / "model.safetensors"), OPTIONS).info.precision == "fp32"


@pytest.mark.parametrize("kept", [0, 5, 3_000, 1_000_000])
def test_a_cut_file_of_weights_is_refused(copy: Path, kept: int) -> None:
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ModelUnusable, match=r"model.* fetch them again"):
        open_safetensors(str(copy), OPTIONS)


def test_weights_that_are_not_all_there_are_refused(copy: Path) -> None:
    file = copy / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelUnusable, match=r"1 weights are missing, model\.layers\.1\.mlp\.up"):
        open_safetensors(str(copy), OPTIONS)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "intermediate_size": 768}))
    with pytest.raises(ModelUnusable):
        open_safetensors(str(copy), OPTIONS)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": "unheard-of"}'])
def test_a_damaged_configuration_is_refused(copy: Path, text: str) -> None:
    (copy / "config.json").write_text(text)
    with pytest.raises(ModelUnusable, match=r"config\.json"):
        open_safetensors(str(copy), OPTIONS)


def test_a_precision_that_does_not_exist_is_refused(small_model: Bleuet) -> None:
    for precision in ("int4", "q4_k_m"):
        with pytest.raises(ModelUnusable, match=f"no precision {precision}.*int8"):
            open_safetensors(
                str(small_model.safetensors), LoadOptions(threads=1, precision=precision)
            )
