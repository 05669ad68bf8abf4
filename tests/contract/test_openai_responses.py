"""`/v1/responses` and several choices by the `openai` package, against the real service."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest
from openai.types.responses import response_create_params

from ai_core.api.openai_responses import ResponseRequest
from ai_core.engines.base import Prompt, Sampling, TextChunk
from ai_core.engines.scripted import ScriptedEngine
from tests.servers.loopback import served

QUESTION = "Quelle est la durée du préavis en cas de démission ?"
CALL = '<tool_call>\n{"name": "pay", "arguments": {}}\n</tool_call>'
PAY: Any = {"type": "function", "name": "pay", "parameters": None, "strict": True}


class SeedEngine(ScriptedEngine):
    """Writes its seed."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        self.samplings.append(sampling)
        yield TextChunk("graine ", 1, prompt_tokens=3)
        yield TextChunk(str(sampling.seed), 1, finish_reason="stop")


async def test_a_response_is_whole_and_streamed(running_app: Any) -> None:
    engine = ScriptedEngine(f"<think>hm</think>Deux mois [1]. {CALL}")
    async with (
        running_app(engine) as app,
        served(app.asgi) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=app.keys["inference"]) as opened,
    ):
        client: Any = opened
        law = await client.responses.create(model="cdt-assistant", input=QUESTION)
        whole = await client.responses.create(
            model="scripted",
            instructions="Sois bref.",
            input=[{"role": "user", "content": [{"type": "input_text", "text": "Bonjour"}]}],
            tools=[PAY],
            max_output_tokens=50,
            temperature=0,
        )
        async with client.responses.stream(
            model="scripted", input="Bonjour", tools=[PAY]
        ) as stream:
            events = [event async for event in stream]
            gathered = await stream.get_final_response()
        again = await client.responses.create(
            model="scripted",
            input=[
                {"role": "user", "content": "Bonjour"},
                *whole.model_dump()["output"],
                {
                    "type": "function_call_output",
                    "call_id": whole.output[-1].call_id,
                    "output": "2 000",
                },
            ],
        )
        cut = await client.responses.create(model="scripted", input="x", max_output_tokens=1)

    cited = [note for item in law.output for part in item.content for note in part.annotations]
    assert all(law.output_text[note.start_index : note.end_index] == note.url for note in cited)
    assert cited
    for told in (whole, gathered):
        assert [item.type for item in told.output] == ["reasoning", "message", "function_call"]
        assert told.output_text == "Deux mois [1]."
        assert told.output[-1].name == "pay"
        assert (told.status, told.store) == ("completed", False)
        assert told.usage
        assert told.usage.output_tokens > 2
    assert [(turn.role, turn.content) for turn in engine.prompts[1].messages] == [
        ("system", "Sois bref."),
        ("user", "Bonjour"),
    ]
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    for kind in ("response.reasoning_text.delta", "response.function_call_arguments.done"):
        assert kind in kinds
    assert [event.sequence_number for event in events if "created" not in event.type][-1] > 10
    assert [turn.role for turn in engine.prompts[3].messages] == ["user", "assistant", "tool"]
    assert (again.status, cut.status) == ("completed", "incomplete")
    assert cut.incomplete_details.reason == "max_output_tokens"


def test_every_field_of_a_response_request_is_served_unused_or_refused() -> None:
    fields = set(response_create_params.ResponseCreateParamsBase.__annotations__)
    assert fields - {*ResponseRequest.model_fields} == set()


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"surprise": 1}, "surprise"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].type",
        ),
        ({"input": [{"role": "user", "content": ""}], "instructions": "x"}, "input[0].content"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"content": "x"}]}, "input[0].role"),
        ({"input": [{"type": "function_call", "name": "pay"}]}, "input[0].tool_calls[0].id"),
        (
            {"tools": [{"type": "function", "name": "f", "parameters": {"not": 1}}]},
            "tools[0].parameters.not",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        (
            {"text": {"format": {"type": "json_schema", "schema": {"not": {}}}}},
            "text.format.schema.not",
        ),
        (
            {"input": [{"type": "function_call_output", "call_id": "call_9", "output": "x"}]},
            "input[0].call_id",
        ),
    ],
)
async def test_what_a_response_cannot_be_is_a_400_that_names_it(
    running_app: Any, changed: dict[str, Any], param: str
) -> None:
    async with running_app(ScriptedEngine("x")) as app:
        body = {"model": "scripted", "input": "Bonjour"} | changed
        response = await app.client.post("/v1/responses", json=body, headers=app.key_header())

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param), error


async def test_an_answer_is_written_several_times(running_app: Any) -> None:
    engine = SeedEngine("")
    asked: Any = {
        "model": "scripted",
        "messages": [{"role": "user", "content": "Bonjour"}],
        "n": 3,
        "seed": 7,
        "temperature": 1,
    }
    async with (
        running_app(engine) as app,
        served(app.asgi) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=app.keys["inference"]) as opened,
    ):
        client: Any = opened
        whole = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        texts = await client.completions.create(model="scripted", prompt="x", n=2, seed=1)
        with pytest.raises(openai.BadRequestError) as many:
            await client.chat.completions.create(**asked | {"n": 5})
        with pytest.raises(openai.BadRequestError) as assistant:
            await client.chat.completions.create(**asked | {"model": "cdt-assistant"})

    written = [choice.message.content for choice in whole.choices]
    assert written == ["graine 7", "graine 8", "graine 9"]
    assert whole.usage
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (3, 6)
    streamed = {0: "", 1: "", 2: ""}
    for chunk in chunks:
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert list(streamed.values()) == written
    ends = [choice.index for one in chunks for choice in one.choices if choice.finish_reason]
    assert sorted(ends) == [0, 1, 2]
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 6
    assert [choice.text for choice in texts.choices] == ["graine 1", "graine 2"]
    assert [error.value.param for error in (many, assistant)] == ["n", "n"]
    assert json.loads(many.value.response.text)["error"]["type"] == "invalid_request_error"
