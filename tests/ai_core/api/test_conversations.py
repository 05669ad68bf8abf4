"""Conversations over HTTP, to a GGUF model with a strict chat template in its own process."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import LoadOptions
from tests.ai_core.engines.decoding.templates import FAMILIES
from tests.models.vocabularies import write_vocabulary

pytestmark = pytest.mark.slow

REFUSING = (
    "{% if messages | length > 1 %}{{ raise_exception('Une seule question à la fois') }}{% endif %}"
    "{{ messages[0].content }}"
)
SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
CONVERSATIONS = {
    "two questions": [(USER, "Dis oui."), (USER, "Dis non.")],
    "a greeting": [(ASSISTANT, "Bonjour."), (USER, "Dis non.")],
    "two system turns": [(SYSTEM, "x"), (USER, "a"), (ASSISTANT, "b"), (SYSTEM, "y"), (USER, "c")],
}


async def load(path: Path, template: str) -> ProcessEngine:
    await asyncio.to_thread(write_vocabulary, path, "bpe", template=template)
    options = LoadOptions(context_tokens=2_048, slots=2, threads=1)
    return await ProcessEngine.start("tiny", "tiny-1", "gguf", str(path), options)


async def complete(app: Any, turns: list[tuple[str, str]], max_tokens: int = 2) -> Any:
    messages = [{"role": role, "content": text} for role, text in turns]
    body = {"model": "tiny", "messages": messages, "max_tokens": max_tokens}
    headers = {**app.key_header(), "Accept-Language": "fr"}
    return await app.client.post("/v1/chat/completions", json=body, headers=headers)


@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS)
async def test_a_strict_model_takes_what_callers_send(
    running_app: Any, tmp_path: Path, turns: list[tuple[str, str]]
) -> None:
    engine = await load(tmp_path / "tiny.gguf", FAMILIES["mistral-v1"].template)
    async with running_app(engine) as app:
        response = await complete(app, turns)
        assert response.status_code == 200, response.text
        assert response.json()["usage"]["completion_tokens"] == 2


async def test_a_conversation_that_a_model_refuses_is_its_caller_s_400(
    running_app: Any, tmp_path: Path
) -> None:
    engine = await load(tmp_path / "tiny.gguf", REFUSING)
    async with running_app(engine) as app:
        refused, fine = await asyncio.gather(
            complete(app, [(USER, "a"), (ASSISTANT, "b"), (USER, "c")]),
            complete(app, [(USER, "a")]),
        )
        again = await complete(app, [(USER, "a")])
    assert (refused.status_code, fine.status_code, again.status_code) == (400, 200, 200)
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("unsupported", "messages")
    assert "« tiny »" in error["message"]
    assert "Une seule question à la fois" in error["message"]


async def test_an_answer_that_repeats_itself_says_so(running_app: Any, tmp_path: Path) -> None:
    engine = await load(tmp_path / "tiny.gguf", FAMILIES["chatml"].template)
    async with running_app(engine) as app:
        completion = (await complete(app, [(USER, "a")], max_tokens=800)).json()
        body = {"messages": [{"role": USER, "content": "a"}], "knowledge": False}
        ours = await app.client.post(
            "/api/v1/chat",
            content=json.dumps({**body, "model": "tiny", "max_tokens": 800}),
            headers={**app.key_header(), "Content-Type": "application/json"},
        )
    assert completion["choices"][0]["finish_reason"] == "length"
    assert completion["usage"]["completion_tokens"] < 200
    assert ours.json()["finish_reason"] == "repetition"
