"""Function calling by the `openai` package, against the real service on loopback."""

import json
from typing import Any

import openai
import pytest

from ai_core.engines.base import Capabilities
from ai_core.engines.scripted import CALL_FORMAT, ScriptedEngine
from tests.servers.loopback import served

NOTICE: Any = {
    "type": "function",
    "function": {
        "name": "notice_period",
        "description": "Durée du préavis.",
        "parameters": {
            "type": "object",
            "properties": {"trade": {"$ref": "#/$defs/Trade"}},
            "required": ["trade"],
            "$defs": {"Trade": {"type": "string", "enum": ["baker", "clerk"]}},
        },
    },
}
PAY: Any = {"type": "function", "function": {"name": "pay"}}
CALL = '<tool_call>\n{"name": "notice_period", "arguments": {"trade": "baker"}}\n</tool_call>'
SECOND = '<tool_call>\n{"name": "pay", "arguments": {}}\n</tool_call>'
ASKED: list[Any] = [{"role": "user", "content": "Quel préavis ?"}]


async def test_a_model_calls_and_reads_the_result(running_app: Any) -> None:
    engine = ScriptedEngine(f"Je regarde. {CALL}\n{SECOND}")
    async with (
        running_app(engine) as app,
        served(app.asgi) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=app.keys["inference"]) as opened,
    ):
        client: Any = opened
        told = await client.chat.completions.create(
            model="scripted", messages=ASKED, tools=[NOTICE, PAY]
        )
        one = await client.chat.completions.create(
            model="scripted", messages=ASKED, tools=[NOTICE, PAY], parallel_tool_calls=False
        )
        async with client.chat.completions.stream(
            model="scripted", messages=ASKED, tools=[NOTICE, PAY]
        ) as stream:
            kinds = [event.type async for event in stream]
            gathered = await stream.get_final_completion()
        answer = told.choices[0].message
        calls = answer.tool_calls or []
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": "06 12 34 56 78"} for call in calls
        ]
        await client.chat.completions.create(
            model="scripted",
            messages=[*ASKED, answer.model_dump(), *results],
            tools=[NOTICE, PAY],
        )
        ignored = await client.chat.completions.create(
            model="scripted", messages=ASKED, tools=[NOTICE], tool_choice="none"
        )

    finished = [one.choices[0].finish_reason for one in (told, gathered)]
    assert (finished, answer.content) == (["tool_calls"] * 2, "Je regarde.")
    assert [call.function.name for call in calls if call.type == "function"] == [
        "notice_period",
        "pay",
    ]
    assert calls[0].type == "function"
    assert json.loads(calls[0].function.arguments) == {"trade": "baker"}
    assert len(one.choices[0].message.tool_calls or []) == 1
    assert "tool_calls.function.arguments.done" in kinds
    again = gathered.choices[0].message.tool_calls or []
    assert [call.function.arguments for call in again] == ['{"trade": "baker"}', "{}"]
    last = engine.prompts[3]
    assert [turn.role for turn in last.messages] == ["user", "assistant", "tool", "tool"]
    assert last.messages[1].tool_calls[0].arguments == '{"trade": "baker"}'
    assert last.messages[3].tool_call_id == calls[1].id
    assert "06 12" not in str(last.messages), "what a function found is masked, too"
    assert last.tool_use
    assert [tool.name for tool in last.tool_use.tools] == ["notice_period", "pay"]
    assert ignored.choices[0].message.content == f"Je regarde. {CALL}\n{SECOND}"


async def test_a_call_that_is_asked_for_follows_the_schema(running_app: Any) -> None:
    one = ScriptedEngine('{"name": "notice_period", "arguments": {"trade": "clerk"}}')
    async with (
        running_app(one) as app,
        served(app.asgi) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=app.keys["inference"]) as opened,
    ):
        client: Any = opened
        named = await client.chat.completions.create(
            model="scripted",
            messages=ASKED,
            tools=[NOTICE, PAY],
            tool_choice={"type": "function", "function": {"name": "notice_period"}},
        )
        await client.chat.completions.create(
            model="scripted", messages=ASKED, tools=[NOTICE, PAY], tool_choice="required"
        )

    (call,) = named.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"trade": "clerk"}
    assert named.choices[0].message.content is None
    followed = json.loads(one.samplings[0].json_schema or "")
    assert followed["properties"]["name"] == {"const": "notice_period"}
    assert followed["$defs"]["f0.Trade"] == {"type": "string", "enum": ["baker", "clerk"]}
    several = json.loads(one.samplings[1].json_schema or "")
    assert len(several["items"]["anyOf"]) == 2


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"model": "cdt-assistant"}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "browser"}]}, "tools[0].type"),
        ({"tools": [PAY] * 65}, "tools"),
        ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"not": {}}}}]},
            "tools[0].function.parameters.not",
        ),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"type": "null"}}}
                ]
            },
            "tools[0].function.parameters",
        ),
        (
            {"messages": [*ASKED, {"role": "tool", "content": "x", "tool_call_id": "call_9"}]},
            "messages[1].tool_call_id",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": "c",
                                "type": "function",
                                "function": {"name": "pay", "arguments": "[1]"},
                            }
                        ],
                    },
                    *ASKED,
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
    ],
)
async def test_what_cannot_be_called_is_a_400_that_names_it(
    running_app: Any, changed: dict[str, Any], param: str
) -> None:
    async with running_app(ScriptedEngine("x")) as app:
        body = {"model": "scripted", "messages": ASKED, "tools": [PAY]} | changed
        response = await app.client.post(
            "/v1/chat/completions", json=body, headers=app.key_header()
        )

    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param), error


async def test_a_model_without_calls_says_so(running_app: Any) -> None:
    plain = ScriptedEngine("x", capabilities=Capabilities(json_schema=True))
    assert CALL_FORMAT.opening
    async with (
        running_app(plain) as app,
        served(app.asgi) as url,
        openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=app.keys["inference"]) as opened,
    ):
        client: Any = opened
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="scripted", messages=ASKED, tools=[PAY])

    assert (refused.value.code, refused.value.param) == ("unsupported", "tools")
