"""Schemas in a real model's process: what they cost others, and what they can do to it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ai_core.engines.base import Sampling
from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.runner import LoadOptions
from ai_core.engines.schemas.bounds import checked_schema
from ai_core.errors import UnsupportedSchema
from tests.ai_core.engines.engine_calls import answer, chunks_of
from tests.ai_core.engines.schemas.generated import schemas
from tests.bench._shapes import END, Shape, write_model

pytestmark = pytest.mark.slow

SHAPE = Shape("llama", 2, 64, 4, 2, 128, 600, context_tokens=2_048, spread=0.3)
CHAT = "{% for message in messages %}{{ message['content'] }}" + END + "{% endfor %}"
WROTE = "Jean Dupont, licencié"
HOSTILE: list[dict[str, Any]] = [
    {"type": "string", "pattern": "^((a|b)?){300}c$"},
    {"type": "string", "pattern": "^((a{0,99}){0,99}){0,99}$"},
    {"type": "string", "pattern": "^(.*)*(.*)*x$"},
    {"type": "string", "pattern": "^.*[ab].{400}$"},
    {"type": "string", "pattern": f"{WROTE}(?=a)"},
    {"type": "string", "pattern": "(" * 5_000 + ")" * 5_000},
    {"type": "integer", "multipleOf": 7_919_000_000_001, "minimum": 3},
    {"enum": [f"{WROTE} {n}" for n in range(30_000)]},
    {"anyOf": [{"type": "string", "pattern": f"^.*{n}.{{50}}$"} for n in range(40)]},
    {"allOf": [{"anyOf": [{"maxLength": n * m} for n in range(9)]} for m in range(1, 9)]},
    {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(3_000)}},
    {"type": "array", "items": {"type": "array", "maxItems": 10**9}, "minItems": 10**9},
    {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 2}}, "$ref": "#/$defs/a"},
    {"$ref": "#"},
    {"type": "string", "format": WROTE},
    {"not": {WROTE: 1}},
    {"const": "a" * 30_000},
    {"type": "string", "maxLength": 10**9},
]
"""As no check lets them through: what the process itself makes of them."""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[ProcessEngine]:
    write_model(tmp_path / "tiny.gguf", SHAPE, CHAT)
    options = LoadOptions(context_tokens=1_024, slots=4, threads=1)
    engine = await ProcessEngine.start(
        "tiny", "tiny-1", "gguf", str(tmp_path / "tiny.gguf"), options
    )
    yield engine
    await engine.close()


async def timed(engine: ProcessEngine, tokens: int) -> tuple[str, float]:
    began_s = time.monotonic()
    chunks = await chunks_of(engine, "une question", Sampling(max_tokens=tokens))
    assert sum(chunk.tokens for chunk in chunks) > tokens // 2
    return "".join(chunk.text for chunk in chunks), time.monotonic() - began_s


async def ask(engine: ProcessEngine, schema: object, *, raw: str = "") -> str:
    """Ask with a schema that was not checked; the answer, or the reason for its refusal."""
    sampling = Sampling(max_tokens=60, temperature=1.0, json_schema=raw or json.dumps(schema))
    try:
        return await answer(engine, WROTE, sampling)
    except UnsupportedSchema as error:  # any other error fails the test
        return f"{error} {error.facts} {error.faults}"


async def test_no_schema_ends_a_model_or_delays_the_answers_of_others(
    engine: ProcessEngine,
) -> None:
    alone, quiet_s = await timed(engine, 400)
    pid = engine.pid
    for _ in range(2):  # compiled and refused once, then asked for again
        hostile = [asyncio.create_task(ask(engine, schema)) for schema in HOSTILE]
        other, busy_s = await timed(engine, 400)
        assert other == alone
        await asyncio.gather(*hostile)
        # Three more answers are written at the same time, each as much work as this one.
        assert busy_s < 8 * quiet_s + 2.0
    assert (engine.pid, engine.exited.done()) == (pid, False)


async def test_what_a_schema_says_is_never_logged_nor_told_to_the_operator(
    engine: ProcessEngine,
) -> None:
    with capture_logs() as logged:
        told = [await ask(engine, schema) for schema in HOSTILE if "enum" not in schema]
        told.append(await ask(engine, None, raw=f'{{"{WROTE}": '))
        await engine.close()
    assert sum("refused" in one for one in told) > 5
    assert "Dupont" not in f"{told} {logged}"


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(schema=schemas(), temperature=st.sampled_from([0.0, 1.0]), seed=st.integers(0, 2**31))
async def test_any_schema_is_refused_or_followed_by_a_real_model(
    engine: ProcessEngine, schema: dict[str, Any], temperature: float, seed: int
) -> None:
    """The process lives through all of them: it is the same for every example."""
    pid, chunks = engine.pid, []
    with suppress(UnsupportedSchema):
        text = checked_schema(schema, "json_schema")
        sampling = Sampling(
            max_tokens=150, temperature=temperature, seed=seed, top_k=600, json_schema=text
        )
        chunks = await chunks_of(engine, "une question", sampling)
    if chunks and chunks[-1].finish_reason == "stop":
        answered = json.loads("".join(chunk.text for chunk in chunks))
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(answered)
    assert (engine.pid, engine.exited.done()) == (pid, False)
