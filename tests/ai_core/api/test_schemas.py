"""JSON schemas over HTTP: refused with their place and reason before any model is asked."""

import json
from typing import Any

import pytest

from ai_core.answering.boilerplate import read_texts
from ai_core.engines.schemas.bounds import MAX_PARTS
from ai_core.engines.scripted import ScriptedEngine
from ai_core.errors import UnsupportedSchema

MESSAGES = [{"role": "user", "content": "Quelle est la durée du préavis de démission ?"}]
HOSTILE: dict[str, tuple[str, str, str]] = {
    "a keyword": ('{"properties": {"n": {"multipleOf": 3}}}', "properties.n.multipleOf", "keyword"),
    "an ambiguity": ('{"pattern": "^((a|b)?){300}c$"}', "pattern", "pattern_ambiguous"),
    "repetitions": ('{"pattern": "^(b(a{99}){99}c){99}$"}', "pattern", "pattern_size"),
    "3,000 digits": ('{"minimum": ' + "9" * 3_000 + "}", "minimum", "number"),
    "an overflow": ('{"maximum": 1e999}', "maximum", "number"),
    "itself": ('{"properties": {"a": {"$ref": "#"}}}', "properties.a.$ref", "recursion"),
    "many values": (json.dumps({"enum": [*range(MAX_PARTS + 1)]}), "enum", "parts"),
    "depth": ('{"items":' * 60 + "{}" + "}" * 60, "items.items", "depth"),
    "depth beyond pydantic": ('{"items":' * 200 + "{}" + "}" * 200, "items.items", "depth"),
    "depth beyond orjson": ('{"anyOf": [' * 600 + "{}" + "]}" * 600, "anyOf.0.anyOf", "depth"),
    "a long text": (json.dumps({"description": "a" * 50_000}), "description", "size"),
}


async def ask(app: Any, path: str, body: str) -> Any:
    headers = {**app.key_header(), "Content-Type": "application/json", "Accept-Language": "fr"}
    return await app.client.post(path, content=body, headers=headers)


def chat_completion(schema: str) -> str:
    form = f'{{"type": "json_schema", "json_schema": {{"name": "a", "schema": {schema}}}}}'
    return f'{{"model": "scripted", "messages": {json.dumps(MESSAGES)}, "response_format": {form}}}'


def chat(schema: str) -> str:
    return f'{{"messages": {json.dumps(MESSAGES)}, "json_schema": {schema}}}'


@pytest.mark.parametrize(("schema", "place", "reason"), HOSTILE.values(), ids=HOSTILE)
async def test_a_refused_schema_names_its_place_and_reaches_no_model(
    running_app: Any, schema: str, place: str, reason: str
) -> None:
    engine = ScriptedEngine("x")
    async with running_app(engine) as app:
        openai = await ask(app, "/v1/chat/completions", chat_completion(schema))
        ours = await ask(app, "/api/v1/chat", chat(schema))
    assert (openai.status_code, ours.status_code) == (400, 400)
    error, problem = openai.json()["error"], ours.json()
    assert error["param"].startswith(f"response_format.json_schema.schema.{place}")
    assert (error["code"], problem["code"]) == ("unsupported", "unsupported")
    assert place in error["message"] or reason == "size"
    assert place in problem["detail"] or reason == "size"
    (fault,) = problem["errors"]
    assert fault["field"].startswith(f"json_schema.{place}")
    assert fault["reason"] == f"schema_{reason}"
    assert (engine.samplings, engine.prompts) == ([], [])


@pytest.mark.parametrize("digits", [4_300, 5_000, 20_000])
async def test_a_number_of_any_length_is_a_bad_request(running_app: Any, digits: int) -> None:
    schema = '{"enum": [' + "9" * digits + "]}"
    async with running_app(ScriptedEngine("x")) as app:
        for path, body in (
            ("/v1/chat/completions", chat_completion(schema)),
            ("/api/v1/chat", chat(schema)),
            ("/api/v1/generate", f'{{"prompt": "a", "json_schema": {schema}}}'),
        ):
            assert (await ask(app, path, body)).status_code == 400


@pytest.mark.parametrize("levels", [300, 3_000])
async def test_any_field_that_nests_too_deep_is_named_with_the_limit(
    running_app: Any, levels: int
) -> None:
    deep = json.dumps(MESSAGES) + ', "metadata": {"a, \\"}]": ' + "[" * levels + "]" * levels + "}"
    async with running_app(ScriptedEngine("x")) as app:
        told = await ask(app, "/v1/chat/completions", f'{{"messages": {deep}}}')
        listed = await ask(app, "/v1/chat/completions", "[" * levels + "]" * levels)
        broken = await ask(app, "/v1/chat/completions", f'{{"messages": {deep[:-levels]}')

    assert (told.status_code, told.json()["error"]["param"]) == (400, "metadata")
    assert "200" in told.json()["error"]["message"]
    assert listed.status_code == broken.status_code == 400


async def test_a_cut_answer_says_so_everywhere(running_app: Any) -> None:
    """What `max_tokens` cuts is no valid JSON; `finish_reason` tells it from a whole answer."""
    whole = '{"mois": [1, 2, 3]}'
    async with running_app(ScriptedEngine(whole)) as app:
        for cut in (True, False):
            limit = 2 if cut else 99
            openai = json.loads(chat_completion("{}")) | {"max_tokens": limit}
            ours = json.loads(chat("{}")) | {"max_tokens": limit}
            completion = (await ask(app, "/v1/chat/completions", json.dumps(openai))).json()
            choice = completion["choices"][0]
            reply = (await ask(app, "/api/v1/chat", json.dumps(ours))).json()
            streamed = await ask(app, "/api/v1/chat", json.dumps(ours | {"stream": True}))
            reason = "length" if cut else "stop"
            assert (choice["finish_reason"], reply["finish_reason"]) == (reason, reason)
            assert f'"finish_reason":"{reason}"' in streamed.text
            assert reply["response"].startswith('{"mois"')


def test_every_reason_has_a_sentence() -> None:
    texts = read_texts()
    reasons = ["size", "depth", "parts", "repeats", "number", "keyword", "value", "format"]
    reasons += ["reference", "recursion", "unsatisfiable", "complex", "no_end"]
    reasons += ["pattern_syntax", "pattern_size", "pattern_ambiguous"]
    for reason in reasons:
        error = UnsupportedSchema(reason, field="json_schema.a", limit=7)
        for language in ("fr", "en"):
            assert "{" not in texts.say(error.sentence, language, **error.facts)
