"""A word of any length and kind in a real model process: an answer or a refusal, not its death."""

import asyncio
from pathlib import Path

import pytest

from ai_core.engines.base import ChatMessage, Prompt, Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import LoadOptions
from ai_core.errors import ContextOverflow
from tests.ai_core.engines.engine_calls import answer
from tests.models.vocabularies import write_vocabulary

pytestmark = pytest.mark.slow

CHARS = 60_000
UNITS = {
    "letters": "A",
    "small letters": "é",
    "digits": "7",
    "punctuation": "!",
    "spaces": " ",
    "newlines": "\n",
    "ideographs": "漢",
    "thai": "กำลัง",
    "combining marks": "e\u0301",
    "joined emoji": "\U0001f469\u200d\U0001f467",
    "mixed": "aA1!é漢",
    "an address": "/a-b_c?d=%C3%A9&",
}
RECURSIVE = (
    "default", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "poro-chat", "bloom",
    "gpt-4o", "superbpe", "seed-coder", "hunyuan-dense", "tekken", "afmoe",
)  # fmt: skip
"""Names of `tokenizer.ggml.pre` whose expressions llama.cpp gives to std::regex, and whose model
died of one of these words."""


@pytest.mark.parametrize("pre", RECURSIVE)
async def test_no_word_ends_a_model(pre: str, tmp_path: Path) -> None:
    path = await asyncio.to_thread(write_vocabulary, tmp_path / "tiny.gguf", "bpe", pre=pre)
    options = LoadOptions(context_tokens=512, slots=1, threads=1)
    engine = await ProcessEngine.start("tiny", "tiny-1", "gguf", str(path), options)
    words = [unit * (CHARS // len(unit)) for unit in UNITS.values()]
    counts = await engine.count_tokens(words)
    assert min(counts) >= CHARS
    for word in words:
        chat = Prompt((ChatMessage("user", f"Et {word} ?"),), word, (), "fr")
        raw = Prompt((), "", (), "fr", raw=word)
        for prompt in (chat, raw):
            with pytest.raises(ContextOverflow):
                await anext(engine.stream(prompt, Sampling(max_tokens=1)))
        with pytest.raises(ContextOverflow):
            await engine.embed([word])
    assert not engine.exited.done()
    assert await answer(engine, "Et moi ?", Sampling(max_tokens=2)) is not None
    await engine.close()
