"""/v1, from the wire: shapes, refusals, and what a model reads."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from ai_core.engines.base import Prompt, Sampling, TextChunk, TokenLogprob
from ai_core.engines.scripted import ScriptedEngine

QUESTION = "Quelle est la durée du préavis en cas de démission ?"


def asked(text: str = QUESTION, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], **more}


class CutCharacters(ScriptedEngine):
    """Writes its script with a token for each byte."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        async for chunk in super().stream(prompt, sampling):
            tokens = tuple(TokenLogprob(bytes([one]), -0.5) for one in chunk.text.encode())
            yield replace(chunk, tokens=len(tokens), logprobs=tokens)


async def post(app: Any, path: str, body: object, **headers: str) -> Any:
    bearing = {"Authorization": f"Bearer {app.keys['inference']}"}
    return await app.client.post(f"/v1/{path}", json=body, headers=bearing | headers)


def chunks(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data:")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


async def test_the_assistant_answers_with_the_law_and_lists_its_sources(app: Any) -> None:
    response = await post(app, "chat/completions", asked(model="cdt-assistant"))

    told = response.json()
    text = told["choices"][0]["message"]["content"]
    numbers = [citation["number"] for citation in told["citations"]]
    assert "L1237-1" in numbers
    assert "Sources :\n[1] " in text
    assert all(citation["url"] in text for citation in told["citations"])
    assert told["answered_by"] == "extractive"


@pytest.mark.parametrize("model", ["cdt-assistant", "scripted"])
async def test_every_model_tells_what_was_masked(running_app: Any, model: str) -> None:
    question = "Quel préavis ? 06 12 34 56 78"
    async with running_app(ScriptedEngine("Un mois.")) as app:
        with_data = await post(
            app,
            "chat/completions",
            {"model": model, "messages": [{"role": "user", "content": question}]},
        )
        without = await post(app, "chat/completions", asked(model=model))

    assert with_data.json()["masked"] == {"phone": 1}
    assert "1 × numéro de téléphone" in with_data.json()["masked_notice"]
    assert "masked" not in without.json()


async def test_a_plain_model_reads_the_callers_words_and_nothing_else(running_app: Any) -> None:
    engine = ScriptedEngine("Selon L4242-42, [7] bonjour.")
    messages = [
        {"role": "developer", "content": "Sois bref."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Bon"}, {"type": "text", "text": "jour"}],
        },
    ]
    async with running_app(engine) as app:
        response = await post(app, "chat/completions", {"model": "scripted", "messages": messages})

    read = [(turn.role, turn.content, turn.cacheable_chars) for turn in engine.prompts[0].messages]
    assert read == [("system", "Sois bref.", 0), ("user", "Bonjour", 0)]
    told = response.json()
    assert told["choices"][0]["message"]["content"] == "Selon L4242-42, [7] bonjour."
    assert told["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    assert "citations" not in told


async def test_a_stream_names_the_role_once_and_ends_with_what_it_took(running_app: Any) -> None:
    body = asked(model="scripted", stream=True, stream_options={"include_usage": True})
    async with running_app(ScriptedEngine("un deux trois")) as app:
        told = chunks((await post(app, "chat/completions", body)).text)

    deltas = [chunk["choices"][0]["delta"] for chunk in told if chunk["choices"]]
    assert [delta.get("role") for delta in deltas] == ["assistant", None, None, None]
    assert "".join(delta.get("content", "") for delta in deltas) == "un deux trois"
    assert told[-2]["choices"][0]["finish_reason"] == "stop"
    assert (told[-1]["choices"], told[-1]["usage"]["completion_tokens"]) == ([], 3)
    assert len({chunk["id"] for chunk in told}) == 1


async def test_a_stream_of_the_assistant_says_the_same_as_its_whole_answer(app: Any) -> None:
    whole = (await post(app, "chat/completions", asked())).json()
    told = chunks((await post(app, "chat/completions", asked(stream=True))).text)

    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in told)
    assert text == whole["choices"][0]["message"]["content"]
    assert told[-1]["citations"] == whole["citations"]


async def test_a_text_is_continued_without_a_template(running_app: Any) -> None:
    engine = ScriptedEngine("il pleut")
    async with running_app(engine) as app:
        response = await post(
            app, "completions", {"model": "scripted", "prompt": "Aujourd'hui, ", "max_tokens": 1}
        )

    assert engine.prompts[0].raw == "Aujourd'hui, "
    choice = response.json()["choices"][0]
    assert (choice["text"], choice["finish_reason"]) == ("il", "length")


async def test_two_texts_that_differ_in_white_space_are_two_questions(running_app: Any) -> None:
    engine = ScriptedEngine("oui")
    async with running_app(engine) as app:
        for prompt in ("a b", "a  b", "a b"):
            await post(app, "completions", {"model": "scripted", "prompt": prompt})

    assert len(engine.prompts) == 2


async def test_logprobs_come_as_openai_writes_them(running_app: Any) -> None:
    async with running_app(ScriptedEngine("un deux")) as app:
        chat = await post(
            app, "chat/completions", asked(model="scripted", logprobs=True, top_logprobs=2)
        )
        text = await post(app, "completions", {"model": "scripted", "prompt": "x", "logprobs": 1})

    content = chat.json()["choices"][0]["logprobs"]["content"]
    assert [token["token"] for token in content] == ["un ", "deux"]
    assert content[0]["bytes"] == list(b"un ")
    assert text.json()["choices"][0]["logprobs"]["text_offset"] == [0, 3]


async def test_a_schema_reaches_the_model(running_app: Any) -> None:
    engine = ScriptedEngine('{"mois": 2}')
    schema = {"type": "object", "properties": {"mois": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": True}}
    async with running_app(engine) as app:
        response = await post(
            app, "chat/completions", asked(model="cdt-assistant", response_format=form)
        )

    assert json.loads(engine.samplings[0].json_schema or "") == schema
    assert json.loads(response.json()["choices"][0]["message"]["content"]) == {"mois": 2}


async def test_vectors_come_as_numbers_or_as_base64(running_app: Any) -> None:
    async with running_app(ScriptedEngine("x")) as app:
        body = {"model": "scripted", "input": ["un deux", "trois"]}
        numbers = (await post(app, "embeddings", body)).json()
        packed = (await post(app, "embeddings", body | {"encoding_format": "base64"})).json()

    vectors = [row["embedding"] for row in numbers["data"]]
    assert vectors == [[7.0, 2.0], [5.0, 1.0]]
    assert struct.unpack("<2f", base64.b64decode(packed["data"][0]["embedding"])) == (7.0, 2.0)
    assert numbers["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


async def test_the_models_are_the_assistant_and_those_that_write(running_app: Any) -> None:
    async with running_app(ScriptedEngine("x")) as app:
        headers = app.key_header()
        listed = (await app.client.get("/v1/models", headers=headers)).json()
        one = await app.client.get("/v1/models/scripted", headers=headers)
        none = await app.client.get("/v1/models/gpt-9", headers=headers)

    assert [model["id"] for model in listed["data"]] == ["cdt-assistant", "scripted"]
    assert one.json()["object"] == "model"
    assert (none.status_code, none.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("chat/completions", asked(tools=[{"type": "function"}]), "tools[0].function"),
        (
            "chat/completions",
            asked(tools=[{"type": "function", "function": {"name": "f"}}]),
            "tools",
        ),
        ("chat/completions", asked(functions=[{"name": "f"}]), "functions"),
        ("chat/completions", asked(n=2), "n"),
        ("chat/completions", asked(presence_penalty=0.5), "presence_penalty"),
        ("chat/completions", asked(frequency_penalty=-2), "frequency_penalty"),
        ("chat/completions", asked(logit_bias={"50256": -100}), "logit_bias"),
        ("chat/completions", asked(logit_bias={"mot": 1}, model="scripted"), "logit_bias.mot"),
        ("rerank", {"query": "a", "documents": []}, "documents"),
        ("rerank", {"query": "a", "documents": ["b"], "top_n": 0}, "top_n"),
        ("rerank", {"query": "a", "documents": [{"texte": "b"}]}, "documents[0].text"),
        ("rerank", {"query": "a", "documents": ["b"] * 257}, "documents"),
        ("rerank", {"query": "a", "documents": ["b"]}, "model"),
        ("chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ("chat/completions", asked(surprise=1), "surprise"),
        ("chat/completions", {"messages": []}, "messages"),
        ("chat/completions", {"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "text": ""}]}]},
            "messages[0].content[0].type",
        ),
        ("completions", {"prompt": ["a", "b"]}, "prompt"),
        ("completions", {"prompt": "a", "echo": True}, "echo"),
        ("embeddings", {"input": "a", "dimensions": 64, "model": "scripted"}, "dimensions"),
        ("embeddings", {"input": [], "model": "scripted"}, "input"),
        ("embeddings", {"input": "a"}, "embeddings"),
    ],
)
async def test_what_is_not_served_is_a_400_that_names_it(
    app: Any, path: str, body: dict[str, object], param: str
) -> None:
    response = await post(app, path, body)

    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == param


@pytest.mark.parametrize(
    "nothing",
    [
        {"n": 1, "tools": [], "presence_penalty": 0, "user": "u", "store": False, "stop": None},
        {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "none"},
        {"reasoning_effort": "none", "verbosity": "low", "service_tier": "flex", "store": True},
        {"moderation": {"model": "m"}, "prompt_cache_retention": "24h", "prompt_cache_options": {}},
        {"safety_identifier": "x" * 999, "metadata": {"a": 1}, "parallel_tool_calls": False},
        {"prediction": {"type": "content", "content": "x"}, "prompt_cache_key": "k"},
        {"stream_options": {"include_obfuscation": True, "include_usage": None}},
        {"response_format": {"type": "text", "json_schema": None}},
        dict.fromkeys(
            [
                *("stream", "top_k", "min_p", "repetition_penalty", "temperature", "top_p"),
                *("max_tokens", "seed", "logit_bias", "audio", "model", "response_format"),
                *("logprobs", "stream_options", "fallback", "modalities", "never_heard_of"),
            ]
        ),
    ],
)
async def test_fields_that_ask_for_nothing_are_taken(app: Any, nothing: dict[str, Any]) -> None:
    response = await post(app, "chat/completions", asked(**nothing))
    assert response.status_code == 200, response.text


async def test_null_is_absent_on_the_other_routes(running_app: Any) -> None:
    async with running_app(ScriptedEngine("x")) as app:
        text = {"model": "scripted", "prompt": "a", "logprobs": None, "stream": None, "top_k": None}
        vectors = {"model": "scripted", "input": "a", "encoding_format": None, "user": None}
        assert (await post(app, "completions", text)).status_code == 200
        assert (await post(app, "embeddings", vectors)).status_code == 200


@pytest.mark.parametrize(
    ("field", "value", "param", "limit"),
    [
        ("max_tokens", 0, "max_tokens", "1"),
        ("max_tokens", 2**31, "max_tokens", "2\u00a0147\u00a0483\u00a0647"),
        ("max_tokens", "beaucoup", "max_tokens", ""),
        ("max_tokens", "5", "max_tokens", ""),
        ("max_tokens", 5.0, "max_tokens", ""),
        ("max_completion_tokens", True, "max_completion_tokens", ""),
        ("temperature", "0.5", "temperature", ""),
        ("top_k", -2, "top_k", "-1"),
        ("top_k", "-1", "top_k", ""),
        ("seed", "7", "seed", ""),
        ("logprobs", 1, "logprobs", ""),
        ("stream", "yes", "stream", ""),
        ("stream", 1, "stream", ""),
        ("stream_options", {"include_usage": "true"}, "stream_options.include_usage", ""),
        ("temperature", 3, "temperature", "2"),
        ("top_p", 0, "top_p", "0"),
        ("top_logprobs", 21, "top_logprobs", "20"),
        ("stop", ["x"] * 9, "stop", "8"),
        ("stop", ["x" * 65], "stop[0]", "64"),
        ("stream", "peut-être", "stream", ""),
        ("stream_options", {"odd": 1}, "stream_options.odd", ""),
        ("response_format", {"type": "xml"}, "response_format.type", "'json_object'"),
        ("n", 2, "n", ""),
        ("frequency_penalty", 2.5, "frequency_penalty", "2"),
        ("presence_penalty", -3, "presence_penalty", "-2"),
        ("surprise", "Jean Dupont", "surprise", ""),
        ("messages", [], "messages", "1"),
        ("messages", None, "messages", ""),
        ("messages", "x", "messages", ""),
        ("messages", [{"role": "user", "content": "a"}] * 2_049, "messages", "2\u00a0048"),
        (
            "messages",
            [{"role": "user", "content": "x" * 32_001}],
            "messages[0].content",
            "32\u00a0000",
        ),
        ("messages", [{"role": "user", "content": 5}], "messages[0].content", ""),
        ("messages", [{"role": "user", "content": ""}], "messages[0].content", ""),
        ("messages", [{"role": "user", "content": "\u200b "}], "messages[0].content", ""),
        ("messages", [{"role": "user"}], "messages[0].content", ""),
        ("messages", [{"content": "a"}], "messages[0].role", ""),
        ("messages", [{"role": "robot", "content": "a"}], "messages[0].role", "'assistant'"),
        (
            "messages",
            [{"role": "user", "content": [{"text": "a"}]}],
            "messages[0].content[0].type",
            "",
        ),
        (
            "messages",
            [{"role": "user", "content": [{"type": "text", "text": ["a"]}]}],
            "messages[0].content[0].text",
            "",
        ),
        (
            "messages",
            [
                {"role": "assistant", "content": "a", "tool_calls": [{"id": "1"}]},
                {"role": "user", "content": "a"},
            ],
            "messages[0].tool_calls[0].function",
            "",
        ),
    ],
)
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_400_names_its_field_and_says_why(
    app: Any, field: str, value: object, param: str, limit: str, language: str
) -> None:
    body = asked() | {field: value}
    response = await post(app, "chat/completions", body, **{"Accept-Language": language})

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param)
    assert param in error["message"]
    assert limit in error["message"]
    assert "Jean" not in response.text


async def test_a_chat_of_many_exchanges_goes_on(running_app: Any) -> None:
    engine = ScriptedEngine("oui")
    turns = [{"role": role, "content": "mot"} for role in ("user", "assistant")] * 300
    async with running_app(engine) as app:
        body = {"model": "scripted", "messages": [*turns, {"role": "user", "content": "fin"}]}
        response = await post(app, "chat/completions", body)

    assert response.status_code == 200
    assert len(engine.prompts[0].messages) == 601


async def test_a_chat_longer_than_the_context_is_refused_with_the_numbers(running_app: Any) -> None:
    engine = ScriptedEngine("oui", context_tokens=100)
    turns = [{"role": role, "content": "mot " * 20} for role in ("user", "assistant")] * 3
    async with running_app(engine) as app:
        body = {"model": "scripted", "messages": [*turns, {"role": "user", "content": "fin"}]}
        response = await post(app, "chat/completions", body)

    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "context_overflow")
    assert "99" in error["message"]
    assert not engine.prompts


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_more_tokens_than_the_context_holds_are_cut_to_it(
    running_app: Any, field: str
) -> None:
    engine = ScriptedEngine("mot " * 5_000, context_tokens=4_096)
    async with running_app(engine) as app:
        response = await post(
            app, "chat/completions", asked("Bonjour", model="scripted", **{field: 128_000})
        )

    assert response.json()["choices"][0]["finish_reason"] == "length"
    assert 4_000 < engine.samplings[0].max_tokens < 4_096


async def test_a_long_answer_asked_for_leaves_room_for_the_question(running_app: Any) -> None:
    engine = ScriptedEngine("Deux mois.", context_tokens=4_096)
    async with running_app(engine) as app:
        response = await post(app, "chat/completions", asked(max_tokens=4_096))

    assert response.status_code == 200
    assert engine.samplings[0].max_tokens >= 1_000


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Dis oui."}],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "Six fois "}],
        [{"role": "assistant", "content": "Il était "}],
    ],
)
async def test_a_model_takes_a_system_turn_alone_and_goes_on_with_an_answer(
    running_app: Any, messages: list[dict[str, str]]
) -> None:
    engine = ScriptedEngine("oui")
    async with running_app(engine) as app:
        response = await post(app, "chat/completions", {"model": "scripted", "messages": messages})

    assert response.status_code == 200
    read = [{"role": turn.role, "content": turn.content} for turn in engine.prompts[0].messages]
    assert read == messages


async def test_the_models_have_names(app: Any) -> None:
    response = await app.client.get("/v1/models/", headers=app.key_header())
    assert response.status_code == 404


async def test_the_bytes_of_a_cut_character_are_its_own(running_app: Any) -> None:
    async with running_app(CutCharacters("€")) as app:
        chat = await post(
            app, "chat/completions", asked("a", model="scripted", logprobs=True, top_logprobs=1)
        )
        text = await post(app, "completions", {"model": "scripted", "prompt": "x", "logprobs": 1})

    content = chat.json()["choices"][0]["logprobs"]["content"]
    assert [token["bytes"] for token in content] == [[0xE2], [0x82], [0xAC]]
    assert [token["token"] for token in content] == ["\ufffd"] * 3
    logprobs = text.json()["choices"][0]["logprobs"]
    assert logprobs["tokens"] == ["bytes:\\xe2", "bytes:\\x82", "bytes:\\xac"]
    assert logprobs["text_offset"] == [0, 0, 0]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"5", b'"x"'])
async def test_a_body_that_is_no_object_is_told_so(app: Any, body: bytes, language: str) -> None:
    headers = app.key_header() | {"Content-Type": "application/json", "Accept-Language": language}
    response = await app.client.post("/v1/chat/completions", content=body, headers=headers)

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, None)
    assert "JSON" in error["message"]
    assert "“”" not in error["message"]
    assert "«  »" not in error["message"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_text_beyond_the_context_is_named_on_every_route(
    running_app: Any, stream: bool
) -> None:
    text = "mot " * 500
    async with running_app(ScriptedEngine("oui", context_tokens=100)) as app:
        chat = await post(app, "chat/completions", asked(text, model="scripted", stream=stream))
        body = {"model": "scripted", "prompt": text, "stream": stream}
        completion = await post(app, "completions", body)

    errors = [json.loads(r.text.removeprefix("data: "))["error"] for r in (chat, completion)]
    assert [error["code"] for error in errors] == ["context_overflow"] * 2
    assert [error["param"] for error in errors] == ["messages", "prompt"]


async def test_a_model_that_only_quotes_is_named(app: Any) -> None:
    error = (await post(app, "chat/completions", asked(model="extractive"))).json()["error"]
    assert (error["code"], error["param"]) == ("knowledge_required", "model")
    assert "knowledge" not in error["message"]


async def test_every_error_is_openais_object(app: Any) -> None:
    found = [
        await app.client.post("/v1/chat/completions", json=asked()),
        await app.client.get("/v1/models"),
        await app.client.get("/v1/nothing"),
        await app.client.get("/v1/chat/completions", headers=app.key_header()),
        await post(app, "chat/completions", asked(model="gpt-9")),
        await app.client.post(
            "/v1/chat/completions",
            content=b"{",
            headers={**app.key_header(), "Content-Type": "application/json"},
        ),
    ]

    assert [response.status_code for response in found] == [401, 401, 404, 405, 404, 400]
    for response in found:
        assert response.headers["content-type"] == "application/json"
        assert set(response.json()["error"]) >= {"message", "type", "param", "code"}


async def test_a_full_line_says_when_to_come_back(running_app: Any) -> None:
    engine = ScriptedEngine("mot " * 400, pause_s=0.01, slots=1)
    async with running_app(engine, most_waiting=1) as app:
        bodies = [asked(f"{QUESTION} {n}", model="scripted") for n in range(3)]
        asking = [asyncio.create_task(post(app, "chat/completions", body)) for body in bodies]
        done, others = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    refused = done.pop().result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_full")
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_model_that_fails_midway_ends_with_an_error_in_the_stream(running_app: Any) -> None:
    async with running_app(ScriptedEngine("un deux trois", fails_after=2)) as app:
        response = await post(app, "chat/completions", asked(model="scripted", stream=True))

    last = json.loads(response.text.strip().splitlines()[-1].removeprefix("data: "))
    assert last["error"]["code"] == "engine_failed"
    assert last["error"]["request_id"]


async def test_top_k_of_minus_one_chooses_among_all_tokens(running_app: Any) -> None:
    """As for vLLM, which disables it so, and llama.cpp, for which anything below 1 does."""
    engine = ScriptedEngine("x")
    async with running_app(engine) as app:
        for top_k in (-1, 0, 7):
            body = asked(model="scripted", temperature=1, top_k=top_k)
            assert (await post(app, "chat/completions", body)).status_code == 200
    assert [sampling.top_k for sampling in engine.samplings] == [0, 0, 7]
