"""What a model thinks before it answers is never part of the answer, however it is marked."""

import json
from typing import Any

import pytest

from ai_core.answering.reasoning import LearningReasoningFilter, ReasoningFilter
from ai_core.engines.base import ReasoningStart
from ai_core.engines.reasoning_marks import opened_at_end
from tests.ai_core.conftest import document, library, redis, running_app, sample
from tests.ai_core.engines.remote.test_engine import remote
from tests.ai_core.engines.remote.test_upstream_dialects import DONE, delta, end, server, stream

__all__ = ["document", "library", "redis", "running_app", "sample"]

THOUGHT = "Il demande le délai."
ANSWER = "Le délai est d'un mois < trois mois."
MARKED = {
    "tag": f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}",
    "capitals": f"<THINK>{THOUGHT}</THINK> {ANSWER}",
    "thinking": f" \n<Thinking>{THOUGHT}</Thinking>\n{ANSWER}",
    "reasoning": f"<REASONING>{THOUGHT}</reasoning>{ANSWER}",
    "thought": f"<thought>{THOUGHT}</thought>{ANSWER}",
    "brackets": f"[THINK]{THOUGHT}[/THINK]{ANSWER}",
    "two blocks": f"<think></think>\n<think>{THOUGHT}</think>{ANSWER}",
    "gemma": f"<|channel>thought\n{THOUGHT}<channel|>{ANSWER}",
    "command": f"<|START_THINKING|>{THOUGHT}<|END_THINKING|>{ANSWER}",
    "gpt-oss": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant"
    f"<|channel|>final<|message|>{ANSWER}",
    "gpt-oss with a tool": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant"
    f"<|channel|>commentary to=functions.x <|constrain|>json<|message|>{{}}<|call|>"
    f"<|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
}
PIECES = (1, 3, 7, 10_000)


def split(found: ReasoningFilter, text: str, size: int, *, cut: bool = False) -> tuple[str, str]:
    parts = [found.feed(text[at : at + size]) for at in range(0, len(text), size)]
    parts.append(found.finish(cut=cut))
    return "".join(one.answer for one in parts), "".join(one.reasoning for one in parts)


@pytest.mark.parametrize("name", MARKED)
def test_reasoning_of_every_kind_is_told_apart_however_it_is_cut(name: str) -> None:
    for size in PIECES:
        answer, reasoning = split(ReasoningFilter(), MARKED[name], size)
        assert answer == ANSWER
        assert THOUGHT in reasoning


def test_reasoning_that_begins_after_the_first_words_is_told_apart() -> None:
    for size in PIECES:
        text = f"Bonjour.\n<think>{THOUGHT}</think>\n{ANSWER}"
        assert split(ReasoningFilter(), text, size) == (f"Bonjour.\n{ANSWER}", THOUGHT)


@pytest.mark.parametrize(
    "text",
    [
        "Entre `<think>` et `</think>` le modèle réfléchit.",
        "</think> ferme une réflexion.",
        "a < b, c <| d, [THIN] et <pense>\n",
        "  Un <|end|> et un <|start|>.",
    ],
)
def test_an_answer_about_marks_keeps_them(text: str) -> None:
    for size in PIECES:
        assert split(ReasoningFilter(), text, size) == (text, "")


def test_reasoning_that_never_ends_is_no_answer() -> None:
    for begun in ("<think>", "<|channel|>analysis<|message|>", "<|channel|>final <thi"):
        answer, _ = split(ReasoningFilter(), begun + THOUGHT, 4)
        assert answer == ""


def test_whether_a_server_begins_inside_the_reasoning_is_learnt_from_its_answers() -> None:
    start = ReasoningStart()
    inside = f"{THOUGHT}\n</think>\n\n{ANSWER}"
    for size in PIECES:
        assert split(LearningReasoningFilter(start), inside, size) == (ANSWER, f"{THOUGHT}\n")
    assert split(LearningReasoningFilter(start), THOUGHT, 5, cut=True) == ("", THOUGHT)
    assert split(LearningReasoningFilter(start), ANSWER, 5) == (ANSWER, "")
    assert split(LearningReasoningFilter(start), ANSWER, 5) == (ANSWER, "")
    found = LearningReasoningFilter(start)
    assert found.feed("Un mois").answer == "Un mois", "known by now: nothing is held"


@pytest.mark.parametrize(
    ("prompt", "continues", "opened"),
    [
        ("<|assistant|>\n<think>\n", False, "<think>\n"),
        ("[/INST] [THINK]", False, "[THINK]"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False, ""),
        ("Pense entre <think> et la suite.\nassistant:", False, ""),
        ("<|start|>assistant<|channel|>analysis<|message|>", False, None),
        ("assistant\n<think>\nD'abord", True, "<think>\nD'abord"),
    ],
)
def test_a_template_that_opens_the_reasoning_is_seen(
    prompt: str, continues: bool, opened: str | None
) -> None:
    wanted = "<|channel|>analysis<|message|>" if opened is None else opened
    assert opened_at_end(prompt, continues=continues) == wanted


async def test_a_server_whose_template_opens_the_reasoning_shows_none_of_it(
    running_app: Any,
) -> None:
    pieces = stream(*map(delta, ("Je pense </", "think>\n\nDeux", " mois.")), end(), DONE)
    question = [{"role": "user", "content": "Quel préavis de démission ?"}]
    async with (
        server(pieces).running() as url,
        remote(url) as engine,
        running_app(engine) as app,
    ):
        key = app.key_header()
        law = await app.client.post("/api/v1/chat", json={"messages": question}, headers=key)
        plain = {"model": "far", "messages": question, "stream": True}
        live = await app.client.post("/v1/chat/completions", json=plain, headers=key)

    assert law.json()["response"].startswith("Deux mois.")
    assert "Je pense" not in law.text
    lines = [line.removeprefix("data: ") for line in live.text.split("\n") if "choices" in line]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    assert "".join(one.get("content", "") for one in deltas) == "Deux mois."
    assert "".join(one.get("reasoning_content", "") for one in deltas).strip() == "Je pense"


async def test_the_channels_of_a_server_are_told_apart(running_app: Any) -> None:
    pieces = stream(*map(delta, (MARKED["gpt-oss"][:70], MARKED["gpt-oss"][70:])), end(), DONE)
    question = [{"role": "user", "content": "Quel préavis de démission ?"}]
    async with (
        server(pieces).running() as url,
        remote(url) as engine,
        running_app(engine) as app,
    ):
        plain = {"model": "far", "messages": question}
        whole = await app.client.post("/v1/chat/completions", json=plain, headers=app.key_header())

    message = whole.json()["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == (ANSWER, THOUGHT)
