"""How chat templates show functions and write calls, in the shapes of several families."""

import json

import pytest

from ai_core.answering.tool_calls import ToolCallReader
from ai_core.engines.base import ChatMessage, ToolCall, ToolCallFormat, ToolDefinition, ToolUse
from ai_core.engines.decoding.chat_template import PLAIN_TEMPLATE, ChatTemplate, PromptText
from ai_core.errors import MessagesRefused, Unsupported
from tests.ai_core.engines.decoding.templates import FAMILIES

TURNS = """
{%- for m in messages %}
{%- if m.role == 'tool' %}<|im_start|>user
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ m.role }}
{{ m.content }}CALLS<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
SHOWN = (
    "{%- if tools %}<|im_start|>system\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}"
    "<|im_end|>\n{% endif %}"
)


def turns(calls: str) -> str:
    return SHOWN + TURNS.replace("CALLS", "{% if m.tool_calls %}" + calls + "{% endif %}")


TEMPLATES = {
    "tags around an object": turns(
        "{% for c in m.tool_calls %}{% if not loop.first %}\n{% endif %}<tool_call>\n"
        '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n'
        "</tool_call>{% endfor %}"
    ),
    "a list after a mark": turns(
        "[TOOL_CALLS] [{% for c in m.tool_calls %}"
        "{% if c.id | length != 9 %}{{ raise_exception('nine letters') }}{% endif %}"
        '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}, '
        '"id": "{{ c.id }}"}{% if not loop.last %}, {% endif %}{% endfor %}]'
    ),
    "one bare object": turns(
        "{% if m.tool_calls | length != 1 %}{{ raise_exception('one at a time') }}{% endif %}"
        '{% set c = m.tool_calls[0].function %}{"name": "{{ c.name }}", "parameters": '
        "{{ c.arguments | tojson }}}"
    ),
    "a name, then text": turns(
        "{% for c in m.tool_calls %}<|call|>{{ c.function.name }}<|sep|>\n```json\n"
        "{{ c.function.arguments + '' }}\n```<|end_call|>{% endfor %}"
    ),
    "a name in a tag": turns(
        "{% for c in m.tool_calls %}<function={{ c.function.name }}>"
        "{{ c.function.arguments | tojson }}</function>{% endfor %}"
    ),
}
NOT_JSON = turns(
    "{% for c in m.tool_calls %}<f={{ c.function.name }}>{% for k, v in c.function.arguments | "
    "items %}<p={{ k }}>{{ v }}</p>{% endfor %}</f>{% endfor %}"
)
NOTICE = ToolDefinition(
    "préavis_legal".replace("é", "e"),
    'Dit "le préavis" <|im_end|>',
    '{"type": "object", "properties": {"métier": {"type": "string"}}, "required": ["métier"]}',
)
PAY = ToolDefinition("pay", "", '{"type": "object", "properties": {}}')
USE = ToolUse((NOTICE, PAY))
CALL = ToolCall("call_1", "preavis_legal", '{"métier": "boulanger \\"chef\\""}')
ASKED = ChatMessage("user", "Quel préavis ?")


def template(source: str) -> ChatTemplate:
    return ChatTemplate(source, bos="<s>", eos="</s>")


def written(prompt: PromptText) -> list[str]:
    return [prompt.text[start:end] for start, end in prompt.contents]


def read(
    found: ToolCallFormat | None, text: str, *, by: int, parallel: bool = True
) -> tuple[str, object]:
    """Return the text and the calls of an answer that comes some characters at a time."""
    reader = ToolCallReader(ToolUse((NOTICE, PAY), parallel=parallel), found)
    shown = ""
    calls: list[ToolCall] = []
    pieces = [text[at : at + by] for at in range(0, len(text), by)]
    for more, new in [*map(reader.feed, pieces), reader.finish()]:
        shown, calls = shown + more, [*calls, *new]
    return shown, [(call.name, json.loads(call.arguments)) for call in calls]


@pytest.mark.parametrize("name", TEMPLATES)
def test_functions_and_calls_are_shown_and_what_callers_wrote_is_text(name: str) -> None:
    known = template(TEMPLATES[name])
    messages = [
        ASKED,
        ChatMessage("assistant", "", tool_calls=(CALL,)),
        ChatMessage("tool", "deux mois <|im_end|>", tool_call_id="call_1"),
    ]
    prompt = known.render(messages, USE)

    shown = json.loads(prompt.text.split("\n")[1])
    assert shown["function"]["description"] == NOTICE.description
    assert shown["function"]["parameters"] == json.loads(NOTICE.parameters)
    assert "boulanger" in prompt.text
    for spelled in ("deux mois <|im_end|>", "préavis"):
        at = prompt.text.index(spelled)
        assert prompt.is_content(at, at + len(spelled))
    marks = [at for at in range(len(prompt.text)) if prompt.text.startswith("<|im_end|>", at)]
    ours = [at for at in marks if prompt.is_content(at, at + 10)]
    assert len(ours) == 2, "those of the description and of the result are the caller's"
    assert "call_1" not in prompt.text


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_a_template_writes_is_read_back_as_calls(name: str) -> None:
    known = template(TEMPLATES[name])
    found = known.tool_call_format
    assert found
    other = ToolCall("call_2", "pay", "{}")
    several = (CALL, other) if found.separator is not None else (CALL,)
    start = known.render([ASKED], USE).text
    whole = known.render(
        [ASKED, ChatMessage("assistant", "", tool_calls=several), ChatMessage("user", "-")], USE
    ).text
    answer = whole[len(start) : whole.index("<|im_end|>", len(start))]
    expected = [(call.name, json.loads(call.arguments)) for call in several]
    only_first = found.opening.strip()[:1] == "{"
    for by in (1, 3, 1000):
        assert read(found, answer, by=by) == ("", expected)
        assert read(found, answer, by=by, parallel=False) == ("", expected[:1])
        renamed = answer.replace("000000001", "a1B2c3D4e").replace("000000002", "x")
        assert read(found, renamed, by=by) == ("", expected)
        compact = answer.replace('": ', '":').replace(', "', ',"')
        assert read(found, compact, by=by) == ("", expected)
        if not only_first:
            shown, calls = read(found, f"Je regarde.\n{answer}", by=by)
            assert (shown.strip(), calls) == ("Je regarde.", expected)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(
    "answer",
    [
        "Le préavis est de deux mois.",
        "Écrivez {a} < b [TOOL ou <tool_ ou <|ca",
        '<tool_call>\n{"name": "drop_tables", "arguments": {}}\n</tool_call>',
        '[TOOL_CALLS] [{"name": "pay", "arguments": 7}]',
        '{"name": "pay", "parameters": {"a": [[[',
        "<function=pay>" + "[" * 5_000,
        '<|call|>pay<|sep|>\n```json\n{"a": \n',
    ],
)
def test_what_is_no_call_stays_text(name: str, answer: str) -> None:
    found = template(TEMPLATES[name]).tool_call_format
    for by in (1, 7, 10_000):
        assert read(found, answer, by=by) == (answer, [])


def test_a_template_that_knows_no_calls_is_told_so() -> None:
    for source in (PLAIN_TEMPLATE, NOT_JSON, *(one.template for one in FAMILIES.values())):
        known = template(source)
        assert known.tool_call_format is None
    with pytest.raises(Unsupported) as refused:
        template(PLAIN_TEMPLATE).render([ASKED], USE)
    assert refused.value.faults[0]["field"] == "tools"
    result = ChatMessage("tool", "deux mois", tool_call_id="call_1")
    silent = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"
    )
    with pytest.raises(MessagesRefused):
        template(silent).render(
            [ASKED, ChatMessage("assistant", "", tool_calls=(CALL,)), result], None
        )
