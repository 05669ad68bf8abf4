"""A conversation that a model's template refuses, in a real model process: a 400 for it alone."""

import asyncio
from pathlib import Path

import pytest

from ai_core.engines.base import ChatMessage, Prompt, Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import LoadOptions
from ai_core.errors import Unsupported
from tests.ai_core.engines.decoding.templates import FAMILIES
from tests.models.vocabularies import write_vocabulary

pytestmark = pytest.mark.slow

STRICT = (
    "{% for message in messages %}{% if 'assistant' == message.role %}"
    "{{ raise_exception('Seules les questions sont lues') }}{% endif %}{{ message.content }}"
    "{% endfor %}"
)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
SAMPLING = Sampling(max_tokens=2)


async def load(path: Path, template: str) -> ProcessEngine:
    await asyncio.to_thread(write_vocabulary, path, "bpe", template=template)
    options = LoadOptions(context_tokens=512, slots=2, threads=1)
    return await ProcessEngine.start("tiny", "tiny-1", "gguf", str(path), options)


def asked(*texts: tuple[str, str]) -> Prompt:
    messages = tuple(ChatMessage(role, text) for role, text in texts)  # type: ignore[arg-type]
    return Prompt(messages, "", (), "fr")


async def count(engine: ProcessEngine, prompt: Prompt) -> int:
    return sum([chunk.tokens async for chunk in engine.stream(prompt, SAMPLING)])


async def test_a_refused_conversation_fails_alone(tmp_path: Path) -> None:
    engine = await load(tmp_path / "strict.gguf", STRICT)
    refused = asked(("user", "a"), ("assistant", "b"), ("user", "c"))
    fine = asked(("user", "a"))
    answers = await asyncio.gather(
        *(count(engine, one) for one in (fine, refused, fine, refused)), return_exceptions=True
    )
    assert answers[0] == answers[2] == 2
    for error in (answers[1], answers[3]):
        assert isinstance(error, Unsupported)
        assert "Seules les questions sont lues" in str(error)
        assert [fault["field"] for fault in error.faults] == ["messages"]
    assert not engine.exited.done()
    await engine.close()


async def test_a_template_without_end_holds_nobody_up(tmp_path: Path) -> None:
    engine = await load(tmp_path / "endless.gguf", ENDLESS)
    with pytest.raises(Unsupported, match="takes too long"):
        await count(engine, asked(("user", "a")))
    assert await engine.count_tokens(["abc"]) == [3]
    await engine.close()


@pytest.mark.parametrize("family", ["mistral-v1", "gemma-2", "command-r"])
async def test_a_strict_template_takes_what_callers_send(family: str, tmp_path: Path) -> None:
    engine = await load(tmp_path / "tiny.gguf", FAMILIES[family].template)
    for conversation in (
        [("user", "Dis oui."), ("user", "Dis non.")],
        [("assistant", "Bonjour."), ("user", "Dis non.")],
        [("system", "x"), ("user", "a"), ("assistant", "b"), ("system", "y"), ("user", "c")],
        [("system", "Dis oui.")],
        [("user", "a"), ("assistant", "Six fois")],
    ):
        assert await count(engine, asked(*conversation)) == 2
    await engine.close()
