"""A model that writes one token without end, in a real process: it is stopped, its slot is free."""

import asyncio
from pathlib import Path

import pytest

from ai_core.engines.base import Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import LoadOptions
from tests.ai_core.engines.engine_calls import chunks_of
from tests.models.vocabularies import write_vocabulary

pytestmark = pytest.mark.slow


async def test_an_answer_that_repeats_itself_is_stopped(tmp_path: Path) -> None:
    path = await asyncio.to_thread(write_vocabulary, tmp_path / "tiny.gguf", "bpe")
    options = LoadOptions(context_tokens=2_048, slots=1, threads=1)
    engine = await ProcessEngine.start("tiny", "tiny-1", "gguf", str(path), options)
    for _ in range(2):
        *_, last = chunks = await chunks_of(engine, "Et moi ?", Sampling(max_tokens=800))
        assert last.finish_reason == "repetition"
        assert 160 <= sum(chunk.tokens for chunk in chunks) < 200
    *_, last = await chunks_of(engine, "Et moi ?", Sampling(max_tokens=100))
    assert last.finish_reason == "length"
    await engine.close()
